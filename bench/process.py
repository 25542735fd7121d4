"""Server processes that a benchmark starts, and the cost of processes, from proc(5)."""

import os
import re
import subprocess
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from atoll.client import Client, ClientError, autostart, location

TICKS = os.sysconf("SC_CLK_TCK")
START_SECONDS, END_SECONDS = 60.0, 15.0


class Server:
    """One server on a data folder, as every command would start it, from its start to its end; `extra` goes into its
    environment, which has no other variable of Atoll's."""

    def __init__(self, home: Path, extra: Mapping[str, str] | None = None) -> None:
        self.home = home
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with (home / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                autostart.command(home), env=plain_environment() | dict(extra or {}), stdout=log, stderr=log
            )
        self.pid = self._process.pid

    def wait_healthy(self) -> None:
        """Wait for its first answer. Raises RuntimeError with its log where none comes."""
        limit = time.monotonic() + START_SECONDS
        while not self._healthy():
            if self._process.poll() is not None or time.monotonic() > limit:
                raise RuntimeError(f"the server did not start:\n{(self.home / 'server.log').read_text()}")
            time.sleep(0.01)

    @property
    def place(self) -> location.Location:
        """Where it listens."""
        found = location.local(self.home)
        if found is None:
            raise RuntimeError(f"no server at {self.home}")
        return found

    @property
    def client(self) -> Client:
        """A client of it."""
        return Client(self.place.address, self.place.token)

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        """End it as users do, and the hard way where that takes too long."""
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()

    def _healthy(self) -> bool:
        known = location.local(self.home)
        with suppress(ClientError):
            return known is not None and Client(known.address, known.token).healthz().status == "ok"
        return False


def plain_environment() -> dict[str, str]:
    """This process's environment without what would lead Atoll elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}


def cpu_seconds(pid: int) -> float:
    """User plus system time of a process and of the children that it waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(int(ticks) for ticks in fields[11:15]) / TICKS


def family_cpu_seconds(pids: Iterable[int]) -> float:
    """The same of several processes together with the children that they have now."""
    found = 0.0
    for pid in pids:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for each in (pid, *map(int, children)):
            with suppress(FileNotFoundError, ProcessLookupError):  # a child that ended counts with its parent
                found += cpu_seconds(each)
    return found


def memory(pid: int, file: str = "smaps_rollup", key: str = "Pss") -> float:
    """One figure of a process's memory, in MiB."""
    found = re.search(rf"^{key}:\s+(\d+) kB", Path(f"/proc/{pid}/{file}").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
