"""Fleets that grow for runs: nodes of a fleet for a run that finds no idle or planned machine.

A run that names fleets gets machines of those alone, within what each fleet allows: the fleet and the run are planned
together, so that a new node meets the requirements of both and keeps the fleet's placement. A run that names none uses
a fleet that can grow where that is not dearer than a machine of its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from atoll.planning.growing import Growing, PlanFunction
from atoll.planning.plan import (
    PASSING,
    Cure,
    DocumentKind,
    DocumentPlan,
    Fact,
    Plan,
    RefusalCode,
    Shortfall,
    ShortfallCode,
    Source,
)
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest
from atoll.planning.snapshot import Snapshot

_NO_MACHINE = frozenset({RefusalCode.FLEET, RefusalCode.INSTANCE_BUSY, ShortfallCode.NOT_ENOUGH})
"""Shortfalls of a run on machines that exist, of which the reason is why its fleets do not grow."""


def plan_elastic(request: Request, snapshot: Snapshot, plan: PlanFunction) -> Plan:
    """The plan of a request whose elastic fleets may grow for its runs, in the order of its documents.

    Fleets that grow and are no documents of the request come last; `Plan.grown` has the new sizes of all that grow.
    """
    answer = plan(request, snapshot)
    if not request.elastic:
        return answer
    grown: dict[str, int] = {}
    for run in request.documents:
        if isinstance(run, RunRequest) and not run.may_create and request.confirmed:
            answer = _with_creation(answer, run, request, snapshot, plan)
        if isinstance(run, RunRequest) and run.grows and _lacks(_part(answer, DocumentKind.RUN, run.name)):
            trials = list(_trials(run, request, snapshot, plan))
            fitting = [(trial, made) for trial, made, _ in trials if _is_better(made, answer, run)]
            if fitting:
                request, answer = min(fitting, key=lambda pair: pair[1].price)
                grown = _sizes(request, snapshot)
            elif run.fleets is not None:
                answer = _explained(answer, Growing(run, snapshot, plan), request, trials)
    return replace(answer, grown=grown)


def _with_creation(answer: Plan, run: RunRequest, request: Request, snapshot: Snapshot, plan: PlanFunction) -> Plan:
    """The plan of a run that reuses machines alone, with the cure that fleets may grow for it, where that is one."""
    part = _part(answer, DocumentKind.RUN, run.name)
    if part.shortfall is None or any(cure.requirement == "creation_policy" for cure in part.shortfall.cures):
        return answer
    changed = tuple(replace(one, may_create=True) if one is run else one for one in request.documents)
    made = _part(
        plan_elastic(replace(request, documents=changed, confirmed=False), snapshot, plan), part.kind, run.name
    )
    if made.shortfall is not None:
        return answer
    zones = tuple(sorted({node.zone for node in made.placements}))
    cures = (*part.shortfall.cures, Cure("creation_policy", "reuse-or-create", zones, 0))
    cured = replace(part, shortfall=replace(part.shortfall, cures=cures))
    return replace(answer, documents=tuple(cured if one is part else one for one in answer.documents))


def _sizes(request: Request, snapshot: Snapshot) -> dict[str, int]:
    elastic = {one.fleet.name for one in request.elastic}
    fleets = [one for one in request.documents if isinstance(one, FleetRequest)]
    return {fleet.name: fleet.nodes for fleet in fleets if fleet.name in elastic}


def _lacks(part: DocumentPlan) -> bool:
    return part.shortfall is not None or any(node.source is Source.NEW for node in part.placements)


def _trials(
    run: RunRequest, request: Request, snapshot: Snapshot, plan: PlanFunction
) -> Iterator[tuple[Request, Plan, str]]:
    """For each fleet that may grow for the run, the request with the fewest nodes more that could do, and its plan."""
    for elastic in _candidates(run, request):
        fleet = _requested(request, elastic)
        here = [each for each in snapshot.instances if each.fleet == fleet.name and not each.outdated]
        size = max(fleet.nodes, len(here)) if fleet in request.documents else len(here)
        free = size - sum(instance.busy for instance in here)
        wanted = len(run.nodes)
        for extra in range(max(1, wanted - free), wanted + 1):
            if elastic.held or (elastic.most is not None and size + extra > elastic.most):
                break
            trial = _with(request, replace(fleet, nodes=size + extra))
            made = plan(trial, snapshot)
            yield trial, made, fleet.name
            if _part(made, DocumentKind.RUN, run.name).shortfall is None:
                break


def _candidates(run: RunRequest, request: Request) -> list[ElasticFleet]:
    return [one for one in request.elastic if run.fleets is None or one.fleet.name in run.fleets]


def _requested(request: Request, elastic: ElasticFleet) -> FleetRequest:
    """The fleet as a document of the request, or else as it is kept."""
    fleets = (one for one in request.documents if isinstance(one, FleetRequest))
    return next((one for one in fleets if one.name == elastic.fleet.name), elastic.fleet)


def _with(request: Request, fleet: FleetRequest) -> Request:
    same = [isinstance(one, FleetRequest) and one.name == fleet.name for one in request.documents]
    if not any(same):
        return replace(request, documents=(*request.documents, fleet))
    documents = (fleet if here else one for here, one in zip(same, request.documents, strict=True))
    return replace(request, documents=tuple(documents))


def _is_better(made: Plan, before: Plan, run: RunRequest) -> bool:
    """Whether the run fits, at no higher price than by itself, and nothing else fits worse than before."""
    short = {(one.kind, one.name) for one in before.documents if one.shortfall is not None}
    fits = all(one.shortfall is None or (one.kind, one.name) in short for one in made.documents)
    if not fits or _part(made, DocumentKind.RUN, run.name).shortfall is not None:
        return False
    return (DocumentKind.RUN, run.name) in short or made.price <= before.price + 1e-9


def _explained(answer: Plan, growing: Growing, request: Request, trials: Sequence[tuple[Request, Plan, str]]) -> Plan:
    """The plan with the reason why no fleet grows for a run."""
    part = _part(answer, DocumentKind.RUN, growing.run.name)
    candidates = _candidates(growing.run, request)
    if part.shortfall is None or part.shortfall.code not in _NO_MACHINE or not candidates:
        return answer
    explained = _of_trials(part, part.shortfall, trials, growing)
    if explained is None:
        explained = replace(part, shortfall=_of_limits(part.shortfall, growing.run, candidates))
    elif request.confirmed and explained.shortfall is not None:
        cures = {cure.requirement: cure for cure in _cures(growing, trials)}
        cures |= {cure.requirement: cure for cure in part.shortfall.cures}
        explained = replace(explained, shortfall=replace(explained.shortfall, cures=tuple(cures.values())))
    documents = (explained if one is part else one for one in answer.documents)
    return replace(answer, documents=tuple(documents))


def _cures(growing: Growing, trials: Sequence[tuple[Request, Plan, str]]) -> Iterator[Cure]:
    """The changes of the run with which a fleet grows for it; those for the first of several fleets."""
    for trial, _, name in trials:
        cures = list(growing.cures(_fleet(trial, name)))
        if cures:
            yield from cures
            return


def _of_trials(
    part: DocumentPlan, shortfall: Shortfall, trials: Sequence[tuple[Request, Plan, str]], growing: Growing
) -> DocumentPlan | None:
    """The run's plan with the nearest miss of the first fleet that had a place left."""
    for trial, made, name in trials:
        alone = growing.nodes(_fleet(trial, name))
        if alone is None:
            continue
        short = alone.shortfall or _part(made, DocumentKind.FLEET, name).shortfall
        if short is None:
            short = _part(made, DocumentKind.RUN, part.name).shortfall
            if short is None or short.code in _NO_MACHINE:
                continue
            return replace(part, shortfall=replace(shortfall, code=short.code, data=short.data))
        return replace(part, shortfall=_growing(shortfall, short, alone, name), refusals=alone.refusals)
    if not trials:
        return None
    names = tuple(dict.fromkeys(name for _, _, name in trials))
    return replace(part, shortfall=replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data={"fleets": names}))


