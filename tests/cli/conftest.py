"""A server with prepared answers, and the real command line beside it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.canned_server import TOKEN, CannedServer
from tests.commands import run

ATOLL = [sys.executable, "-m", "atoll.cli"]


class CommandLine:
    """Runs `atoll` in a process of its own, against one server."""

    def __init__(self, folder: Path, address: str | None) -> None:
        self.folder = folder
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "ATOLL_HOME": str(folder / "home"),
            "TZ": "UTC",
        } | ({"ATOLL_SERVER_URL": address, "ATOLL_TOKEN": TOKEN} if address else {})

    def __call__(
        self, *arguments: str, environment: Mapping[str, str] | None = None
    ) -> "subprocess.CompletedProcess[str]":
        return run(arguments, self.folder, self.environment | dict(environment or {}))

    def begin(self, *arguments: str) -> "subprocess.Popen[str]":
        """Start it and leave it running."""
        return subprocess.Popen(
            [*ATOLL, *arguments],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def write(self, text: str, name: str = "hello.atoll.yml") -> str:
        """A configuration file; returns its name."""
        (self.folder / name).write_text(text)
        return name


def interrupt(process: "subprocess.Popen[str]") -> tuple[str, str]:
    """Ctrl-C; returns what the process had printed."""
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=20)


@pytest.fixture
def server() -> Iterator[CannedServer]:
    """A server that answers what the test prepares."""
    with CannedServer() as canned:
        yield canned


@pytest.fixture
def atoll(tmp_path: Path, server: CannedServer) -> CommandLine:
    """The command line, pointed at that server."""
    return CommandLine(tmp_path, server.address)
