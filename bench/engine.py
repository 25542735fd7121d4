"""The server under load: many instances from apply to active, lists meanwhile, memory, idling, two servers, a death.

Method. Servers are real processes on a fake cloud of 30 zones whose launches take two seconds; the cloud is simulated
within each server, over one file, and what that costs counts with the server. Fleets of 100 are applied in one file.
*To active* is wall time from the call of apply until the database shows all as active, looked at from outside five
times a second; *CPU* is user plus system time of the servers, by instance, or of PostgreSQL with its backends.
PostgreSQL is private, waits for the disk, and shares the machine's CPUs with the servers and their clients.

*Lists*: during the whole load one client reads the lists of `atoll fleet` and `atoll instance` in turn, four
questions a second. An *answer* is one page, as the client fetches it; a *whole list* is the sum of its pages. The 99th
percentile of a short load is close to its worst answer. *Memory* is the proportional set (PSS) when all are active.
*Idle* is a minute of that server after ten seconds to settle; then the same with jobs that run and say nothing.

*Zones lost*: with those jobs running, a third of the zones fail with all that is there. The time is until as many jobs
run as before, each lost one elsewhere, and until there are as many instances.

*A server dies*: two servers launch 400 instances, and one is killed when a quarter is active. What it held are the
items whose lease neither changed nor was renewed long after the kill; each is taken over when it has another fence. The
time is from the kill to the last of them; a lease's length and two seconds is what it may take.

*Two servers*: the same instances on a new PostgreSQL database, by one server and by two, under two limits. *Short
launches* (2,000, of two seconds each) are limited by the machine. *Busy* is the CPU time of servers and PostgreSQL
together as a share of the machine's CPUs: near 100 % the second server cannot add what is not there. Far below it,
either they wait for commits or other work has the CPUs: run it on a machine that does nothing else. *Long launches* (of
ten seconds each, eight times as many as one server makes at once) are limited by the calls that a server has under way
at one backend: the machine is idle for most of the time, and a second server is worth its own calls.
"""

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass

from atoll.engine.parts.provider_calls import MOST_CALLS, SPARE
from atoll.engine.work.worker import LEASE, RENEWALS
from atoll.testing.postgresql import Cluster
from bench.asking import Asker, percentile
from bench.installation import (
    GIVE_UP,
    POLL,
    TERMINATED,
    WORKING,
    Installation,
    installation,
    postgresql,
    postgresql_pid,
)
from bench.measure import Measure
from bench.process import cpu_seconds, family_cpu_seconds, memory

FEW, MANY, FOR_DEATH = 1_000, 10_000, 400
TASKS, LOST = 300, 10
SETTLE_SECONDS, QUIET_SECONDS = 10, 60
HELD = "SELECT kind, id, fence, leased_until FROM work WHERE leased_until IS NOT NULL"


def measures() -> Iterator[Measure]:
    """All figures of the server under load; without PostgreSQL's programs it ends with their absence."""
    with installation() as place:
        place.start()
        yield from _load(place, FEW, "SQLite", seconds=30, mebibytes=200)
        yield _quiet(place, f"idle with {FEW:,} active instances, CPU", 5)
        yield from _zones_lost(place)
    with postgresql() as cluster:
        with installation(cluster) as place:
            place.start()
            yield from _load(place, MANY, "PostgreSQL", seconds=240, mebibytes=600)
        with installation(cluster) as place:
            yield from _death(place)
        yield from _two_servers(cluster)


def _load(place: Installation, count: int, database: str, *, seconds: float, mebibytes: float) -> Iterator[Measure]:
    [server] = place.servers
    name = f"{count:,} instances, {database}"
    before, began = place.cpu_seconds(), time.monotonic()
    with Asker(server.place) as asker:
        place.apply(count)
        applied = time.monotonic() - began
        place.wait_active(count)
        taken = time.monotonic() - began
    cpu = place.cpu_seconds() - before
    yield Measure(f"{name}, apply to active", (taken,), "s", seconds)
    yield Measure(f"{name}, apply alone", (applied,), "s")
    yield Measure(f"{name}, CPU of the server", (cpu / count * 1000,), "ms/instance")
    yield Measure(f"{name}, PSS when active", (memory(server.pid),), "MiB", mebibytes)
    for what, times in asker.answers.items():
        yield Measure(f"{name}, {what}: p99 of {len(times)} answers", (percentile(times, 0.99),), "ms", 100)
        yield Measure(f"{name}, {what}: median answer", tuple(times), "ms")
    for what, times in asker.lists.items():
        yield Measure(f"{name}, {what}: p99 of {len(times)} whole lists", (percentile(times, 0.99),), "ms")


