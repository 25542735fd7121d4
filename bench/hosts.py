"""Hosts by SSH: how soon they serve, how soon a task over all of them prints, and how fast a log arrives.

Method. Six hosts are network namespaces of this machine, each with a sshd and a home folder of its own, in three
zones (`../shared/tools/ssh-zones`; it needs root). One server process on SQLite has the backend `ssh`. *Idle* is from
the call of apply until all instances are. *First line* is from the call of apply until the log of the first rank has
bytes. A log's rate is what `atoll logs -f` prints into a pipe, in bytes of output, from the first byte of a burst to
its end; the burst begins when the command follows already. The job with its supervisor, its agent, both ends of SSH,
the server and the command share this machine's CPUs. The CPU of each for 100 MB says which of them binds; an agent's
is with that of the supervisors that have ended. A forwarded port's first byte is from the start of a new connection to
the port of `atoll attach` to the first byte of an HTTP answer; its rate is that of one download. The server's memory is
the growth of its peak (`VmHWM`). *CPU* is that of the server during half a minute with all hosts idle.
"""

import json
import os
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from atoll.wire.api import SourceFile, Submission
from bench.cli import ATOLL
from bench.measure import Measure
from bench.process import Server, cpu_seconds, memory, plain_environment

TOOL = Path(__file__).parents[2] / "shared" / "tools" / "ssh-zones"
RUNS = 5
LOG_MB = 150
"""Of output: with the times of its lines 204 MB, below the limit of a log file."""
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
_BURST = f"echo ready; sleep 3; yes {'x' * 99} | head -c {LOG_MB}000000"
_SERVING = "echo page > page; truncate -s 200M big; python3 -m http.server 8000 --bind 127.0.0.1"
_MARKS = {"agent": b".pyz\0--state", "supervisor": b"atoll.agent.supervisor", "sshd": b"sshd: root"}
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
        held = memory(server.pid, "status", "VmHWM")
        rates, costs = zip(*(_log_rate(server, f"log-{number}") for number in range(3)), strict=True)
        yield Measure("log of one job, host to `atoll logs -f`", tuple(rates), "MB/s", 60, at_least=True)
        for what in costs[0]:
            yield Measure(f"CPU for 100 MB of log: {what}", tuple(cost.get(what, 0) for cost in costs), "s")
        grown = memory(server.pid, "status", "VmHWM") - held
        yield Measure("growth of the server's peak memory by three logs", (grown,), "MiB")
        firsts, rates = _forwarded(server)
        yield Measure("first byte through a forwarded port", firsts, "s", 0.1)
        yield Measure("one download through a forwarded port", rates, "MB/s", 60, at_least=True)
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


def _log_rate(server: Server, name: str) -> tuple[float, dict[str, float]]:
    """MB of output in a second, and the CPU seconds for 100 MB by process."""
    _apply(server, TASK.format(name=name, nodes=1, command=_BURST))
    command = [ATOLL, "logs", name, "-f"]
    environment = plain_environment() | {"ATOLL_HOME": str(server.home)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, bufsize=0) as following:
        assert following.stdout is not None
        following.stdout.readline()
        before, count, began = _cpu(server), 0, 0.0
        while part := os.read(following.stdout.fileno(), 1 << 20):
            began = began or time.monotonic()
            count += len(part)
        took = time.monotonic() - began
        used = _cpu(server)
        _, _, usage = os.wait4(following.pid, 0)
    if count != LOG_MB * 1_000_000:
        raise RuntimeError(f"{count} bytes of {LOG_MB} MB arrived")
    cost = {what: (used.get(what, 0) - before.get(what, 0)) / LOG_MB * 100 for what in used}
    cost["command"] = (usage.ru_utime + usage.ru_stime) / LOG_MB * 100
    return count / 1e6 / took, cost


def _forwarded(server: Server) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Seconds to the first byte of ten connections through a forwarded port, and MB in a second of three downloads."""
    _apply(server, TASK.format(name="web", nodes=1, command=_SERVING))
    environment = plain_environment() | {"ATOLL_HOME": str(server.home)}
    command = [ATOLL, "attach", "web", "-p", "*:8000", "--no-logs"]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as attached:
        try:
            assert attached.stderr is not None
            port = int(attached.stderr.readline().split()[0].rpartition(":")[2])
            _wait(lambda: _download(port, "/page")[1] > 0)
            firsts = tuple(_download(port, "/page")[0] for _ in range(10))
            rates = tuple(size / 1e6 / seconds for _, size, seconds in (_download(port, "/big") for _ in range(3)))
        finally:
            attached.kill()
    server.client.stop_run("web", abort=True)
    _wait(lambda: server.client.run("web").finished_at is not None)
    return firsts, rates


def _download(port: int, path: str) -> tuple[float, int, float]:
    """Seconds to the first byte, how many bytes came, and seconds in all; no bytes where nothing answers."""
    began, first, size = time.monotonic(), 0.0, 0
    with socket.create_connection(("127.0.0.1", port), GIVE_UP) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
        while part := connection.recv(1 << 20):
            first = first or time.monotonic() - began
            size += len(part)
    return first, size, time.monotonic() - began


def _cpu(server: Server) -> dict[str, float]:
    """The CPU seconds of the server, and of the agents, supervisors and SSH sessions of this machine, together."""
    found: dict[str, float] = {"server": cpu_seconds(server.pid)}
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            words = (folder / "cmdline").read_bytes()
            kind = next((kind for kind, mark in _MARKS.items() if mark in words), None)
            if kind is not None:
                found[kind] = found.get(kind, 0) + cpu_seconds(int(folder.name))
    return found


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
