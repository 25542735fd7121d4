"""Fleets that grow for runs: nodes of a fleet for a run that finds no idle or planned machine.

A run that names fleets gets machines of those alone, within what each fleet allows: the fleet and the run are planned
together, so that a new node meets the requirements of both and keeps the fleet's placement. A run that names none uses
a fleet that can grow where that is not dearer than a machine of its own.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

from atoll.planning.plan import DocumentKind, DocumentPlan, Plan, RefusalCode, Shortfall, ShortfallCode, Source
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest
from atoll.planning.snapshot import Snapshot

PlanFunction = Callable[[Request, Snapshot], Plan]

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
        if isinstance(run, RunRequest) and run.grows and _lacks(_part(answer, DocumentKind.RUN, run.name)):
            trials = list(_trials(run, request, snapshot, plan))
            fitting = [(trial, made) for trial, made, _ in trials if _is_better(made, answer, run)]
            if fitting:
                request, answer = min(fitting, key=lambda pair: pair[1].price)
                grown = _sizes(request, snapshot)
            elif run.fleets is not None:
                answer = _explained(answer, run, request, trials)
    return replace(answer, grown=grown)


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


def _explained(answer: Plan, run: RunRequest, request: Request, trials: list[tuple[Request, Plan, str]]) -> Plan:
    part = _part(answer, DocumentKind.RUN, run.name)
    candidates = _candidates(run, request)
    if part.shortfall is None or part.shortfall.code not in _NO_MACHINE or not candidates:
        return answer
    reason = _reason(part.shortfall, run, candidates, trials)
    documents = (replace(one, shortfall=reason) if one is part else one for one in answer.documents)
    return replace(answer, documents=tuple(documents))


def _reason(
    shortfall: Shortfall, run: RunRequest, candidates: list[ElasticFleet], trials: list[tuple[Request, Plan, str]]
) -> Shortfall:
    """Why none of its fleets grows for a run; the same cures as before."""
    for _, made, name in trials:
        short = _part(made, DocumentKind.FLEET, name).shortfall
        if short is not None:
            return replace(shortfall, code=short.code, data={**short.data, "growing": name, "nodes": short.wanted})
    fleets = tuple(run.fleets or ())
    if trials:
        return replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data={"fleets": fleets})
    held = next((one for one in candidates if one.held), None)
    if held is not None:
        return replace(shortfall, code=ShortfallCode.FLEET_HELD, data={"fleet": held.fleet.name, "reason": held.held})
    most = candidates[0].most if len(candidates) == 1 else None
    return replace(shortfall, code=ShortfallCode.FLEET_FULL, data={"fleets": fleets, "most": most})


def _part(answer: Plan, kind: DocumentKind, name: str) -> DocumentPlan:
    return next(one for one in answer.documents if one.kind is kind and one.name == name)
