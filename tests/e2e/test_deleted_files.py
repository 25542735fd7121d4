"""Files of a running server that were deleted: it writes them again, can be reached, and can be stopped."""

import stat

import pytest

from atoll.client import autostart
from tests.e2e.conftest import Place, until


@pytest.mark.parametrize(
    "names", [["server.sock"], ["token"], ["server.json"], ["server.sock", "token", "server.json"]]
)
def test_a_server_is_reached_and_stopped_after_its_files_were_deleted(own: Place, names: list[str]) -> None:
    own.ok("server", "start")
    pid = autostart.owner(own.home)
    for name in names:
        (own.home / name).unlink()
    until(lambda: own("ps").returncode == 0, "the server to be reached")
    assert autostart.owner(own.home) == pid
    for name in names:
        (own.home / name).unlink()
    own.ok("server", "stop")
    assert autostart.owner(own.home) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("backend:\n- type: local\n", "unknown key `backend`; did you mean `backends`?"),
        ("backends:\n- type: local\n- type: local\n", "has `local` more than once"),
        ("retention: {event: 3d}\n", "`retention` has no key `event`; did you mean `events`?"),
        ("disruption: {pre: 3m}\n", "`disruption` has no key `pre`; did you mean `per`?"),
    ],
)
def test_a_wrong_config_is_refused_with_its_file_and_key(own: Place, text: str, words: str) -> None:
    own.home.mkdir()
    (own.home / "config.yml").write_text(text)
    done = own("server", "start")
    assert done.returncode == 1
    assert str(own.home / "config.yml") in done.stderr
    assert words in done.stderr


def test_an_open_data_folder_becomes_private_and_a_linked_database_has_one_server(own: Place) -> None:
    own.home.mkdir(mode=0o777)
    own.home.chmod(0o777)
    own.ok("server", "start")
    assert stat.S_IMODE(own.home.stat().st_mode) == 0o700
    other = own.folder / "other"
    other.mkdir(mode=0o700)
    (other / "atoll.db").symlink_to(own.home / "atoll.db")
    done = own("server", "start", environment={"ATOLL_HOME": str(other)})
    assert done.returncode == 1
    assert "uses the database" in done.stderr
