"""A full disk: requests are refused in words, the server is not ready, and it goes on by itself once there is space."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from atoll.client import ApiError, Client
from atoll.wire.api import SourceFile, Submission

FLEET = "type: fleet\nname: f{}\nnodes: 1\nresources: {{cpu: 2}}\n# {}\n"


def until(true: Callable[[], object]) -> None:
    limit = time.monotonic() + 90
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.2)


class SmallServer:
    """A server with `folder` of its data folder (or all of it) on a small tmpfs, in a mount namespace of its own."""

    def __init__(self, home: Path, backend: str = "fake", folder: str = "") -> None:
        (home / folder).mkdir(parents=True, mode=0o700)
        self._small = folder
        server = f"{sys.executable} -m atoll.server --home {home} --port 0"
        words = f"mount -t tmpfs -o size=60m,mode=0700 none {home}/{folder}"
        words += f" && echo 'backends: [{{type: {backend}}}]' > {home}/config.yml"
        self.process = subprocess.Popen(["unshare", "-Urm", "sh", "-c", f"{words} && exec {server}"])
        self.home = Path(f"/proc/{self.process.pid}/root{home}")
        limit = time.monotonic() + 60
        while not (self.home / "server.json").exists():
            assert self.process.poll() is None
            assert time.monotonic() < limit
            time.sleep(0.1)
        self.address = json.loads((self.home / "server.json").read_text())["address"]
        self.client = Client(self.address, (self.home / "token").read_text().strip())

    def fill(self) -> None:
        """Leave no byte."""
        with (self.home / self._small / "filler").open("wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

    def free(self) -> None:
        (self.home / self._small / "filler").unlink()

    def apply(self, number: int) -> None:
        text = FLEET.format(number, "x" * 100_000)
        self.client.apply(Submission((SourceFile("f.yml", text),)))

    def apply_until_refused(self) -> None:
        for number in range(50):
            self.apply(number)

    def ready(self) -> httpx.Response:
        return httpx.get(f"{self.address}/readyz", timeout=20)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[SmallServer]:
    started = SmallServer(tmp_path / "home")
    try:
        yield started
    finally:
        started.process.send_signal(signal.SIGTERM)
        started.process.wait(30)


def test_a_full_disk_refuses_in_words_and_the_server_goes_on_when_there_is_space(server: SmallServer) -> None:
    assert server.ready().status_code == 200
    server.fill()
    until(
        lambda: any("the disk of the data folder is full" in one.text for one in server.client.status().disk_troubles)
    )
    assert server.ready().status_code == 503
    assert "the disk of the data folder is full" in server.ready().text
    with pytest.raises(ApiError) as refused:
        server.apply_until_refused()
    assert (refused.value.status, refused.value.problem.code) == (507, "disk-full")
    (server.home / "filler").unlink()
    assert server.ready().status_code == 200
    server.apply(99)
    limit = time.monotonic() + 60
    while server.client.fleet("f99").status != "active":
        assert time.monotonic() < limit
        time.sleep(0.1)


TASK = "type: task\nname: {}\ncommands: [echo hello]\nresources: {{cpu: '1..', memory: '0.5GB..', disk: '0GB..'}}\n"


def test_with_the_agents_folder_full_a_run_says_so_and_starts_by_itself_when_there_is_space(tmp_path: Path) -> None:
    server = SmallServer(tmp_path / "home", "local", "backends/local")

    def messages(name: str) -> str:
        run = server.client.run(name)
        return " ".join([run.message, *(job.message for job in run.jobs)])

    try:
        server.client.apply(Submission((SourceFile("f.yml", TASK.format("before")),)))
        until(lambda: server.client.run("before").status == "done")
        server.fill()
        server.client.apply(Submission((SourceFile("f.yml", TASK.format("after")),)))
        until(lambda: "the disk is full" in messages("after"))
        assert any("agents' folder is full" in reason for reason in server.ready().json()["reasons"])
        server.free()
        until(lambda: server.client.run("after").status == "done")
        assert "disk" not in messages("after")
        assert server.ready().status_code == 200
    finally:
        server.process.send_signal(signal.SIGTERM)
        server.process.wait(30)
