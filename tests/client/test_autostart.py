"""Finding the server of this machine, and starting one: here a process that starts as the real one does."""

import json
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from atoll.client import NoServer, autostart, connect, location
from tests.cli.canned_server import TOKEN

ROOT = Path(__file__).parents[2]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A data folder of our own; the servers that were started on it are ended."""

    def command(folder: Path, options: Sequence[str] = ()) -> list[str]:
        return [sys.executable, "-m", "tests.cli.canned_server", "--home", str(folder), *options]

    folder = tmp_path / "home"
    monkeypatch.setenv("ATOLL_HOME", str(folder))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    for name in ("ATOLL_SERVER_URL", "ATOLL_TOKEN", "ATOLL_PROJECT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(autostart, "command", command)
    yield folder
    for pid in started(folder):
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def started(folder: Path) -> list[int]:
    """The processes that were started on this folder."""
    path = folder / "starts"
    return [int(line) for line in path.read_text().split()] if path.exists() else []


def test_two_commands_at_once_start_one_server(home: Path) -> None:
    threads = [threading.Thread(target=connect) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert connect().healthz().status == "ok"
    assert len(started(home)) == 1
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "server.log").stat().st_mode & 0o777 == 0o600


def test_what_a_dead_server_left_is_not_believed(home: Path) -> None:
    home.mkdir()
    (home / "token").write_text(TOKEN)
    stale = {"address": f"unix:{home}/gone.sock", "pid": 2**22 + 1, "version": "0.1.0"}
    (home / "server.json").write_text(json.dumps(stale))
    assert autostart.running(home) is None
    connect()
    assert len(started(home)) == 1


def test_a_server_that_dies_is_reported_with_its_last_lines(home: Path) -> None:
    home.mkdir()
    (home / "refuse").touch()
    (home / "server.log").write_text("an old line\n")
    with pytest.raises(NoServer) as caught:
        connect()
    assert caught.value.message == "the server did not start:\n    error: the database is of a newer version"
    assert str(home / "server.log") in (caught.value.help or "")


def test_an_impossible_data_folder_is_reported(home: Path, tmp_path: Path) -> None:
    home.write_text("a file")
    with pytest.raises(NoServer, match="cannot use the data folder"):
        connect()
    home.unlink()


def test_a_server_elsewhere_is_never_started_here(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATOLL_SERVER_URL", "http://127.0.0.1:9")
    with pytest.raises(NoServer, match="ATOLL_TOKEN is not"):
        connect()
    monkeypatch.setenv("ATOLL_TOKEN", "x")
    monkeypatch.setenv("ATOLL_PROJECT", "other")
    client = connect()
    assert (client.address, client.project) == ("http://127.0.0.1:9", "other")
    assert not home.exists()


def test_half_written_files_are_as_none(tmp_path: Path) -> None:
    assert location.local(tmp_path) is None
    (tmp_path / "server.json").write_text('{"address": "unix:')
    assert location.local(tmp_path) is None


def test_the_data_folder_is_the_users_own_by_default() -> None:
    assert location.home({"ATOLL_HOME": "/x/y"}) == Path("/x/y")
    assert location.home({}).name == "atoll"


def test_a_process_that_ended_and_is_not_reaped_is_not_alive() -> None:
    assert autostart.alive(os.getpid())
    assert not autostart.alive(None)
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitid(os.P_PID, child, os.WEXITED | os.WNOWAIT)
    assert not autostart.alive(child)
    os.waitpid(child, 0)
