"""Fleets that grow for runs: nodes of a fleet for a run that finds no idle or planned machine.

A run that names fleets gets machines of those alone, within what each fleet allows: the fleet and the run are planned
together, so that a new node meets the requirements of both and keeps the fleet's placement. A run that names none uses
a fleet that can grow where that is not dearer than a machine of its own.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from atoll.planning.combined import Contradictory, combined
from atoll.planning.growth import Growth, PlanFunction, candidates, part
from atoll.planning.plan import (
    PASSING,
    DocumentKind,
    DocumentPlan,
    Fact,
    Plan,
    RefusalCode,
    Shortfall,
    ShortfallCode,
)
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest
from atoll.planning.snapshot import Snapshot
from atoll.planning.solving.kinds import kind_of

_NO_MACHINE = frozenset({RefusalCode.FLEET, RefusalCode.INSTANCE_BUSY, ShortfallCode.NOT_ENOUGH})
"""Shortfalls of a run on machines that exist, of which the reason is why its fleets do not grow."""


def plan_elastic(request: Request, snapshot: Snapshot, plan: PlanFunction) -> Plan:
    """The plan of a request whose elastic fleets may grow for its runs, in the order of its documents.

    Fleets that grow and are no documents of the request come last; `Plan.grown` has the new sizes of all that grow.
    """
    if not request.elastic:
        return plan(request, snapshot)
    growth = Growth.of(request, snapshot, plan)
    answer = plan(growth.request, snapshot)
    reasons: dict[RunRequest, DocumentPlan] = {}
    documents = []
    runs = {run.name: run for run in request.documents if isinstance(run, RunRequest)}
    for one in answer.documents:
        run = runs[one.name] if one.kind is DocumentKind.RUN else None
        if run is None or one.shortfall is None or not run.fleets or kind_of(run) not in growth.failed:
            documents.append(one)
            continue
        if kind_of(run) not in reasons:
            reasons[kind_of(run)] = _explained(one, run, growth)
        documents.append(replace(reasons[kind_of(run)], name=one.name))
    return replace(answer, documents=tuple(documents), grown=growth.sizes if growth.request != request else {})


def _explained(one: DocumentPlan, run: RunRequest, growth: Growth) -> DocumentPlan:
    """The run's plan with the reason why no fleet grows for it."""
    able, short = candidates(run, growth.request), one.shortfall
    if short is None or short.code not in _NO_MACHINE or not able:
        return one
    why = partial(_for_run, run, growth.snapshot, growth.plan)
    trials = [(trial, growth.plan(trial, growth.snapshot), name) for trial, name in growth.failed[kind_of(run)]]
    return _of_trials(one, short, trials, why) or replace(one, shortfall=_of_limits(short, run, able))


def _of_trials(
    one: DocumentPlan,
    shortfall: Shortfall,
    trials: Sequence[tuple[Request, Plan, str]],
    why: Callable[[FleetRequest], DocumentPlan | None],
) -> DocumentPlan | None:
    """The run's plan with the nearest miss of the first fleet that had a place left; the same cures as before."""
    for trial, made, name in trials:
        fleet = next(each for each in trial.documents if isinstance(each, FleetRequest) and each.name == name)
        alone = why(fleet)
        if alone is None:
            continue
        short = alone.shortfall or part(made, DocumentKind.FLEET, name).shortfall
        if short is None:
            short = part(made, DocumentKind.RUN, one.name).shortfall
            if short is None or short.code in _NO_MACHINE:
                continue
            return replace(one, shortfall=replace(shortfall, code=short.code, data=short.data))
        return replace(one, shortfall=_growing(shortfall, short, alone, name), refusals=alone.refusals)
    if not trials:
        return None
    names = tuple(dict.fromkeys(name for _, _, name in trials))
    return replace(one, shortfall=replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data={"fleets": names}))


def _growing(shortfall: Shortfall, short: Shortfall, alone: DocumentPlan, name: str) -> Shortfall:
    """Why a fleet gets no node for a run: what passes, where anything does, else what no machine of the fleet has."""
    passing = [one for one in alone.refusals if one.code in PASSING]
    growing: dict[str, Fact] = {"growing": name, "nodes": short.wanted}
    if passing and short.code not in PASSING and not short.data.get("fits"):
        near = passing[0]
        alike = sum(one.code is near.code for one in passing)
        return replace(shortfall, code=near.code, data={**near.data, "zone": str(near.zone), "alike": alike, **growing})
    if isinstance(short.code, RefusalCode) and not passing:
        data = {**short.data, "fleets": (name,), "miss": short.code.value}
        return replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data=data)
    return replace(shortfall, code=short.code, data={**short.data, **growing})


def _of_limits(shortfall: Shortfall, run: RunRequest, candidates: Sequence[ElasticFleet]) -> Shortfall:
    """Why no fleet may grow: it is on hold, or has all the nodes that it may have."""
    fleets = tuple(run.fleets or ())
    held = next((one for one in candidates if one.held), None)
    if held is not None:
        return replace(shortfall, code=ShortfallCode.FLEET_HELD, data={"fleet": held.fleet.name, "reason": held.held})
    most = candidates[0].most if len(candidates) == 1 else None
    return replace(shortfall, code=ShortfallCode.FLEET_FULL, data={"fleets": fleets, "most": most})


def _for_run(run: RunRequest, snapshot: Snapshot, plan: PlanFunction, fleet: FleetRequest) -> DocumentPlan | None:
    """How the fleet's nodes fit alone where all that are new have to suit the run; None where none could suit it."""
    zones = [info.zone for info in snapshot.zones] or list(snapshot.catalog.zones)
    try:
        both = combined(fleet.requirements, run.requirements, zones)
    except Contradictory:
        return None
    return plan(Request(fleet.name, (replace(fleet, requirements=both),)), snapshot).documents[0]