def _quiet(place: Installation, name: str, most: float | None = None) -> Measure:
    [server] = place.servers
    time.sleep(SETTLE_SECONDS)
    before = cpu_seconds(server.pid)
    time.sleep(QUIET_SECONDS)
    return Measure(name, ((cpu_seconds(server.pid) - before) / QUIET_SECONDS * 100,), "%", most)


def _zones_lost(place: Installation) -> Iterator[Measure]:
    place.run(TASKS)
    place.wait_for(WORKING, TASKS)
    yield _quiet(place, f"{FEW:,} active instances and {TASKS} quiet jobs, CPU")
    hit = f"{LOST} of 30 zones lost"
    before, began = place.cpu_seconds(), time.monotonic()
    lost = place.fail_zones(LOST)
    place.wait_for(TERMINATED, lost)
    place.wait_for(WORKING, TASKS)
    again = place.tables.rows("SELECT count(*) FROM jobs WHERE state = 'failed'")[0][0]
    yield Measure(f"{hit}, until all jobs run again: {again} were lost", (time.monotonic() - began,), "s")
    place.wait_active(FEW)
    yield Measure(f"{hit}, until {FEW:,} are active again: {lost} were lost", (time.monotonic() - began,), "s")
    yield Measure(f"{hit}, CPU of the server", (place.cpu_seconds() - before,), "s")


def _death(place: Installation) -> Iterator[Measure]:
    doomed, _ = place.start(), place.start()
    place.apply(FOR_DEATH)
    place.wait_active(FOR_DEATH // 4)
    doomed.kill()
    killed = time.monotonic()
    then = _held(place)
    time.sleep(LEASE.total_seconds() / RENEWALS + 2)  # by now a living server has renewed all of its own
    left = then & _held(place)
    if not left:
        raise RuntimeError("the killed server held nothing: there was nothing to take over")
    yield Measure("a server dies, what it held", (len(left),), "items")
    while left & _held(place):
        if time.monotonic() > killed + GIVE_UP:
            raise RuntimeError(f"{len(left & _held(place))} items of the killed server were never taken over")
        time.sleep(POLL)
    yield Measure(
        "a server dies, until all is taken over", (time.monotonic() - killed,), "s", LEASE.total_seconds() + 2
    )
    place.wait_active(FOR_DEATH)
    yield Measure(f"a server dies, until {FOR_DEATH} are active", (time.monotonic() - killed,), "s")


def _held(place: Installation) -> frozenset[tuple[str, ...]]:
    return frozenset(tuple(row) for row in place.tables.rows(HELD))


@dataclass(frozen=True, slots=True)
class _Share:
    """What servers made of a load together: seconds, and CPU-seconds of all servers and of PostgreSQL."""

    wall: float
    servers: float
    database: float

    @property
    def busy(self) -> float:
        """How much of the machine's CPUs that was, in percent."""
        return (self.servers + self.database) / self.wall / (os.cpu_count() or 1) * 100


@dataclass(frozen=True, slots=True)
class _Limit:
    """A load for one server and for two: what limits it, how many instances, and the seconds of a launch."""

    name: str
    by: str
    instances: int
    launch: float


SHORT = _Limit("short launches", "the machine", 2_000, 2)
LONG = _Limit("long launches", f"{MOST_CALLS - SPARE} launches at once for each server", 8 * (MOST_CALLS - SPARE), 10)


def _two_servers(cluster: Cluster) -> Iterator[Measure]:
    for limit in (SHORT, LONG):
        shares = {count: _share(cluster, count, limit) for count in (1, 2)}
        for count, share in shares.items():
            name = f"{limit.instances:,} {limit.name}, PostgreSQL, {count} server{'s'[: count - 1]}"
            yield Measure(f"{name}, rate", (limit.instances / share.wall,), "instances/s")
            yield Measure(f"{name}, CPU of servers", (share.servers / limit.instances * 1000,), "ms/instance")
            yield Measure(f"{name}, CPU of PostgreSQL", (share.database / limit.instances * 1000,), "ms/instance")
            yield Measure(f"{name}, busy of {os.cpu_count()} CPUs", (share.busy,), "%")
        ratio = shares[1].wall / shares[2].wall
        yield Measure(f"two servers against one, limited by {limit.by}", (ratio,), "times", 1.6, at_least=True)


def _share(cluster: Cluster, servers: int, limit: _Limit) -> _Share:
    postmaster = postgresql_pid(cluster)
    with installation(cluster, limit.launch) as place:
        for _ in range(servers):
            place.start()
        before = place.cpu_seconds(), family_cpu_seconds([postmaster])
        began = time.monotonic()
        place.apply(limit.instances)
        place.wait_active(limit.instances)
        wall = time.monotonic() - began
        return _Share(wall, place.cpu_seconds() - before[0], family_cpu_seconds([postmaster]) - before[1])
