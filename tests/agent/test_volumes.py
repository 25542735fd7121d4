"""Volumes at their paths, as root and as somebody else, and where no namespaces are to be had."""

import ctypes
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from atoll.agent import mounts
from tests.agent.conftest import RealAgent

NOBODY = 65534


@pytest.fixture
def volume(base: Path) -> Path:
    folder = base / "volume"
    folder.mkdir()
    (folder / "kept").write_text("from the volume\n")
    return folder


def mount(volume: Path, path: str, name: str = "my-data.1") -> list[dict[str, str]]:
    return [{"volume": name, "source": str(volume), "path": path}]


def test_a_volume_is_at_its_path_and_the_host_is_unchanged(agent: RealAgent, volume: Path) -> None:
    assert agent.http.get("/healthz").json()["mounts_at_path"]
    commands = [
        "cat /atoll-test/deep/data/kept",
        "echo written > /atoll-test/deep/data/new",
        "echo $ATOLL_VOLUME_MY_DATA_1",
    ]
    state = agent.run("vol", *commands, mounts=mount(volume, "/atoll-test/deep/data"))
    assert (state["exit_code"], state["message"]) == (0, "")
    assert agent.output("vol") == b"from the volume\n/atoll-test/deep/data\n"
    assert (volume / "new").read_text() == "written\n"
    assert not Path("/atoll-test").exists()


def test_a_volume_covers_an_existing_folder_and_may_stand_in_one(agent: RealAgent, volume: Path, base: Path) -> None:
    there = base / "there"
    there.mkdir()
    (there / "hidden").touch()
    places = mount(volume, str(there), "a") + mount(volume, str(base / "new" / "place"), "b")
    agent.run("vol", f"ls {there}", f"cat {base}/new/place/kept", f"ls {base}", mounts=places)
    assert agent.output("vol").startswith(b"kept\nfrom the volume\n")
    assert b"volume\n" in agent.output("vol")
    assert not (base / "new").exists()


def test_without_namespaces_a_variable_says_where_the_volume_is(stopped: RealAgent, volume: Path) -> None:
    stopped.environment = {"ATOLL_AGENT_NO_NAMESPACES": "1"}
    agent = stopped.start()
    assert not agent.http.get("/healthz").json()["mounts_at_path"]
    agent.run("vol", "cat $ATOLL_VOLUME_DATA/kept", mounts=mount(volume, "/atoll-test", "data"))
    assert agent.output("vol") == b"from the volume\n"


def test_a_volume_that_is_not_there_fails_the_start(agent: RealAgent, volume: Path) -> None:
    state = agent.run("vol", "true", mounts=mount(volume / "none", "/atoll-test"))
    assert state["reason"] == "start-failed"
    assert str(volume / "none") in state["message"]


def test_a_path_that_is_a_file_fails_the_start(agent: RealAgent, volume: Path) -> None:
    state = agent.run("vol", "true", mounts=mount(volume, str(volume / "kept")))
    assert (state["reason"], "is not a folder" in state["message"]) == ("start-failed", True)


@pytest.mark.parametrize(
    "path", ["data", "/", "/proc", "/dev/data", "/sys/x", "/a/../proc", "/a/", "//a", "/a//b", "", "/a\0b"]
)
def test_paths_that_the_system_needs_or_that_are_not_plain_are_refused(path: str) -> None:
    assert mounts.refusal(path)


def test_a_bad_mount_is_refused_at_the_submission(agent: RealAgent, volume: Path) -> None:
    bad = [mount(volume, "/proc"), mount(volume, str(agent.state / "jobs")), mount(volume, str(agent.base))]
    bad += [mount(Path("relative"), "/data"), mount(volume, "/data") * 2]
    for places in bad:
        answer = agent.http.put("/jobs/bad", json={"commands": ["true"], "mounts": places})
        assert (answer.status_code, bool(answer.json()["message"])) == (422, True)


@pytest.fixture
def open_base() -> Iterator[Path]:
    """A folder that belongs to the user nobody where the test runs as root."""
    with tempfile.TemporaryDirectory(prefix="aa") as folder:
        path = Path(folder)
        for name in ("volume", "staging"):
            (path / name).mkdir()
        if os.getuid() == 0:
            for each in (path, path / "volume", path / "staging"):
                os.chown(each, NOBODY, NOBODY)
        yield path


def test_users_other_than_root_get_volumes_at_their_paths_too(open_base: Path) -> None:
    script = "echo mine > /atoll-test/data/new && id -u > /atoll-test/data/uid"
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setgroups([])
                os.setresgid(NOBODY, NOBODY, NOBODY)
                os.setresuid(NOBODY, NOBODY, NOBODY)
                # A change of user takes /proc/self away until the next exec: prctl(2), PR_SET_DUMPABLE.
                ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)
            os.chdir("/")
            assert mounts.probe(open_base / "staging") == "user"
            mounts.enter("user", [(str(open_base / "volume"), "/atoll-test/data")], open_base / "staging")
            os.execv("/bin/sh", ["sh", "-c", script])
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    expected = NOBODY if os.getuid() == 0 else os.getuid()
    assert (open_base / "volume" / "uid").read_text() == f"{expected}\n"
    assert (open_base / "volume" / "new").stat().st_uid == expected
