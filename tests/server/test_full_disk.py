"""A full disk: requests are refused in words, the server is not ready, and it goes on by itself once there is space."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from atoll.client import ApiError, Client
from atoll.wire.api import SourceFile, Submission

FLEET = "type: fleet\nname: f{}\nnodes: 1\nresources: {{cpu: 2}}\n# {}\n"


class SmallServer:
    """A server whose data folder is a small tmpfs in a mount namespace of its own."""

    def __init__(self, home: Path) -> None:
        home.mkdir()
        server = f"{sys.executable} -m atoll.server --home {home} --port 0"
        words = f"mount -t tmpfs -o size=60m none {home} && echo 'backends: [{{type: fake}}]' > {home}/config.yml"
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
        with (self.home / "filler").open("wb", buffering=0) as file:
            for size in (1 << 20, 4096):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass

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
