"""What emptying a zone would do, before anything moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from atoll.engine.context import Context
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.placing.disruption import Pace, limits_of
from atoll.engine.placing.emptying import moves_in, occupants_of
from atoll.engine.requests.closing import Closing, new_closure
from atoll.engine.requests.submission import asker
from atoll.engine.snapshots.world import take_snapshot
from atoll.model.records import Fleet, Instance
from atoll.model.states import FleetState
from atoll.model.zone import Zone, ZoneState
from atoll.planning.filters.eligible import usable_zones
from atoll.planning.moves import Moves
from atoll.planning.plan import DocumentPlan
from atoll.planning.request import FleetRequest, Request
from atoll.planning.snapshot import Snapshot
from atoll.planning.whatif import emptied

_NAMED = 5
"""Fleets that a note names; more are counted."""


@dataclass(frozen=True, slots=True)
class FleetPreview:
    """A fleet with nodes in the zone: the instances to be replaced, the plan for their successors, and the pace.

    By `late` the fleet's nodes leave after the closure has ended, or after the deadline of an evacuation.
    """

    name: str
    replaced: tuple[Instance, ...]
    plan: DocumentPlan
    pace: Pace = Pace()
    late: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Preview:
    """What would happen to the project's instances in a zone; `others` are those of other projects, only counted.

    `notes` say who cannot do without the zone.
    """

    fleets: tuple[FleetPreview, ...]
    released: tuple[Instance, ...]
    moves: Moves
    others: int = 0
    notes: tuple[str, ...] = ()


async def preview_closing(context: Context, project: str, zone: Zone, closing: Closing) -> Preview:
    """What closing a zone would do. Nothing changes. Raises Refused: as closing it would."""
    world = await context.worlds.world()
    async with context.database.read() as tx:
        closure = await new_closure(tx, "preview", project, zone, closing)
        snapshot = await take_snapshot(tx, world, context.backends, project)
        every = await occupants_of(tx, closure) if closing.empties else ()
        ours = [each for each in every if each.project == project]
        found = await moves_in(tx, world, closure, ours)
        fleets = [await tx.get(Fleet, id) for id in dict.fromkeys(each.fleet_id for each in ours)]
        paces = {
            fleet.name: (await limits_of(tx, context.disruption, fleet)).pace(
                [each.zone for each in ours if each.id in found.replace and each.fleet_id == fleet.id], tx.now
            )
            for fleet in fleets
            if fleet is not None and not fleet.auto_created and fleet.state is FleetState.ACTIVE
        }
        kept = [each for each in await tx.fleets.listing(project) if not each.auto_created]
        remaining = (closure.deadline or closure.until) - tx.now
    by_id = {each.id: each for each in ours}
    requests = _requests(fleets, {by_id[id].fleet_id for id in found.replace})
    previews: tuple[FleetPreview, ...] = ()
    if requests:
        request = Request(project, tuple(requests))  # as the fleets will be planned: ties are broken alike
        made = await context.planner.plan(request, emptied(snapshot, zone, found.replace), asker(project))
        leaving = [by_id[id] for id in found.replace]
        previews = tuple(
            FleetPreview(
                part.name,
                tuple(each for each in leaving if each.fleet == part.name),
                part,
                paces[part.name],
                max(timedelta(), paces[part.name].least - remaining),
            )
            for part in made.documents
        )
    released = tuple(by_id[id] for id in found.release)
    return Preview(previews, released, found, len(every) - len(ours), _notes(zone, snapshot, kept))


def _notes(zone: Zone, snapshot: Snapshot, fleets: Sequence[Fleet]) -> tuple[str, ...]:
    """What could be placed nowhere else: all new work, or the nodes of some fleets."""
    if not any(info.state is ZoneState.AVAILABLE and info.zone != zone for info in snapshot.zones):
        return (f"no other zone takes new work: until {zone} opens again, all that needs a place waits",)
    tied = [
        fleet.name
        for fleet in fleets
        if fleet.state is FleetState.ACTIVE
        and usable_zones(fleet_request(fleet.name, spec_of(fleet), fleet.nodes).requirements, snapshot) == {zone}
    ]
    if not tied:
        return ()
    who, its = (f"fleet `{tied[0]}`", "its") if len(tied) == 1 else (f"fleets {_quoted(tied)}", "their")
    return (f"{who} may have nodes in no other open zone: {its} lost nodes are not replaced until {zone} opens again",)


def _quoted(names: Sequence[str]) -> str:
    """Names with quotes, the first ones where there are many."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(f"`{name}`" for name in names[:_NAMED]) + more


def _requests(fleets: Sequence[Fleet | None], affected: set[str]) -> list[FleetRequest]:
    return [
        fleet_request(fleet.name, spec_of(fleet), fleet.nodes)
        for fleet in fleets
        if fleet is not None and fleet.id in affected and fleet.state is FleetState.ACTIVE
    ]
