"""Hosts that fleets declare: looked at when a plan names them, and held against those of other fleets."""

from collections.abc import Sequence

from atoll.backends.base import OwnHosts
from atoll.configuration import Document
from atoll.configuration.types.fleet import Fleet as FleetSpec
from atoll.engine.context import Transactions
from atoll.engine.placing.demand import spec_of
from atoll.engine.placing.hosts import hosts_of
from atoll.model.diagnostic import Diagnostic
from atoll.store.transaction import Transaction
from atoll.tunnels.host import Host


async def declared_hosts(database: Transactions) -> list[Host]:
    """The hosts of all fleets of all projects; of two that declare one host, the newer fleet's."""
    async with database.read() as tx:
        fleets = await tx.fleets.with_hosts()
    specs = [spec_of(fleet) for fleet in fleets if not fleet.auto_created]
    hosts = [host for spec in specs if spec.ssh_config is not None for host in hosts_of(spec.ssh_config)]
    return list({host.name: host for host in hosts}.values())


def declares_hosts(documents: Sequence[Document]) -> bool:
    """Whether any of the documents is a fleet with hosts of its own."""
    return any(isinstance(document.spec, FleetSpec) and document.spec.ssh_config for document in documents)


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
