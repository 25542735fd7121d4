"""The server as a process: found and started by itself, alone on its data, and gone in the middle of things."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Place, until

TASK = (
    "type: task\nname: {name}\ncommands: [echo begun, 'while [ ! -e {folder}/go ]; do sleep 0.05; done', echo over]\n"
)


def serve(place: Path, *options: str, database: str | None = None) -> "subprocess.CompletedProcess[str]":
    """Start a server by hand, which must refuse to."""
    more = {"ATOLL_DATABASE_URL": database} if database else {}
    return subprocess.run(
        [sys.executable, "-m", "atoll.server", "--home", str(place), *options],
        env={"PATH": os.environ["PATH"]} | more,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def reported(done: "subprocess.CompletedProcess[str]") -> str:
    """The one line with which a server refused."""
    assert done.returncode == 1, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    return lines[0]


def test_a_data_folder_and_a_database_have_one_server(shared: Place, tmp_path: Path) -> None:
    pid = shared.server_pid()
    words = reported(serve(shared.home))
    assert f"a server (process {pid}) uses {shared.home} already" in words
    assert "`atoll server stop`" in words
    words = reported(serve(tmp_path / "other", database=f"sqlite+aiosqlite:///{shared.home}/atoll.db"))
    assert f"a server (process {pid}) uses the database {shared.home}/atoll.db already" in words
    assert "runs already" in shared.ok("server", "start")
    assert shared.server_pid() == pid
    assert "stop it first" in shared.refused("server", "start", "--port", "9")


def test_a_port_in_use_is_reported(own: Place) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = own("server", "start", "--port", str(port))
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use: choose another --port" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (own.home / "server.json").exists()
    assert own("server", "status").returncode == 1
    own.ok("server", "start", "--port", str(port))
    assert f"http://127.0.0.1:{port}" in own.ok("server", "status")
    assert own.json("fleet") == []


def test_a_database_of_a_newer_version_is_left_as_it_is(own: Place) -> None:
    own.ok("server", "start")
    own.ok("server", "stop")
    database = own.home / "atoll.db"
    with sqlite3.connect(database) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = database.read_bytes()
    done = own("fleet")
    assert done.returncode == 1
    assert f"the database {database} is of a newer Atoll (schema 9999" in done.stderr
    assert "use that Atoll, or another database" in done.stderr
    assert "Traceback" not in done.stderr
    assert database.read_bytes() == before
    assert not own.processes()


@pytest.mark.long  # several servers start
def test_a_damaged_database_and_a_wrong_configuration_are_reported(own: Place) -> None:
    own.home.mkdir()
    (own.home / "config.yml").write_text("backends: [{type: local, zonez: 3}]\n")
    done = own("fleet")
    assert done.returncode == 1
    assert "the local backend has no setting `zonez`; did you mean `zones`?" in done.stderr
    (own.home / "config.yml").write_text("backends: [{type: lokal}]\n")
    done = own("fleet")
    assert done.returncode == 1
    assert "lokal" in done.stderr
    (own.home / "config.yml").unlink()
    (own.home / "atoll.db").write_text("this is no database, as anybody can see\n" * 100)
    done = own("fleet")
    assert done.returncode == 1
    assert f"the database {own.home}/atoll.db cannot be used" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_killed_in_the_middle_of_apply_loses_nothing(shared: Place) -> None:
    text = TASK.format(name="survivor", folder=shared.folder)
    file = shared.write("survivor", text)
    following = shared.begin("apply", "-f", file, "-y")
    assert following.stdout is not None
    assert any(line == "begun\n" for line in following.stdout)
    os.kill(shared.server_pid(), signal.SIGKILL)
    words, _ = following.communicate(timeout=30)
    assert following.returncode == 1
    assert "went away" in words
    assert "help: run the same command again" in words
    assert "Traceback" not in words
    assert "nothing to change" in shared.ok("apply", "-f", file, "-y")
    (shared.folder / "go").touch()
    assert shared.ok("logs", "survivor", "-f") == "begun\nover\n"
    until(lambda: shared.client().run("survivor").finished_at, "the run to be over")
    assert shared.client().run("survivor").exit_code == 0
    assert len([run for run in shared.client().runs(all=True) if run.name == "survivor"]) == 1


def test_a_stopped_server_is_started_by_the_next_command_and_jobs_go_on(shared: Place) -> None:
    go = shared.folder / "later"
    go.mkdir()
    file = shared.write("later", TASK.format(name="later", folder=go))
    shared.ok("apply", "-f", file, "-y", "-d")
    until(lambda: shared.ok("logs", "later") == "begun\n", "the job to begin")
    stopped = shared.ok("server", "stop")
    assert stopped.startswith("the server has stopped\nthese continue: ")
    assert "1 run" in stopped
    assert "`atoll server stop --with-instances` ends them too" in stopped
    assert "no server is running" in shared.ok("server", "stop")
    assert shared("server", "status").returncode == 1
    (go / "go").touch()
    assert shared.ok("logs", "later", "-f") == "begun\nover\n"


# Two starts of a server, and a job beside them: 10 s.
@pytest.mark.long
def test_a_trial_ends_without_a_process_a_socket_or_a_folder(own: Place) -> None:
    go = own.folder / "go"
    go.mkdir()
    file = own.write("work", TASK.format(name="work", folder=go) + "---\ntype: volume\nbackend: local\nsize: 1GB\n")
    own.ok("apply", "-f", file, "-y", "-d")
    until(lambda: own.ok("logs", "work") == "begun\n", "the job to begin")
    assert "pass `-y`" in own.refused("server", "stop", "--with-instances", code=2)
    own.ok("server", "stop", "--with-instances", "-y")
    assert not own.processes()
    assert "available" in own.ok("volume")  # starts a server again
    assert "started" in own.ok("server", "logs", "--tail", "5000")
    assert own.ok("server", "logs", "--tail", "1").count("\n") == 1
    former = own.server_pid()
    edited = own(
        "server", "config", "edit", "-y", environment={"EDITOR": "sed -i 's/^# retention:/retention: {runs: 5d}/'"}
    )
    assert "the server runs with it at" in edited.stdout, edited.stderr
    assert own.server_pid() != former
    assert "config.yml" in own.ok("server", "status")
    assert "pass `-y`" in own.refused("server", "reset", code=2)
    own.ok("server", "reset", "-y")
    assert not own.home.exists()
    assert not own.processes()
    assert "nothing to delete" in own.ok("server", "reset", "-y")
    assert not own.home.exists()


def test_secrets_stay_in_private_files(shared: Place) -> None:
    token = (shared.home / "token").read_text().strip()
    text = (
        "type: task\nname: quiet\nenv:\n  - PASSWORD\n  - PLAIN=sesame-in-the-file\n"
        'commands: ["echo $PASSWORD | tr a-z A-Z", "echo $PLAIN | tr a-z A-Z", sleep 1]\n'
    )
    file = shared.write("quiet", text)
    words: list[str] = []
    arguments: list[str] = []
    password = {"PASSWORD": "open-from-outside"}
    with shared.begin("apply", "-f", file, "-y", environment=password) as following:
        assert following.stdout is not None
        for line in following.stdout:
            words.append(line)
            if line == "SESAME-IN-THE-FILE\n":
                arguments = list(shared.processes().values())
    assert following.returncode == 0
    assert arguments
    assert "OPEN-FROM-OUTSIDE\n" in words
    shown = [line for line in words if not line.isupper()]
    shown += [*arguments, (shared.home / "server.log").read_text()]
    for command in (("event", "-v"), ("event", "--json"), ("ps", "-a", "--json"), ("run", "get", "quiet", "-v"),
                    ("plan", "-f", file, "--json"), ("plan", "-f", file, "-v")):  # fmt: skip
        shown.append(shared(*command, environment=password).stdout)
    assert all(shown)
    for secret in (token, "open-from-outside", "sesame-in-the-file"):
        assert not [text for text in shown if secret in text]


def test_files_of_the_data_folder_are_private(shared: Place) -> None:
    def open_to_others(path: Path) -> bool:
        return not path.is_symlink() and bool(path.lstat().st_mode & 0o077)

    assert [path.name for path in (shared.home, *shared.home.iterdir()) if open_to_others(path)] == []
    machines = shared.home / "backends" / "local" / "instances"
    assert [path.name for path in machines.iterdir() if open_to_others(path)] == []


def test_an_unusable_data_folder_is_reported(own: Place) -> None:
    own.home.write_text("a file")
    for command in (("fleet",), ("server", "start"), ("server", "start", "--foreground")):
        done = own(*command)
        assert done.returncode == 1
        assert f"error: cannot use the data folder {own.home}: " in done.stderr
        assert "help: set ATOLL_HOME to a folder that can be written" in done.stderr
    own.home.unlink()


def test_a_data_folder_with_a_long_path_works(tmp_path: Path) -> None:
    place = Place(tmp_path / ("long" * 30))
    place.folder.mkdir()
    try:
        text = "type: task\nname: far\ncommands: [echo from afar]\n"
        assert place.ok("apply", "-f", place.write("far", text), "-y").endswith("\nfrom afar\n")
        place.clear()
    finally:
        place.end()
