"""The query of `atoll offer`, in the forms of configurations, as the planner's requirements; and the offers for it."""

from collections.abc import Collection, Iterator
from typing import Any

from pydantic import ValidationError

from atoll.configuration.reading.findings import diagnostics
from atoll.configuration.types.resources import Resources
from atoll.engine.context import Context
from atoll.engine.requests.parsing import live_directory, refuse_errors, with_zones
from atoll.engine.snapshots.world import World, take_snapshot
from atoll.model.diagnostic import Diagnostic
from atoll.model.resources import Range
from atoll.model.resources import Resources as Required
from atoll.model.suggestion import did_you_mean
from atoll.planning.offers import OfferSearch
from atoll.planning.request import Requirements, SpotPolicy
from atoll.planning.terrain import Terrain
from atoll.wire.api import OfferQuery


async def find_offers(context: Context, project: str, query: OfferQuery) -> OfferSearch:
    """The offers that match a query. Raises Refused, with a diagnostic for each text that means nothing."""
    world = await context.worlds.world()
    backends = with_zones({name: backend.info for name, backend in context.backends.items()}, world.zones)
    findings = [*_names(query, world, context.backends), *_zones(query, world, backends)]
    resources = _resources(query, findings)
    refuse_errors(findings)
    async with context.database.read() as tx:
        snapshot = await take_snapshot(tx, world, context.backends, project)
    requirements = Requirements(
        resources,
        query.backend or None,
        query.region or None,
        query.zone or None,
        query.instance_type or None,
        SpotPolicy(query.spot or SpotPolicy.AUTO),
        query.max_price,
    )
    return OfferSearch.of(requirements, Terrain.of(snapshot, "offers"))


def _resources(query: OfferQuery, findings: list[Diagnostic]) -> Required:
    """The required machine; what is not given is no limit, unlike in a configuration."""
    texts = {"cpu": query.cpu, "memory": query.memory, "gpu": query.gpu}
    given: dict[str, Any] = {key: text for key, text in texts.items() if text is not None}
    for key, text in list(given.items()):
        try:
            Resources.model_validate({key: text})
        except ValidationError as error:
            for diagnostic in diagnostics(error, Resources, {}):
                findings.append(
                    Diagnostic(diagnostic.code, f"`{text[:60]}` for {key}: {diagnostic.message}", help=diagnostic.help)
                )
            del given[key]
    found = Resources.model_validate(given).to_model()
    any_amount = Range()
    return Required(
        found.cpus if "cpu" in given else any_amount,
        found.memory_gb if "memory" in given else any_amount,
        None,
        found.arch,
        found.gpu,
    )


def _names(query: OfferQuery, world: World, backends: Collection[str]) -> Iterator[Diagnostic]:
    regions = {info.zone.region for info in world.zones}
    types = {kind.name for kind in world.catalog.table.types}
    for name in query.backend:
        if name.casefold() not in backends:
            notes = (f"configured: {', '.join(sorted(backends))}",)
            message = f"backend `{name[:60]}` is not configured on this server"
            yield Diagnostic("unknown-backend", message, notes=notes)
    for what, names, known in (("region", query.region, regions), ("instance type", query.instance_type, types)):
        folded = {name.casefold() for name in known}
        for name in names:
            if name.casefold() not in folded:
                help = did_you_mean(name.casefold(), known)
                yield Diagnostic("wrong-value", f"no backend here has the {what} `{name[:60]}`", help=help)


def _zones(query: OfferQuery, world: World, backends: Collection[str]) -> Iterator[Diagnostic]:
    directory = live_directory(world)
    for text in query.zone:
        found = directory.resolve(text, backends=query.backend or backends, regions=query.region or None)
        if found.problem and found.problem != "ambiguous-zone":
            listed = ", ".join(found.known[:12]) + (", …" if len(found.known) > 12 else "")
            yield Diagnostic(
                found.problem,
                f"`{text[:60]}` is not a zone of {', '.join(query.region or query.backend or sorted(backends))}",
                notes=(f"zones: {listed}",) if listed else (),
                help=f"did you mean `{found.suggestions[0]}`?" if found.suggestions else None,
            )
