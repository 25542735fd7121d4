"""The clouds of a rehearsal: fake ones with the offers of the real ones, and the machines and disks of the records."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from random import Random

import numpy as np

from atoll.backends.base import Listing
from atoll.backends.fake import FakeBackend, FakeCloud, JobScript, Script
from atoll.backends.fake.cloud import FAILED
from atoll.backends.fake.ledger import Entry, FakeDisk, FakeJob, FakeMachine
from atoll.model.catalog import MARKETS, Catalog
from atoll.model.limits import TimeLimits
from atoll.model.offer import Market, Offer
from atoll.model.records import Attachment, Instance, Job, Volume
from atoll.model.states import AttachmentState, InstanceState, JobState
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneState
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.material import Material, Provider

LAUNCH_SECONDS = 60.0
"""How long a launch takes where none was observed lately."""
FOR_EVER = 1e9
"""How long jobs run, in seconds: longer than any rehearsal."""
_ON_MACHINE = (JobState.RUNNING, JobState.STOPPING)


class RehearsedBackend(FakeBackend):
    """A fake cloud in place of a configured backend, with its abilities, limits, zones and offers."""

    def __init__(self, cloud: FakeCloud, provider: Provider, catalog: Catalog) -> None:
        super().__init__(cloud, provider.info.name)
        self._provider = provider
        self._catalog = catalog

    @property
    def info(self) -> BackendInfo:
        """The configured backend's."""
        return self._provider.info

    @property
    def limits(self) -> TimeLimits:
        """The configured backend's."""
        return self._provider.limits

    async def listing(self) -> Listing:
        """What the configured backend listed, with the zones as they are in the rehearsal."""
        zones = tuple(self._now(info) for info in self._provider.zones)
        return Listing(zones, self._catalog, self.cloud.told_time(), self._provider.quotas)

    def offer(self, zone: Zone, instance_type: str, market: Market) -> Offer | None:
        """The offer of a type in a zone and market; None where it is not offered."""
        catalog, columns = self._catalog, self._catalog.columns
        place = catalog.positions.get(zone)
        if place is None:
            return None
        rows = catalog.rows(place)
        types = catalog.table.by_name.get(instance_type.casefold(), [])
        wanted = np.isin(columns.type[rows], types) & (columns.market[rows] == MARKETS.index(market))
        return next((catalog.offer(rows.start + int(row)) for row in np.flatnonzero(wanted)), None)

    def has_type(self, name: str) -> bool:
        """Whether any zone offers an instance type of this name."""
        return name.casefold() in self._catalog.table.by_name

    def _now(self, info: ZoneInfo) -> ZoneInfo:
        if self.cloud.zone_state(info.zone.name) == FAILED:
            return replace(info, state=ZoneState.IMPAIRED, reason="the zone failed", until=None)
        return info


def clouds(material: Material, clock: VirtualClock, seed: int) -> dict[str, RehearsedBackend]:
    """A fake cloud for each backend, with what the records say that exists."""
    backends = {}
    for provider in material.providers:
        name = provider.info.name
        catalog = _of_backend(material.catalog, name)
        cloud = FakeCloud(_script(material, provider, catalog, seed), clock)
        cloud.ledger.append(_existing(material, name))
        backends[name] = RehearsedBackend(cloud, provider, catalog)
    return backends


def _of_backend(catalog: Catalog, name: str) -> Catalog:
    """The offers of one backend."""
    own = np.array([zone.backend == name for zone in catalog.zones], dtype=bool)
    if own.all():
        return catalog
    rows = np.flatnonzero(own[catalog.columns.zone]) if len(catalog) else np.empty(0, dtype=np.intp)
    return Catalog(catalog.zones, catalog.table.types, catalog.columns.take(rows), catalog.as_of)


def _script(material: Material, provider: Provider, catalog: Catalog, seed: int) -> Script:
    """The nature of the cloud; its offers are one for each zone, which make the zones known."""
    samples: dict[str, list[float]] = {}
    for (zone, type_), seconds in material.launches.items():
        if zone.backend == provider.info.name:
            samples.setdefault(type_, []).extend(seconds)
    every = sorted(second for seconds in samples.values() for second in seconds)
    return Script(
        tuple(catalog.offer(catalog.rows(int(place)).start) for place in catalog.filled),
        capacity={info.zone.name: info.capacity for info in provider.zones if info.capacity is not None},
        states={info.zone.name: info for info in provider.zones if info.state is not ZoneState.AVAILABLE},
        zoned=provider.info.zoned,
        volumes=provider.info.volumes,
        # Draws a real call's time: calls that answer at once would make all that follows simultaneous.
        latency={"*": (0.05, 0.3)},
        boot=Random(seed).choice(every) if every else LAUNCH_SECONDS,  # noqa: S311 - a simulation
        boots={type_: tuple(seconds) for type_, seconds in samples.items()},
        jobs=JobScript(seconds=FOR_EVER),
        seed=seed,
        reads=False,
        limits=provider.limits,
    )


def _existing(material: Material, backend: str) -> Entry:
    """The machines, disks and jobs of the records, as one entry of the cloud's ledger."""
    now = material.now.timestamp()
    of = _kinds(material)
    instances = {
        one.id: one for one in of(Instance) if one.zone.backend == backend and one.state is not InstanceState.TERMINATED
    }
    machines = tuple(
        _machine(instance, material.owner, now) for instance in instances.values() if instance.backend_id is not None
    )
    holders = {
        tie.volume_id: instances[tie.instance_id].backend_id
        for tie in of(Attachment)
        if tie.state is AttachmentState.ATTACHED and tie.instance_id in instances
    }
    disks = tuple(
        FakeDisk(one.backend_id, one.id, material.owner, one.name, one.zone, one.size_gb, now, now, holders.get(one.id))
        for one in of(Volume)
        if one.zone is not None and one.zone.backend == backend and one.backend_id is not None
    )
    jobs = tuple(
        FakeJob(instances[job.instance_id].backend_id or "", job.id, (), now, FOR_EVER, 0)
        for job in of(Job)
        if job.state in _ON_MACHINE and job.instance_id in instances
    )
    return Entry(0, now, "existing", machines=machines, disks=disks, jobs=jobs)


def _kinds(material: Material) -> Callable[..., Iterable]:  # type: ignore[type-arg]
    return lambda kind: (record for record in material.records if isinstance(record, kind))


def _machine(instance: Instance, owner: str, now: float) -> FakeMachine:
    """The machine of an instance; one that has not answered yet does so after the usual time."""
    ready = now if instance.state in (InstanceState.ACTIVE, InstanceState.TERMINATING) else now + LAUNCH_SECONDS
    return FakeMachine(
        instance.backend_id or "",
        instance.id,
        owner,
        instance.name,
        instance.zone,
        instance.instance_type.name,
        instance.market,
        instance.instance_type.capacity,
        created_at=now,
        ready_at=ready,
        visible_at=now,
    )
