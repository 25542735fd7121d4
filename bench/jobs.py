"""Many quiet jobs: how soon a new fleet is active while thousands of jobs run whose logs are followed.

Method. One server process on SQLite and a fake cloud without latency runs tasks of 100 nodes that print nothing and do
not end. Once all run, a fleet of one node is applied; the time is from the call of apply until the database shows its
instance as active, looked at from outside. *CPU* is that of the server during half a minute with all jobs running.
"""

import time
from collections.abc import Iterator

from atoll.wire.api import SourceFile, Submission
from bench.installation import ACTIVE, FLEET, WORKING, installation
from bench.measure import Measure
from bench.process import cpu_seconds

JOBS = 3_000
NODES = 100
TASK = "type: task\nname: work-{number}\ncommands: [work]\nnodes: {nodes}\nenv: {{FAKE_SECONDS: '86400'}}\n"
FLEETS = 5
QUIET_SECONDS = 30


def measures() -> Iterator[Measure]:
    """The time until a fleet of one node is active, several times, and the CPU of following."""
    with installation(launch=0) as place:
        server = place.start()
        for number in range(JOBS // NODES):
            task = TASK.format(number=number, nodes=NODES)
            server.client.apply(Submission((SourceFile("task.yml", task),)))
        place.wait_for(WORKING, JOBS)
        before = cpu_seconds(server.pid)
        time.sleep(QUIET_SECONDS)
        share = (cpu_seconds(server.pid) - before) / QUIET_SECONDS * 100
        yield Measure(f"{JOBS:,} quiet jobs, CPU", (share,), "%")
        times = []
        for number in range(FLEETS):
            began = time.monotonic()
            text = FLEET.format(number=number, nodes=1)
            server.client.apply(Submission((SourceFile("fleet.yml", text),)))
            place.wait_for(ACTIVE, JOBS + number + 1)
            times.append(time.monotonic() - began)
        yield Measure(f"{JOBS:,} quiet jobs, then a fleet of one node to active", tuple(times), "s", 3)