def _fleet(request: Request, name: str) -> FleetRequest:
    return next(one for one in request.documents if isinstance(one, FleetRequest) and one.name == name)


def _growing(shortfall: Shortfall, short: Shortfall, alone: DocumentPlan, name: str) -> Shortfall:
    """Why a fleet gets no node for a run: what passes, where anything does, else what no machine of the fleet has."""
    passing = [one for one in alone.refusals if one.code in PASSING]
    nodes: dict[str, Fact] = {"growing": name, "nodes": short.wanted}
    if passing and short.code not in PASSING and not short.data.get("fits"):
        near = passing[0]
        alike = sum(one.code is near.code for one in passing)
        return replace(shortfall, code=near.code, data={**near.data, "zone": str(near.zone), "alike": alike, **nodes})
    if isinstance(short.code, RefusalCode) and not passing:
        data = {**short.data, "fleets": (name,), "miss": short.code.value}
        return replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data=data)
    return replace(shortfall, code=short.code, data={**short.data, **nodes})


def _of_limits(shortfall: Shortfall, run: RunRequest, candidates: Sequence[ElasticFleet]) -> Shortfall:
    """Why no fleet may grow: it is on hold, or has all the nodes that it may have."""
    fleets = tuple(run.fleets or ())
    held = next((one for one in candidates if one.held), None)
    if held is not None:
        return replace(shortfall, code=ShortfallCode.FLEET_HELD, data={"fleet": held.fleet.name, "reason": held.held})
    most = candidates[0].most if len(candidates) == 1 else None
    return replace(shortfall, code=ShortfallCode.FLEET_FULL, data={"fleets": fleets, "most": most})


def _part(answer: Plan, kind: DocumentKind, name: str) -> DocumentPlan:
    return next(one for one in answer.documents if one.kind is kind and one.name == name)
