"""Hosts that fleets declare: looked at when a plan names them, and held against those of other fleets."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from atoll.backends.own_hosts import OwnHosts
from atoll.configuration import Document, spec_from_json
from atoll.configuration.types.fleet import Fleet as FleetSpec
from atoll.configuration.types.run import Run as RunSpec
from atoll.engine.context import Transactions
from atoll.engine.placing.demand import spec_of
from atoll.engine.placing.hosts import division_of, hosts_of
from atoll.engine.snapshots.world import World
from atoll.model.catalog import Catalog
from atoll.model.diagnostic import Diagnostic
from atoll.model.zone import ZoneInfo
from atoll.store.transaction import Transaction
from atoll.tunnels.host import Host


async def declared_hosts(database: Transactions) -> list[Host]:
    """The hosts of all fleets of all projects; of two that declare one host, the newer fleet's."""
    async with database.read() as tx:
        fleets = await tx.fleets.with_hosts()
    specs = [spec_of(fleet) for fleet in fleets if not fleet.auto_created]
    hosts = [host for spec in specs if spec.ssh_config is not None for host in hosts_of(spec.ssh_config)]
    return list({host.name: host for host in hosts}.values())


def kept_hosts(former: Mapping[str, Any], config: Mapping[str, Any]) -> frozenset[str] | None:
    """The names of the hosts that a fleet has in both configurations, with their agents; None where one has no hosts.

    A host of another user, in another zone or with other blocks is another one; other changes only change how it is
    reached.
    """
    specs: list[Any] = [spec_from_json("fleet", each) for each in (former, config)]
    old, new = (spec.ssh_config for spec in specs)
    if old is None or new is None:
        return None
    hosts = {host.name: host for host in hosts_of(old)}
    before, after = (division_of(spec) for spec in specs)
    return frozenset(
        host.name
        for host in hosts_of(new)
        if host.name in hosts
        and host.takes_over(hosts[host.name])
        and before.wanted(host.name) == after.wanted(host.name)
    )


def declares_hosts(documents: Sequence[Document]) -> bool:
    """Whether any of the documents is a fleet with hosts of its own."""
    return any(isinstance(document.spec, FleetSpec) and document.spec.ssh_config for document in documents)


def needs_engine(documents: Sequence[Document]) -> bool:
    """Whether any of the documents is a run with an image."""
    return any(isinstance(document.spec, RunSpec) and document.spec.image is not None for document in documents)


async def look_at_hosts(backend: OwnHosts | None, documents: Sequence[Document]) -> list[Diagnostic]:
    """Connect to the hosts that the documents name: a finding for each that cannot be used."""
    found = []
    for document in documents:
        config = document.spec.ssh_config if isinstance(document.spec, FleetSpec) else None
        if config is None:
            continue
        if backend is None:
            message = "this server has no backend `ssh`"
            found.append(Diagnostic("unknown-backend", message, span=document.span(("ssh_config",), key=True)))
            continue
        hosts = hosts_of(config)
        problems = await backend.consider(hosts)
        for index, host in enumerate(hosts):
            if host.name in problems:
                span = document.span(("ssh_config", "hosts", index))
                found.append(Diagnostic("host-unusable", problems[host.name], span=span))
    return found


def with_hosts(world: World, backend: OwnHosts | None, documents: Sequence[Document]) -> World:
    """The world with the hosts of these documents in the zones where they declare them."""
    specs = [document.spec for document in documents if isinstance(document.spec, FleetSpec)]
    configs = [spec.ssh_config for spec in specs if spec.ssh_config is not None]
    if backend is None:
        return world
    declared = {host.name: backend.zone_of(host) for config in configs for host in hosts_of(config)}
    zones, column = list(world.catalog.zones), world.catalog.columns.zone.copy()
    for name, zone in declared.items():
        kinds = world.catalog.table.by_name.get(name.casefold(), ())
        near = [place for place, each in enumerate(zones) if each.backend == zone.backend and each != zone]
        rows = np.isin(column, near) & np.isin(world.catalog.columns.type, kinds)
        if rows.any():
            zones += [] if zone in zones else [zone]
            column[rows] = zones.index(zone)
    if (column == world.catalog.columns.zone).all():
        return world
    columns = replace(world.catalog.columns, zone=column)
    catalog = Catalog(zones, world.catalog.table.types, columns, world.catalog.as_of)
    known = {info.zone for info in world.zones}
    fresh = tuple(ZoneInfo(zone) for zone in dict.fromkeys(declared.values()) if zone not in known)
    return replace(world, catalog=catalog, zones=(*world.zones, *fresh))


async def shared_hosts(tx: Transaction, document: Document, project: str) -> list[Diagnostic]:
    """The hosts of a fleet that another fleet declares too."""
    config = document.spec.ssh_config if isinstance(document.spec, FleetSpec) else None
    if config is None:
        return []
    holders: dict[str, str] = {}
    for fleet in await tx.fleets.with_hosts():
        theirs = None if fleet.auto_created else spec_of(fleet).ssh_config
        if theirs is not None and (fleet.project, fleet.name) != (project, document.name) and fleet.name:
            mine = fleet.project == project
            holder = f"fleet `{fleet.name}`" if mine else "a fleet of another project"
            holders |= {host.name: holder for host in hosts_of(theirs)}
    return [
        Diagnostic(
            "host-unusable",
            f"host {host.name} belongs to {holders[host.name]}",
            span=document.span(("ssh_config", "hosts", index)),
            help="a host is in one fleet: remove it from the other one first",
        )
        for index, host in enumerate(hosts_of(config))
        if host.name in holders
    ]
