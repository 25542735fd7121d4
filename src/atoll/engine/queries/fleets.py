"""Fleets and instances as fronts show them. No configuration is shown, so that no variable's value can be."""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import accumulate

from atoll.engine.context import Context
from atoll.engine.parts.refusal import not_found
from atoll.engine.parts.versions import version_of
from atoll.engine.queries.declared import Declared, shown
from atoll.engine.queries.page import SIZE, Page
from atoll.engine.queries.shapes import FleetShape, Shapes
from atoll.engine.queries.zones import no_longer_offered, not_configured
from atoll.engine.snapshots.closures import zones_for
from atoll.model.records import Fleet
from atoll.model.resources import InstanceType
from atoll.model.states import FleetState, InstanceState
from atoll.model.zone import Zone
from atoll.store.shown import ShownInstance
from atoll.store.transaction import Transaction
from atoll.wire.api import ON_HOLD, FleetView, InstanceView


class FleetQueries:
    """Reads fleets and instances."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._shapes = Shapes()

    async def page(self, project: str, after: str | None, limit: int) -> Page[FleetView]:
        """Fleets with their instances, the oldest first; a page ends early when they have too many instances."""
        page = await self.declared_page(project, after, limit)
        return Page([item.view for item in page.items], page.more)

    async def declared_page(self, project: str, after: str | None, limit: int) -> Page[Declared[FleetView]]:
        """Fleets as `page` returns them, with what their files say."""
        async with self._context.database.look() as tx:
            found = await tx.listing.fleets(project, after, limit + 1)
            few = _few(found[:limit])
            views = await self._views(tx, few)
            items = [Declared(view, shown(fleet.config)) for view, fleet in zip(views, few, strict=True)]
            return Page(items, len(found) > len(few))

    async def get(self, project: str, name: str) -> FleetView:
        """One fleet with its version. Raises Refused: not-found."""
        return (await self.declared(project, name)).view

    async def declared(self, project: str, name: str) -> Declared[FleetView]:
        """One fleet as `get` returns it, with what its file says. Raises Refused: not-found."""
        async with self._context.database.read() as tx:
            found = await tx.fleets.named(project, name)
            if found is None:
                raise not_found("fleet", name)
            view = replace((await self._views(tx, [found]))[0], version=version_of(found))
            return Declared(view, shown(found.config))

    async def view(self, fleet: Fleet) -> FleetView:
        """A fleet that a request has just changed."""
        async with self._context.database.read() as tx:
            return (await self._views(tx, [fleet]))[0]

    async def instances(self, project: str, after: str | None, limit: int) -> Page[InstanceView]:
        """Instances that are not terminated, by fleet and node."""
        async with self._context.database.look() as tx:
            found = await tx.listing.instances(project, after, limit + 1)
        views = [instance_view(instance, self._context.backends) for instance in found[:limit]]
        return Page(views, len(found) > limit)

    async def _views(self, tx: Transaction, found: Sequence[Fleet]) -> list[FleetView]:
        machines = await tx.listing.instances_of([fleet.id for fleet in found])
        known, now = self._context.worlds.known(), self._context.now()
        zones = await zones_for(tx, known.zones, found[0].project) if found else ()
        world = replace(known, zones=zones)
        gone = known.gone({instance.zone for group in machines.values() for instance in group})
        views = []
        for fleet in found:
            instances = machines.get(fleet.id, [])
            staying = Counter(instance.zone for instance in instances if not instance.end_reason)
            shape = self._shapes.of(fleet, staying, world, now)
            views.append(fleet_view(fleet, instances, shape, self._context.backends, gone))
        return views


def _few(found: Sequence[Fleet]) -> Sequence[Fleet]:
    """The first fleets that together have at most a page of instances, but at least one fleet."""
    sums = accumulate(fleet.nodes for fleet in found)
    return found[: max(1, sum(nodes <= SIZE for nodes in sums))]


def gpu_text(type_: InstanceType) -> str:
    """`H100:8`, or empty."""
    return f"{type_.gpu.name}:{type_.gpu.count}" if type_.gpu else ""


def instance_view(instance: ShownInstance, backends: Collection[str]) -> InstanceView:
    """One machine, idle or busy depending on its jobs; `unknown` where its backend is not configured."""
    status, message, silent_since = instance.state, instance.message, None
    if instance.zone.backend not in backends:
        status, message = "unknown", message or not_configured(instance.zone.backend)
    elif status == InstanceState.ACTIVE:
        status, silent_since = "busy" if instance.runs else "idle", instance.unreachable_since
    if silent_since is not None:
        status = "unreachable"
        message = message or f"its agent has not answered since {silent_since:%H:%M:%S %Z}"
    type_ = instance.instance_type
    return InstanceView(
        instance.id,
        instance.name,
        instance.fleet,
        instance.node,
        status,
        instance.zone,
        type_.name,
        type_.cpus,
        type_.memory_gb,
        gpu_text(type_),
        instance.market,
        instance.price,
        instance.created_at,
        instance.runs,
        instance.volumes,
        instance.backend_id,
        instance.end_reason,
        message,
        silent_since,
    )


def fleet_view(
    fleet: Fleet,
    instances: Sequence[ShownInstance],
    shape: FleetShape,
    backends: Collection[str],
    gone: Collection[Zone] = (),
) -> FleetView:
    """A fleet with its machines and its shape.

    `backends` are those configured; `gone` are zones that are no longer offered.
    """
    away = sorted({instance.zone.backend for instance in instances} - {*backends})
    notes = no_longer_offered({instance.zone for instance in instances} & {*gone})
    placement = fleet.config.get("placement", "any")
    strategy = placement.get("strategy", "any") if isinstance(placement, dict) else str(placement)
    return FleetView(
        fleet.id,
        fleet.name,
        ON_HOLD if fleet.hold and fleet.state is FleetState.ACTIVE else fleet.state,
        fleet.nodes,
        strategy,
        shape.skew,
        sum(instance.price for instance in instances),
        fleet.created_at,
        fleet.auto_created,
        tuple(instance_view(instance, backends) for instance in instances),
        "; ".join(map(not_configured, away)) or fleet.message,
        shape.spare,
        shape.surplus,
        "; ".join(filter(None, [*notes, shape.note])),
    )
