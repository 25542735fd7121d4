"""Sweeps: all resources of a backend in one look. Records of missing ones are woken; strays are terminated.

One call lists a thousand machines, so that a machine's own handler need not poll it every few seconds.
"""

import logging
from dataclasses import dataclass

from atoll.backends.base import Backend, Disk, InvalidRequest
from atoll.engine.context import Context
from atoll.engine.work.handler import Due
from atoll.model.records import Kind
from atoll.model.states import InstanceState
from atoll.model.zone import Zone
from atoll.reconcile.sweep import Found, SweepFindings, SweepSight, decide
from atoll.store.work import Lease

log = logging.getLogger("atoll.engine")

SHARE = 50
"""The pause after a sweep is at least this multiple of its own work: sweeps take at most 2 % of one CPU."""
LONGEST = 6
"""The most sweeps that a pause replaces: a machine that ends by itself is noticed after this many at the latest."""
EXPECTING = (InstanceState.STARTING, InstanceState.ACTIVE)
"""The states in which an instance's machine can be seen."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A machine or disk on a backend that bears our tag."""

    kind: Kind
    backend: str
    zone: Zone
    id: str
    token: str


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one look over a backend found; `resources` by kind and id.

    `seconds` is how long it took to compare the resources with the records, without the backend's own time.
    """

    machines: SweepFindings
    disks: SweepFindings
    resources: dict[tuple[Kind, str], Resource]
    seconds: float

    def strays(self) -> list[Resource]:
        """What belongs to records that have ended."""
        return self._of(self.machines.strays, self.disks.strays)

    def orphans(self) -> list[Resource]:
        """The resources without a record."""
        return self._of(self.machines.orphans, self.disks.orphans)

    def _of(self, machines: tuple[Found, ...], disks: tuple[Found, ...]) -> list[Resource]:
        found = [self.resources[(Kind.INSTANCE, machine.id)] for machine in machines]
        return found + [self.resources[(Kind.VOLUME, disk.id)] for disk in disks]


class SweepHandler:
    """Sweeps backends."""

    def __init__(self, context: Context) -> None:
        self._context = context

    async def work(self, lease: Lease) -> Due:
        """Sweep one backend. Raises LeaseLost, BackendError."""
        backend = self._context.backends.get(lease.id)
        if backend is None:
            return Due(None)
        sweep = await look_over(self._context, lease.id, backend)
        if sweep.machines.missing:
            async with self._context.database.write(lease) as tx:
                await tx.work.wake(Kind.INSTANCE, sweep.machines.missing, tx.now)
        for stray in sweep.strays():
            log.warning("kind=%s id=%s zone=%s ended: its record has ended", stray.kind, stray.id, stray.zone)
            await end(self._context, stray)
        for orphan in sweep.orphans():
            log.warning("kind=%s id=%s zone=%s is known to no record", orphan.kind, orphan.id, orphan.zone)
        self._context.worlds.refresh()  # so that the return of a zone is noticed
        usual = backend.limits.sweep_seconds
        return Due(min(max(usual, SHARE * sweep.seconds), LONGEST * usual))


async def look_over(context: Context, name: str, backend: Backend) -> Sweep:
    """Ask a backend for all that is ours, and hold it against the records. Raises BackendError."""
    machines = await context.calls.make(name, None, backend.find, context.owner)
    disks: tuple[Disk, ...] = ()
    if backend.volumes is not None:
        disks = await context.calls.make(name, None, backend.volumes.find, context.owner)
    began = context.now()
    async with context.database.read() as tx:
        instances = await tx.fleets.machines(name)
        volumes = {volume.id for volume in await tx.volumes.listing()}
        loose = [each.token for each in machines if each.token not in instances]
        ended = await tx.known(Kind.INSTANCE, loose) if loose else frozenset()
        loose = [disk.token for disk in disks if disk.token not in volumes]
        deleted = await tx.known(Kind.VOLUME, loose) if loose else frozenset()
    expected = {id: machine for id, (state, machine) in instances.items() if machine and state in EXPECTING}
    resources = {(Kind.INSTANCE, m.id): Resource(Kind.INSTANCE, name, m.zone, m.id, m.token) for m in machines}
    resources |= {(Kind.VOLUME, d.id): Resource(Kind.VOLUME, name, d.zone, d.id, d.token) for d in disks}
    sights = (
        SweepSight([Found(each.id, each.token) for each in machines], expected, instances.keys(), ended),
        SweepSight([Found(disk.id, disk.token) for disk in disks], {}, volumes, deleted),
    )
    machines_found, disks_found = map(decide, sights)
    return Sweep(machines_found, disks_found, resources, (context.now() - began).total_seconds())


async def end(context: Context, resource: Resource) -> None:
    """Terminate a machine, or delete a disk with its data. Raises BackendError."""
    backend = context.backends[resource.backend]
    if resource.kind is Kind.INSTANCE:
        await context.calls.make(resource.backend, resource.zone, backend.terminate, resource.id, resource.zone)
        return
    if backend.volumes is None:
        raise InvalidRequest(f"backend `{resource.backend}` has no volumes")
    await context.calls.make(resource.backend, resource.zone, backend.volumes.delete, resource.id, resource.zone)
