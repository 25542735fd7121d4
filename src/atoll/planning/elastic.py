"""Fleets that grow for runs: nodes of a fleet for a run that finds no idle or planned machine.

A run that names fleets gets machines of those alone, within what each fleet allows: the fleet and the run are planned
together, so that a new node meets the requirements of both and keeps the fleet's placement. A run that names none uses
a fleet that can grow where that is not dearer than a machine of its own.
"""

from collections.abc import Sequence
from dataclasses import replace

from atoll.planning.clashes import clash
from atoll.planning.filters.feasibility import ZONE_STATES
from atoll.planning.growth import Growth, PlanFunction, candidates, part
from atoll.planning.plan import (
    PASSING,
    Cure,
    DocumentKind,
    DocumentPlan,
    Fact,
    Plan,
    Refusal,
    RefusalCode,
    Shortfall,
    ShortfallCode,
)
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest
from atoll.planning.run_nodes import RunNodes
from atoll.planning.snapshot import Snapshot
from atoll.planning.solving.reductions.kinds import kind_of

_NO_MACHINE = frozenset({RefusalCode.FLEET, RefusalCode.INSTANCE_BUSY, ShortfallCode.NOT_ENOUGH})
"""Shortfalls of a run on machines that exist, of which the reason is why its fleets do not grow."""

_OF_ZONES = frozenset({ShortfallCode.FLEET_UNSUITED, ShortfallCode.NOT_ENOUGH, ShortfallCode.MIN_ZONES})
"""Shortfalls of a fleet that cannot grow for a run, of which a rule about zones may be the reason."""


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
    for document in answer.documents:
        run = runs[document.name] if document.kind is DocumentKind.RUN else None
        if run is None or document.shortfall is None:
            documents.append(document)
            continue
        if kind_of(run) not in reasons:
            reasons[kind_of(run)] = _judged(document, run, growth)
        documents.append(replace(reasons[kind_of(run)], name=document.name))
    return replace(answer, documents=tuple(documents), grown=growth.sizes if growth.request != request else {})


def _judged(one: DocumentPlan, run: RunRequest, growth: Growth) -> DocumentPlan:
    """The plan of a run that does not fit, with what fleets have to do with it."""
    if run.fleets and kind_of(run) in growth.failed:
        return _explained(one, run, growth)
    if not run.may_create and growth.request.confirmed:
        return _with_creation(one, run, growth)
    return one


def _explained(one: DocumentPlan, run: RunRequest, growth: Growth) -> DocumentPlan:
    """The run's plan with the reason why no fleet grows for it."""
    able, short = candidates(run, growth.request), one.shortfall
    if short is None or short.code not in _NO_MACHINE or not able:
        return one
    gone = _unconfigured(able, growth.snapshot)
    if gone:
        data: dict[str, Fact] = {"reason": f"{gone} not configured on this server"}
        return replace(one, shortfall=replace(short, code=RefusalCode.GONE, data=data))
    trials = [(trial, growth.plan(trial, growth.snapshot), name) for trial, name in growth.failed[kind_of(run)]]
    nodes = RunNodes(run, growth)
    explained = _of_trials(one, short, trials, nodes)
    if explained is None:
        return replace(one, shortfall=_of_limits(short, run, able, _out_of_service(one, run, growth.snapshot)))
    explained = _with_rule(explained, one, run, growth)
    if _is_taken(explained) and _fits_larger(run, growth):
        explained = replace(one, shortfall=_of_limits(short, run, able, None))
    if not growth.request.confirmed or explained.shortfall is None:
        return explained
    found = (list(nodes.cures(_fleet(trial, name))) for trial, name in growth.largest[kind_of(run)])
    cures = {cure.requirement: cure for cure in (*next(filter(None, found), ()), *short.cures)}
    return replace(explained, shortfall=replace(explained.shortfall, cures=tuple(cures.values())))


def _with_rule(explained: DocumentPlan, one: DocumentPlan, run: RunRequest, growth: Growth) -> DocumentPlan:
    """The explained plan with the rule of a fleet that is in the way, where not its machines but their zones are."""
    short = explained.shortfall
    if short is None or "miss" in short.data or short.code not in _OF_ZONES:
        return explained
    for trial, name in growth.largest[kind_of(run)]:
        data = clash(trial, name, run, growth)
        if data is not None:
            return replace(one, shortfall=replace(short, code=ShortfallCode.FLEET_RULE, data=data))
    return explained


def _is_taken(explained: DocumentPlan) -> bool:
    """Whether its fleets have suitable machines where the run can be, and not for it."""
    short = explained.shortfall
    return short is not None and short.code == ShortfallCode.FLEET_UNSUITED and bool(short.data.get("suited"))


