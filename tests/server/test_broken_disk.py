"""A disk that fails or becomes read-only: changes are refused in words, reads go on, and nothing is lost."""

import errno
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from atoll.client import ApiError
from atoll.wire.api import SourceFile, Submission
from tests.disks.faulty import COMPILER, FaultyDisk
from tests.server.process import ServerProcess

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler")
FLEET = "type: fleet\nname: {}\nnodes: 2\nresources: {{cpu: 2}}\n"


def submission(name: str) -> Submission:
    return Submission((SourceFile("f.yml", FLEET.format(name)),))


def until(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 90
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (errno.EIO, "disk-failing", "the disk of the data folder cannot be read or written"),
        (errno.EROFS, "disk-read-only", "the disk of the data folder is read-only"),
    ],
)
def test_a_broken_disk_refuses_changes_in_words_and_nothing_is_lost(
    tmp_path: Path, number: int, code: str, words: str
) -> None:
    home = tmp_path / "home"
    disk = FaultyDisk(home, tmp_path)
    with ServerProcess(home, disk.environment) as server:
        client = server.client

        def reasons() -> str:
            return str(httpx.get(f"{server.address}/readyz", timeout=20).json()["reasons"])

        client.apply(submission("before"))
        until(lambda: client.fleet("before").status == "active")
        client.apply(submission("midway"))
        disk.fail(number)
        with pytest.raises(ApiError) as refused:
            client.apply(submission("after"))
        assert refused.value.problem.code == code
        assert "nothing was stored" in refused.value.problem.message
        assert client.fleet("before").status == "active"
        until(lambda: words in reasons())
        [trouble] = client.status().disk_troubles
        assert words in trouble.text
        time.sleep(0.1)
        assert client.status().disk_troubles == (trouble,), "the time is that of its beginning"
        assert [fleet.name for fleet in client.fleets()] == ["before", "midway"]
        disk.heal()
        until(lambda: reasons() == "[]")
        assert client.status().disk_troubles == ()
        client.apply(submission("after"))
        until(lambda: {fleet.status for fleet in client.fleets()} == {"active"})
        instances = [one.name for one in client.instances()]
        assert sorted(instances) == [f"{name}-{node}" for name in ("after", "before", "midway") for node in (0, 1)]
        assert " status=500 " not in server.log
        assert "never retrieved" not in server.log
        assert words in server.log
        assert "the disk of the data folder can be written again, after " in server.log


def test_a_server_does_not_start_on_a_broken_disk_and_says_so_with_the_path(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    disk = FaultyDisk(home, tmp_path)
    disk.fail(errno.EROFS)
    words = [sys.executable, "-m", "atoll.server", "--home", str(home)]
    server = subprocess.run(words, env=disk.environment, capture_output=True, text=True, timeout=60, check=False)
    assert server.returncode == 1
    assert server.stderr.startswith(f"error: the disk is read-only: {home}/")
