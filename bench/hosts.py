"""Hosts by SSH: how soon they serve, how soon a task over all of them prints, and how fast a log arrives.

Method. Six hosts are network namespaces of this machine, each with a sshd and a home folder of its own, in three
zones (`../shared/tools/ssh-zones`; it needs root). One server process on SQLite has the backend `ssh`. *Idle* is from
the call of apply until all instances are. *First line* is from the call of apply until the log of the first rank has
bytes. A log's rate is that of a job's log file from the start of its output to its end, as a client follows it; the
job, its agent, the server and the client share this machine's CPUs. *CPU* is that of the server during half a minute
with all hosts idle.
"""

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from atoll.wire.api import SourceFile, Submission
from bench.measure import Measure
from bench.process import Server, cpu_seconds

TOOL = Path(__file__).parents[2] / "shared" / "tools" / "ssh-zones"
RUNS = 5
LOG_MB = 256
QUIET_SECONDS = 30
GIVE_UP = 120.0
TASK = """
type: task
name: {name}
fleets: [rack]
nodes: {nodes}
resources: {{cpu: 1.., memory: 1GB..}}
commands:
  - {command}
"""
_TOOL_OPTIONS = ("--prefix", "atb", "--network", "10.139")


def measures() -> Iterator[Measure]:
    """All figures; RuntimeError where the hosts cannot be made."""
    if os.geteuid() != 0 or not TOOL.exists():
        raise RuntimeError(f"hosts in network namespaces need root, and {TOOL}")
    with _lab() as (folder, hosts), _server(folder) as server:
        fleet = _fleet(folder, hosts)
        idle = []
        for _ in range(RUNS):
            began = time.monotonic()
            _apply(server, fleet)
            _wait(lambda: _active(server) == len(hosts))
            idle.append(time.monotonic() - began)
            if len(idle) < RUNS:
                server.client.delete_fleet("rack")
                _wait(lambda: not server.client.fleets())
        yield Measure(f"{len(hosts)} fresh hosts to idle", tuple(idle), "s", 3)
        lines = [_first_line(server, f"all-{number}", len(hosts)) for number in range(RUNS)]
        yield Measure(f"task of {len(hosts)} nodes, submit to first log line", tuple(lines), "s", 1)
        rates = [_log_rate(server, f"log-{number}") for number in range(3)]
        yield Measure("log of one job, host to client", tuple(rates), "MB/s", 60, at_least=True)
        before = cpu_seconds(server.pid)
        time.sleep(QUIET_SECONDS)
        share = (cpu_seconds(server.pid) - before) / QUIET_SECONDS * 100
        yield Measure(f"CPU of {len(hosts)} idle hosts", (share,), "%")
        server.client.delete_fleet("rack")
        _wait(lambda: not server.client.fleets())


def _first_line(server: Server, name: str, nodes: int) -> float:
    began = time.monotonic()
    _apply(server, TASK.format(name=name, nodes=nodes, command="echo ready"))
    while not server.client.logs(name, wait=10).data:
        if time.monotonic() - began > GIVE_UP:
            raise RuntimeError(f"run {name} printed nothing")
    took = time.monotonic() - began
    _wait(lambda: server.client.run(name).status == "done")
    return took


def _log_rate(server: Server, name: str) -> float:
    """MB of log file in a second."""
    _apply(server, TASK.format(name=name, nodes=1, command=f"yes {'x' * 99} | head -c {LOG_MB}000000"))
    offset, began = 0, 0.0
    while True:
        chunk = server.client.logs(name, offset=offset, wait=10)
        began = began or time.monotonic()
        offset += len(chunk.data)
        if chunk.end:
            return offset / 1e6 / (time.monotonic() - began)


def _fleet(folder: Path, hosts: list[dict[str, str]]) -> str:
    rows = "".join(f"    - {{hostname: {one['address']}, availability_zone: rack-{one['zone']}}}\n" for one in hosts)
    key = f"  user: root\n  identity_file: {folder / 'lab' / 'identity'}\n  hosts:\n"
    return f"type: fleet\nname: rack\nplacement: spread\nssh_config:\n{key}{rows}"


def _apply(server: Server, text: str) -> None:
    server.client.apply(Submission((SourceFile("bench.yml", text),)))


def _active(server: Server) -> int:
    return sum(one.status == "idle" for one in server.client.instances())


def _wait(done: Callable[[], bool]) -> None:
    limit = time.monotonic() + GIVE_UP
    while not done():
        if time.monotonic() > limit:
            raise RuntimeError(f"not done within {GIVE_UP:g} s")
        time.sleep(0.02)


@contextmanager
def _server(folder: Path) -> Iterator[Server]:
    home = folder / "home"
    home.mkdir(mode=0o700)
    (home / "config.yml").write_text("backends: [{type: ssh}]\n")
    server = Server(home, {"HOME": str(folder)})
    try:
        server.wait_healthy()
        yield server
    finally:
        server.stop()


@contextmanager
def _lab() -> Iterator[tuple[Path, list[dict[str, str]]]]:
    """A folder, and hosts that end with the block."""
    with tempfile.TemporaryDirectory(prefix="atoll-bench-") as name:
        tool = [str(TOOL), "--state", f"{name}/lab", *_TOOL_OPTIONS]
        try:
            subprocess.run([*tool, "up"], check=True, capture_output=True)
            listed = subprocess.run([*tool, "hosts", "--json"], check=True, capture_output=True).stdout
            hosts: list[dict[str, str]] = json.loads(listed)
            for host in hosts:
                # The file system is this machine's: each host gets a home folder of its own.
                pid = (Path(name) / "lab" / host["name"] / "pid").read_text().strip()
                subprocess.run(["nsenter", "-t", pid, "-m", "mount", "-t", "tmpfs", "tmpfs", "/root"], check=True)
            yield Path(name), hosts
        finally:
            subprocess.run([*tool, "down"], check=False, capture_output=True)
