"""What one user's largest requests cost another user's commands.

Method. A real server on the fake cloud. One user measures `healthz`, a list of runs and the plan of one task, first
alone and then while four threads of another user send without pause what is just allowed: plans of 500 tasks, and
files with thousands of faults. The ratios compare the 99th percentiles; memory is the server's own, after the load
less before.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from atoll.client import Client, ClientError
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
Latencies = dict[str, list[float]]


def measures() -> Iterator[Measure]:
    """The ratios of the 99th percentiles, and the memory that stays."""
    with tempfile.TemporaryDirectory() as folder, _server(Path(folder) / "home") as server:
        admin = server.client
        admin.create_user("ben", admin=True)
        ben = Client(admin.address, admin.create_token("bench", user="ben").token, timeout=60)
        ben.plan(SMALL)
        before, quiet = memory(server.pid), _latencies(ben, QUIET_SECONDS)
        stop = threading.Event()
        threads = [threading.Thread(target=_send, args=(admin, it, stop)) for it in (MANY, FAULTY) * 2]
        for thread in threads:
            thread.start()
        loaded = _latencies(ben, LOADED_SECONDS)
        stop.set()
        for thread in threads:
            thread.join()
        time.sleep(REST_SECONDS)
        after = memory(server.pid)
    for name in quiet:
        yield Measure(f"{name}: p99 loaded / quiet", (_p99(loaded[name]) / _p99(quiet[name]),), "times", 3)
        yield Measure(f"{name}: longest loaded", (max(loaded[name]) * 1000,), "ms")
    yield Measure("memory that stays", (after - before,), "MiB", 100)


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


def _latencies(client: Client, seconds: float) -> Latencies:
    """Seconds of each call."""
    calls: dict[str, Callable[[], object]] = {
        "healthz": client.healthz, "runs": client.runs, "plan of one task": lambda: client.plan(SMALL),
    }  # fmt: skip
    taken: Latencies = {name: [] for name in calls}
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        for name, call in calls.items():
            began = time.perf_counter()
            call()
            taken[name].append(time.perf_counter() - began)
    return taken


def _send(client: Client, submission: Submission, stop: threading.Event) -> None:
    while not stop.is_set():
        try:
            client.plan(submission)
        except ClientError:
            continue  # refused, as most of these are


def _p99(values: list[float]) -> float:
    return sorted(values)[int(len(values) * 0.99)]
