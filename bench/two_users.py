"""What one user's largest requests cost another user's commands.

Method. A real server on the fake cloud, with a fleet of six instances. One user measures `healthz`, the lists of
runs and instances, the plan of one task, and a task from its `apply` to its first log line; first alone and then while
another user sends without pause what is just allowed: plans of 500 tasks, files with thousands of faults, replays of
20 MB, log streams, 200 idle connections and 50 bodies that arrive byte by byte. Ratios compare 99th percentiles;
memory is the server's own, after the load less before. Leases that were lost are counted.
"""

import io
import json
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import httpx

from atoll.client import Client, ClientError
from atoll.client.location import Location
from atoll.wire.api import SourceFile, Submission
from bench.measure import Measure
from bench.process import Server, memory

QUIET_SECONDS, LOADED_SECONDS, REST_SECONDS = 20.0, 60.0, 2.0
TASK = "type: task\nname: t{}\ncommands: [work]\n"
SMALL = Submission((SourceFile("small.yml", TASK.format("")),))
MANY = Submission((SourceFile("many.yml", "---\n".join(TASK.format(number) for number in range(500))),))
FAULTY = Submission(
    (SourceFile("faulty.yml", TASK.format("") + "env:\n" + "".join(f"  - {{a{n}: [1]}}\n" for n in range(9000))),)
)
FLEET = "type: fleet\nname: ready\nnodes: 6\nresources: {cpu: 2}\n"
RUN = "type: task\nname: r{}\nfleets: [ready]\ncommands: [work]\nenv: {{FAKE_SECONDS: '0.1'}}\nresources: {{cpu: 2}}\n"
QUIET_RUN = (
    "type: task\nname: quiet\nfleets: [ready]\ncommands: [work]\nenv: {FAKE_SECONDS: '9999'}\nresources: {cpu: 2}\n"
)
OFFERS = 150_000
IDLE_CONNECTIONS, SLOW_BODIES = 200, 50
Latencies = dict[str, list[float]]


def measures() -> Iterator[Measure]:
    """The ratios of the 99th percentiles, and the memory that stays."""
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder) / "home") as server:
        admin = server.client
        admin.create_user("ben", admin=True)
        ben = Client(admin.address, admin.create_token("bench", user="ben").token, timeout=60)
        _ready(ben)
        before, quiet = memory(server.pid), _latencies(ben, QUIET_SECONDS, "quiet")
        with _load(server):
            loaded = _latencies(ben, LOADED_SECONDS, "loaded")
        time.sleep(REST_SECONDS)
        after = memory(server.pid)
        lost = _leases_lost(server)
    for name in quiet:
        yield Measure(f"{name}: p99 loaded / quiet", (_p99(loaded[name]) / _p99(quiet[name]),), "times", 3)
        yield Measure(f"{name}: p99 quiet", (_p99(quiet[name]) * 1000,), "ms")
        yield Measure(f"{name}: p99 loaded", (_p99(loaded[name]) * 1000,), "ms")
        yield Measure(f"{name}: longest loaded", (max(loaded[name]) * 1000,), "ms")
    yield Measure("memory that stays", (after - before,), "MiB", 100)
    yield Measure("leases lost", (lost,), "leases", 0)


@contextmanager
def _load(server: Server) -> Iterator[None]:
    """The other user's requests, for as long as the block lasts."""
    client, stop = server.client, threading.Event()
    works: list[Callable[[], object]] = [partial(client.plan, MANY), partial(client.plan, FAULTY)] * 2
    content = _large_snapshot()
    works.append(lambda: client.replay(SMALL, io.BytesIO(content), len(content)))
    works += [partial(client.logs, "quiet", wait=5)] * 4
    threads = [threading.Thread(target=_send, args=(work, stop)) for work in works]
    threads.append(threading.Thread(target=_drip, args=(server.place, stop)))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _ready(client: Client) -> None:
    """The fleet works, one of its instances holds a run without output, and the server has planned once."""
    for text in (FLEET, QUIET_RUN):
        client.apply(Submission((SourceFile("ready.yml", text),)))
    while client.run("quiet").status != "running":
        time.sleep(0.1)
    client.plan(SMALL)


def _large_snapshot() -> bytes:
    """A snapshot of 150,000 offers, 20 MB."""
    place = {"backend": "fake", "region": "fake-1", "zone": "fake-1a", "cpus": 2, "memory_gb": 8}
    offers = [{**place, "instance_type": f"type-{n}", "price": 1 + n / 1e6} for n in range(OFFERS)]
    return json.dumps({"offers": offers}).encode()


def _drip(place: Location, stop: threading.Event) -> None:
    """Connections that send nothing, and bodies that arrive byte by byte; those that are closed come back."""
    head = b"POST /api/projects/main/plan HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n"
    head += f"Authorization: Bearer {place.token}\r\n\r\n".encode()
    sockets: dict[int, socket.socket] = {}
    while not stop.wait(1):
        for number in range(IDLE_CONNECTIONS + SLOW_BODIES):
            try:
                if number not in sockets:
                    sockets[number] = socket.socket(socket.AF_UNIX)
                    sockets[number].settimeout(5)
                    sockets[number].connect(place.address.removeprefix("unix:"))
                    sockets[number].sendall(head if number < SLOW_BODIES else b"")
                elif number < SLOW_BODIES:
                    sockets[number].sendall(b" ")
            except OSError:
                sockets.pop(number).close()
    for opened in sockets.values():
        opened.close()


def _leases_lost(server: Server) -> float:
    """How many leases another turn took over."""
    transport = httpx.HTTPTransport(uds=server.place.address.removeprefix("unix:"))
    with httpx.Client(transport=transport, headers={"Authorization": f"Bearer {server.place.token}"}) as client:
        lines = client.get("http://server/metrics").text.splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith("atoll_leases_lost_total"))


@contextmanager
def _server(home: Path) -> Iterator[Server]:
    home.mkdir()
    (home / "config.yml").write_text("backends:\n- type: fake\n")
    server = Server(home)
    try:
        server.wait_healthy()
        yield server
    finally:
        server.stop()


def _latencies(client: Client, seconds: float, phase: str) -> Latencies:
    """Seconds of each call."""
    calls: dict[str, Callable[[], object]] = {
        "healthz": client.healthz, "list of runs": client.runs, "list of instances": client.instances,
        "plan of one task": lambda: client.plan(SMALL),
        "apply to first log line": lambda: _first_line(client, f"{phase}-{len(taken['healthz'])}"),
    }  # fmt: skip
    taken: Latencies = {name: [] for name in calls}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return taken


def _first_line(client: Client, name: str) -> None:
    client.apply(Submission((SourceFile("run.yml", RUN.format(f"-{name}")),)))
    while not client.logs(f"r-{name}", wait=5).data:
        time.sleep(0.01)


def _send(work: Callable[[], object], stop: threading.Event) -> None:
    while not stop.is_set():
        with suppress(ClientError):  # most of these are refused
            work()


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