def _fits_larger(run: RunRequest, growth: Growth) -> bool:
    """Whether the run gets its nodes where the fleets may be larger: other runs need those that they may have."""
    elastic = tuple(replace(each, most=None) for each in growth.request.elastic)
    grown = Growth.of(replace(growth.beside(run), elastic=elastic), growth.snapshot, growth.plan)
    return part(grown.made, DocumentKind.RUN, run.name).shortfall is None


def _with_creation(one: DocumentPlan, run: RunRequest, growth: Growth) -> DocumentPlan:
    """The plan of a run that reuses machines alone, with the cure that fleets may grow for it, where that is one."""
    short, request = one.shortfall, growth.request
    if short is None or any(cure.requirement == "creation_policy" for cure in short.cures):
        return one
    changed = tuple(
        replace(document, may_create=True) if document is run else document for document in request.documents
    )
    grown = Growth.of(replace(request, documents=changed, confirmed=False), growth.snapshot, growth.plan)
    made = part(grown.made, DocumentKind.RUN, run.name)
    if made.shortfall is not None:
        return one
    zones = tuple(sorted({node.zone for node in made.placements}))
    return replace(
        one,
        shortfall=replace(short, cures=(*short.cures, Cure("creation_policy", "reuse-or-create", zones, 0))),
    )


def _of_trials(
    one: DocumentPlan, shortfall: Shortfall, trials: Sequence[tuple[Request, Plan, str]], nodes: RunNodes
) -> DocumentPlan | None:
    """The run's plan with the nearest miss of the first fleet that had a place left; the same cures as before."""
    for trial, made, name in trials:
        alone = nodes.of(_fleet(trial, name))
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
    suited = any(nodes.of(_fleet(trial, name)) is not None for trial, _, name in trials)
    data: dict[str, Fact] = {"fleets": names, "suited": suited}
    return replace(one, shortfall=replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data=data))


def _fleet(request: Request, name: str) -> FleetRequest:
    return next(
        document for document in request.documents if isinstance(document, FleetRequest) and document.name == name
    )


def _growing(shortfall: Shortfall, short: Shortfall, alone: DocumentPlan, name: str) -> Shortfall:
    """Why a fleet gets no node for a run: what passes, where anything does, else what no machine of the fleet has."""
    passing = [refusal for refusal in alone.refusals if refusal.code in PASSING]
    growing: dict[str, Fact] = {"growing": name, "nodes": short.wanted}
    if passing and short.code not in PASSING and not short.data.get("fits"):
        near = passing[0]
        alike = sum(one.code is near.code for one in passing)
        return replace(shortfall, code=near.code, data={**near.data, "zone": str(near.zone), "alike": alike, **growing})
    if isinstance(short.code, RefusalCode) and not passing:
        data = {**short.data, "fleets": (name,), "miss": short.code.value}
        return replace(shortfall, code=ShortfallCode.FLEET_UNSUITED, data=data)
    return replace(shortfall, code=short.code, data={**short.data, **growing})


def _unconfigured(fleets: Sequence[ElasticFleet], snapshot: Snapshot) -> str:
    """The backends of fleets that may be on no other, as the subject of a sentence; empty where one is configured."""
    configured = {info.name for info in snapshot.backends}
    named = {name for fleet in fleets for name in fleet.fleet.requirements.backends or ()}
    if named & configured or not all(fleet.fleet.requirements.backends for fleet in fleets):
        return ""
    names = ", ".join(f"`{name}`" for name in sorted(named))
    return f"backend {names} is" if len(named) == 1 else f"backends {names} are"


def _out_of_service(one: DocumentPlan, run: RunRequest, snapshot: Snapshot) -> Refusal | None:
    """Why no machine of the run's fleets can serve, where their zones are the reason and no job is."""
    homes = {instance.zone for instance in snapshot.instances if instance.fleet in (run.fleets or ())}
    here = [refusal for refusal in one.refusals if refusal.zone in homes]
    return here[0] if here and all(refusal.code in ZONE_STATES.values() for refusal in here) else None


def _of_limits(
    shortfall: Shortfall, run: RunRequest, candidates: Sequence[ElasticFleet], closed: Refusal | None
) -> Shortfall:
    """Why no fleet may grow: it is on hold, or has all the nodes that it may have; or why these cannot serve."""
    fleets = tuple(run.fleets or ())
    held = next((candidate for candidate in candidates if candidate.held), None)
    if held is not None:
        return replace(shortfall, code=ShortfallCode.FLEET_HELD, data={"fleet": held.fleet.name, "reason": held.held})
    if closed is not None:
        return replace(shortfall, code=closed.code, data={**closed.data, "zone": str(closed.zone)})
    most = candidates[0].most if len(candidates) == 1 else None
    return replace(shortfall, code=ShortfallCode.FLEET_FULL, data={"fleets": fleets, "most": most})
