"""The real command line in a process of its own, and servers with odd zones for it."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.commands import run

DATA = Path(__file__).parent / "data"


class CommandLine:
    """Runs `atoll` in `folder`, with the server of `home`."""

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder = folder
        self.home = home

    def __call__(self, *arguments: str, check: bool = False, **environment: str) -> "subprocess.CompletedProcess[str]":
        own = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "ATOLL_HOME": str(self.home)}
        done = run(arguments, self.folder, own | environment)
        assert not check or done.returncode == 0, (arguments, done.stdout, done.stderr)
        return done

    def write(self, text: str, name: str = "file.atoll.yml") -> str:
        """A file in the folder; returns its name."""
        (self.folder / name).write_text(text)
        return name


@pytest.fixture
def atoll(tmp_path: Path) -> CommandLine:
    """The command line without a server."""
    return CommandLine(tmp_path, tmp_path / "home")


class Worlds:
    """The servers of `data/worlds.yml` by name, each with the command line beside it; they start when first used."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory
        self._described: dict[str, Any] = yaml.safe_load((DATA / "worlds.yml").read_text())["servers"]
        self._running: dict[str, CommandLine] = {}

    def __getitem__(self, name: str) -> CommandLine:
        if name not in self._running:
            folder = self._factory.mktemp(name)
            line = CommandLine(folder, folder / "home")
            line.home.mkdir(mode=0o700)
            (line.home / "config.yml").write_text(yaml.safe_dump(self._described[name]))
            line("server", "start", check=True)
            self._running[name] = line
        return self._running[name]

    def stop(self) -> None:
        """Stop those that run."""
        for line in self._running.values():
            line("server", "stop", check=True)


@pytest.fixture(scope="session")
def worlds(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worlds]:
    """The servers with odd zones of this test process."""
    described = Worlds(tmp_path_factory)
    yield described
    described.stop()
