"""The whole thing: the real command line, the server that it starts, agents and jobs as processes of this machine."""

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from atoll.client import ApiError, Client, NoServer, autostart, location
from tests.commands import run

ATOLL = [sys.executable, "-m", "atoll.cli"]
PATIENCE = 30.0
Done = subprocess.CompletedProcess[str]


class Place:
    """A user's folder with a data folder, of its own unless it is given, and `atoll` in it."""

    def __init__(self, folder: Path, home: Path | None = None, project: str = "main") -> None:
        self.folder = folder
        self.home = home or folder / "home"
        self.project = project
        plain = ("PATH", "LANG", "TMPDIR")
        self.environment = {name: os.environ[name] for name in plain if name in os.environ} | {
            "HOME": str(folder),
            "ATOLL_HOME": str(self.home),
            "ATOLL_PROJECT": project,
            "TZ": "UTC",
        }

    def __call__(self, *arguments: str, environment: dict[str, str] | None = None) -> Done:
        """Run one command to its end."""
        return run(arguments, self.folder, self.environment | (environment or {}))

    def ok(self, *arguments: str) -> str:
        """Run a command that must succeed; its standard output."""
        done = self(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What a command prints with `--json`."""
        return json.loads(self.ok(*arguments, "--json"))

    def begin(self, *arguments: str, environment: dict[str, str] | None = None) -> "subprocess.Popen[str]":
        """Start a command and leave it running, its two outputs in one."""
        return subprocess.Popen(
            [*ATOLL, *arguments],
            cwd=self.folder,
            env=self.environment | (environment or {}),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def write(self, name: str, text: str) -> str:
        """A configuration file; its name."""
        path = f"{name}.atoll.yml"
        (self.folder / path).write_text(text)
        return path

    def client(self) -> Client:
        """The Python client of this folder's running server."""
        found = location.local(self.home)
        assert found is not None
        return Client(found.address, found.token, self.project)

    def server_pid(self) -> int:
        """The process of the running server."""
        found = location.local(self.home)
        assert found is not None
        assert found.pid is not None
        return found.pid

    def facts(self) -> tuple[object, ...]:
        """All that exists: names and states of everything, and the number of the newest event."""
        client = self.client()
        events = client.events(last=1)
        fleets = [("fleet", one.name, one.status) for one in client.fleets()]
        volumes = [("volume", one.name, one.status) for one in client.volumes()]
        runs = [("run", one.name, one.status) for one in client.runs(all=True)]
        return (events[-1].seq if events else 0, *fleets, *volumes, *runs)

    def settled(self) -> tuple[object, ...]:
        """The facts, once earlier requests are settled."""
        seen = [self.facts()]

        def rests() -> bool:
            time.sleep(0.1)
            seen.append(self.facts())
            return seen[-1] == seen[-2]

        until(rests, "everything to come to rest")
        return seen[-1]

    def refused(self, *arguments: str, code: int = 1) -> str:
        """Run a command that must be refused: this exit code, no traceback, and nothing made or changed. Its words."""
        before = self.settled()
        done = self(*arguments)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        assert "error" in done.stderr
        assert self.facts() == before
        return done.stderr

    def processes(self) -> dict[int, str]:
        """Every live process of this place, by its command line: our data folder is in its words or its variables."""
        mark, found = os.fsencode(self.home), {}
        for entry in Path("/proc").iterdir():
            with suppress(OSError):
                if entry.name.isdigit() and int(entry.name) != os.getpid() and _alive(int(entry.name)):
                    words = (entry / "cmdline").read_bytes()
                    if mark in words or mark in (entry / "environ").read_bytes():
                        found[int(entry.name)] = words.replace(b"\0", b" ").decode(errors="replace")
        return found

    def agents(self) -> dict[int, str]:
        """The agents and whatever they started."""
        return {pid: words for pid, words in self.processes().items() if "atoll.server" not in words}

    def clear(self) -> None:
        """Delete all that there is, as a user would, stop the server; asserts that no process is left."""
        if location.local(self.home) is not None:
            with suppress(NoServer):
                if autostart.running(self.home) is None:
                    self.ok("server", "start")
            client = self.client()
            for run in client.runs():
                self.ok("stop", run.name, "--abort")
            for kind, things in (("fleet", client.fleets()), ("volume", client.volumes())):
                for one in things:
                    self.ok("delete", kind, one.name, "-y")
            self.ok("server", "stop")
        until(lambda: not self.processes(), "the processes of this place to end")

    def end(self) -> None:
        """Kill whatever is left."""
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def until(true: Callable[[], object], what: str) -> None:
    """Wait until something is so. Between two looks it waits longer than they take: a look is often a command."""
    limit = time.monotonic() + PATIENCE
    while True:
        since = time.monotonic()
        if true():
            return
        now = time.monotonic()
        assert now < limit, f"waited in vain for {what}"
        time.sleep(max(0.05, min(1.0, 1.5 * (now - since))))


def _alive(pid: int) -> bool:
    return autostart.alive(pid)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """One place for the tests of a module, with a running server; what they make has names of its own."""
    yield from _place(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="session")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A place whose running server has the fake cloud, for all tests of a process."""
    place = Place(tmp_path_factory.mktemp("place"))
    try:
        place.home.mkdir(mode=0o700)
        (place.home / "config.yml").write_text("backends:\n- type: fake\n")
        place.ok("server", "start")
        yield place
        place.clear()
    finally:
        place.end()


@pytest.fixture
def project(fake: Place, tmp_path: Path) -> Iterator[Place]:
    """An empty project of one test, on a server with the fake cloud that it shares."""
    name = f"p{secrets.token_hex(4)}"
    fake.client().create_project(name)
    place = Place(tmp_path, fake.home, name)
    yield place
    client = place.client()
    for unfinished in client.runs():
        client.stop_run(unfinished.name, abort=True)

    def emptied() -> bool:
        for fleet in client.fleets():
            with suppress(ApiError):  # its run ends, or it ended with its run
                client.delete_fleet(fleet.name)
        return not client.fleets()

    until(emptied, "the fleets of the project to end")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Place]:
    """A place for one test alone, where no server has run yet."""
    yield from _place(tmp_path, started=False)


def _place(folder: Path, *, started: bool = True) -> Iterator[Place]:
    place = Place(folder)
    try:
        if started:
            place.ok("server", "start")
        yield place
        place.clear()
    finally:
        place.end()
