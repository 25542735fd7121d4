"""What a rehearsal starts from: a copy of the living records of all projects, and what the backends list."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from atoll.configuration.types.disruption import Disruption
from atoll.engine.context import Context
from atoll.engine.queries.observations import launch_seconds
from atoll.model.catalog import Catalog
from atoll.model.failure import Failure
from atoll.model.limits import TimeLimits
from atoll.model.quota import Quota
from atoll.model.records import Fleet, Record, Run
from atoll.model.zone import BackendInfo, Zone, ZoneInfo
from atoll.store.transaction import Transaction

_PRIVATE = ("env", "registry_auth")
"""The keys of configurations that may hold secrets: no rehearsal needs them."""


@dataclass(frozen=True, slots=True)
class Provider:
    """One backend: what it can do, how long its machines are waited for, and what it lists."""

    info: BackendInfo
    limits: TimeLimits
    zones: tuple[ZoneInfo, ...]
    quotas: tuple[Quota, ...] = ()


@dataclass(frozen=True, slots=True)
class Material:
    """A copy of the world at `now`, without secrets.

    `launches` are the seconds that recent launches took, by zone and instance type. `owner` is the installation's id,
    `disruption` the server's budget.
    """

    now: datetime
    owner: str
    records: tuple[Record, ...]
    failures: tuple[Failure, ...]
    providers: tuple[Provider, ...]
    catalog: Catalog
    launches: Mapping[tuple[Zone, str], tuple[float, ...]]
    disruption: Disruption | None = None


async def gather(context: Context) -> Material:
    """Copy the living records and the backends' last listings."""
    world = await context.worlds.world()
    launches = await launch_seconds(context)
    async with context.database.read() as tx:
        records = await _records(tx)
        failures = tuple(await tx.failures.recent(tx.now))
        now = tx.now
    providers = tuple(
        Provider(
            backend.info,
            backend.limits,
            tuple(info for info in world.zones if info.zone.backend == name),
            tuple(quota for quota in world.quotas if quota.backend == name),
        )
        for name, backend in sorted(context.backends.items())
    )
    return Material(now, context.owner, records, failures, providers, world.catalog, launches, context.disruption)


async def _records(tx: Transaction) -> tuple[Record, ...]:
    records: list[Record] = []
    for project in await tx.access.projects():
        records += map(_public, await tx.fleets.listing(project.name))
        runs = await tx.runs.unfinished(project.name)
        records += map(_public, runs)
        for run in runs:
            records += await tx.runs.attempts(run)
    records += await tx.fleets.live_instances()
    records += await tx.volumes.listing()
    records += await tx.attachments.live()
    records += await tx.closures.in_force()
    return tuple(records)


def _public(record: Fleet | Run) -> Fleet | Run:
    config: Mapping[str, Any] = {key: value for key, value in record.config.items() if key not in _PRIVATE}
    return replace(record, config=config)
