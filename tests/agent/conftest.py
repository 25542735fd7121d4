"""A real agent in its own process, spoken to over its socket; all that it started is ended by pid afterwards."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from atoll.agent.bundle import write_agent
from atoll.wire.logs import parse


class RealAgent:
    """One agent's process and state; it may be ended and started again."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.state = base / "state"
        self.socket = base / "a.sock"
        self.python = sys.executable
        self.environment: dict[str, str] = {}
        self.process: subprocess.Popen[bytes] | None = None
        self.http = self._client()

    def start(self) -> "RealAgent":
        self.http.close()
        self.process = subprocess.Popen(self.command(), env=os.environ | self.environment)
        self.http = self._client()
        deadline = time.monotonic() + 10
        while True:
            # By hand: a failed attempt of httpx leaves its socket open.
            with suppress(OSError), socket.socket(socket.AF_UNIX) as attempt:
                attempt.connect(str(self.socket))
                return self
            assert time.monotonic() < deadline, "the agent does not answer"
            time.sleep(0.01)

    def command(self) -> list[str]:
        words = ["--state", str(self.state), "--instance", "i-1", "--socket", str(self.socket)]
        return [self.python, "-IS", str(write_agent(self.base)), *words]

    def end(self, number: signal.Signals) -> float:
        """Signal the agent and wait for its end: how long that took."""
        assert self.process is not None
        since = time.monotonic()
        self.process.send_signal(number)
        self.process.wait(10)
        return time.monotonic() - since

    def put(self, job: str, *commands: str, **more: Any) -> dict[str, Any]:
        return self.ok(self.http.put(f"/jobs/{job}", json={"commands": commands} | more))

    def get(self, job: str) -> dict[str, Any]:
        return self.ok(self.http.get(f"/jobs/{job}"))

    def wait(self, job: str, phase: str = "exited", seconds: float = 15) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        while (state := self.get(job))["phase"] != phase:
            assert time.monotonic() < deadline, state
            self.http.get(f"/jobs/{job}", params={"wait": 0.3})
        return state

    def run(self, job: str, *commands: str, **more: Any) -> dict[str, Any]:
        self.put(job, *commands, **more)
        return self.wait(job)

    def stop(self, job: str, grace: float) -> dict[str, Any]:
        return self.ok(self.http.post(f"/jobs/{job}/stop", json={"grace": grace}))

    def output(self, job: str) -> bytes:
        lines, rest = parse(self.http.get(f"/jobs/{job}/logs").content)
        assert rest == b""
        return b"".join(line.text + (b"" if line.partial else b"\n") for line in lines)

    def supervisor(self, job: str) -> int:
        return int(httpx.Response(200, content=(self.state / "jobs" / job / "begun").read_bytes()).json()["pid"])

    def says(self, job: str, text: bytes) -> None:
        """Wait until the job's output has this text."""
        deadline = time.monotonic() + 10
        while text not in self.output(job):
            assert time.monotonic() < deadline, self.output(job)
            time.sleep(0.01)

    def ok(self, answer: httpx.Response) -> dict[str, Any]:
        assert answer.is_success, answer.text
        state: dict[str, Any] = answer.json()
        return state

    def close(self) -> None:
        if self.process is not None:
            if self.process.poll() is None:
                self.http.post("/shutdown")
            self.process.wait(10)
        self.http.close()

    def _client(self) -> httpx.Client:
        return httpx.Client(transport=httpx.HTTPTransport(uds=str(self.socket)), base_url="http://agent", timeout=20)


@pytest.fixture
def base() -> Iterator[Path]:
    """A folder with a short path, since a socket's may have about 100 bytes, where volumes may be mounted too."""
    with tempfile.TemporaryDirectory(prefix="aa", dir="/tmp") as folder:  # not in memory: /dev is closed to mounts
        yield Path(folder)


@pytest.fixture
def stopped(base: Path) -> Iterator[RealAgent]:
    """An agent that is still to be started."""
    real = RealAgent(base)
    yield real
    real.close()


@pytest.fixture
def agent(stopped: RealAgent) -> RealAgent:
    return stopped.start()


def alive(pid: int) -> bool:
    """True while this process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
