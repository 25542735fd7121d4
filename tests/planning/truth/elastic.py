"""Is it true why no fleet grows for a run: by its size, by both requirements, and by a plan without its rule?"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from atoll.planning import Planner
from atoll.planning.budget import Budget
from atoll.planning.combined import Contradictory, combined
from atoll.planning.plan import DocumentKind, DocumentPlan, Plan, Refusal, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.reasons.explain import cure_text, shortfall_reason
from atoll.planning.request import FleetRequest, Placement, Requirements, RunRequest, Strategy
from atoll.planning.waiting import answer
from tests.planning import rules
from tests.planning.relief import relieved
from tests.planning.truth.said import Said
from tests.planning.truth.sentences import REASONS, well_said
from tests.planning.worlds import Case

RULES: Mapping[str, Callable[[FleetRequest], FleetRequest]] = {
    "max_zones": lambda fleet: _placed(fleet, replace(fleet.placement, max_zones=None)),
    "max_share": lambda fleet: _placed(fleet, replace(fleet.placement, max_share=None)),
    "min_zones": lambda fleet: _placed(fleet, replace(fleet.placement, min_zones=None)),
    "survive_zones": lambda fleet: _placed(fleet, replace(fleet.placement, survive_zones=0)),
    "placement": lambda fleet: _placed(fleet, replace(fleet.placement, strategy=Strategy.ANY)),
    "availability_zones": lambda fleet: _required(fleet, replace(fleet.requirements, availability_zones=None)),
    "regions": lambda fleet: _required(fleet, replace(fleet.requirements, regions=None)),
    "backends": lambda fleet: _required(fleet, replace(fleet.requirements, backends=None)),
    "zones": lambda fleet: _required(
        _placed(fleet, Placement()),
        replace(fleet.requirements, availability_zones=None, regions=None, backends=None),
    ),
}
"""The fleet without each of its rules about zones."""


def _placed(fleet: FleetRequest, placement: Placement) -> FleetRequest:
    return replace(fleet, placement=placement)


def _required(fleet: FleetRequest, requirements: Requirements) -> FleetRequest:
    return replace(fleet, requirements=requirements)


def planned(case: Case) -> Plan:
    """The plan of a request whose fleets may grow."""
    return answer(case.request, case.snapshot, Planner(Budget()))


def sentences(case: Case, made: Plan) -> Iterator[tuple[str, str, bool]]:
    """Every sentence about runs that their fleets cannot serve: its kind, its text, and whether it is true."""
    runs = {one.name: one for one in case.request.documents if isinstance(one, RunRequest)}
    for part in made.documents:
        short, run = part.shortfall, runs.get(part.name)
        if short is None or run is None or part.kind is not DocumentKind.RUN:
            continue
        text = f"{part.name}: {shortfall_reason(part.kind, short)}"
        yield f"shortfall {short.code}", text, holds(case, made, run, short) and well_said(text, short.data)
        for cure in short.cures:
            text = f"{part.name}: {cure_text(cure)}"
            value = cure.value
            if cure.requirement == "max_price" and value is not None:
                value = float(text.partition(" to ")[2].partition(":")[0])
            changed = relieved(run, cure.requirement, value)
            assert isinstance(changed, RunRequest)
            fits = _with(case, run, changed)
            helps = changed != run and fits.shortfall is None
            if cure.requirement != "fleets":  # then a fleet may serve it that is no dearer, and elsewhere
                helps = helps and {node.zone for node in fits.placements} <= set(cure.zones)
            yield f"cure {cure.requirement}", text, helps and well_said(text, {"price": cure.price})


def _with(case: Case, run: RunRequest, changed: RunRequest) -> DocumentPlan:
    """The run's part of the plan with the run changed."""
    documents = tuple(changed if one is run else one for one in case.request.documents)
    made = planned(Case(replace(case.request, documents=documents), case.snapshot))
    return next(one for one in made.documents if one.kind is DocumentKind.RUN and one.name == run.name)


def _alone(case: Case, made: Plan, run: RunRequest) -> Case:
    """The case without the other runs that do not fit: all else is as it is."""
    short = {part.name for part in made.documents if part.shortfall is not None} - {run.name}
    documents = tuple(one for one in case.request.documents if one.name not in short)
    return Case(replace(case.request, documents=documents), case.snapshot)


def _without(case: Case, rule: str, run: RunRequest) -> DocumentPlan:
    """The run's part of the plan in which the fleet does not have the rule."""
    [pool] = case.request.elastic
    looser = RULES[rule](pool.fleet)
    documents = tuple(
        replace(looser, nodes=one.nodes) if isinstance(one, FleetRequest) else one for one in case.request.documents
    )
    request = replace(case.request, documents=documents, elastic=(replace(pool, fleet=looser),))
    return next(one for one in planned(Case(request, case.snapshot)).documents if one.name == run.name)


def _fits_larger(case: Case, run: RunRequest) -> bool:
    """Whether the run gets its nodes where the fleet may be larger."""
    elastic = tuple(replace(one, most=None) for one in case.request.elastic)
    return _with(Case(replace(case.request, elastic=elastic), case.snapshot), run, run).shortfall is None


def holds(case: Case, made: Plan, run: RunRequest, short: Shortfall) -> bool:
    """Whether one reason is true of the fleet, the run and the world."""
    [pool] = case.request.elastic
    data = short.data
    match short.code:
        case ShortfallCode.FLEET_FULL:
            too_few = pool.most is not None and _needed(case, made, run) > pool.most
            return data["most"] == pool.most is not None and (too_few or _fits_larger(_alone(case, made, run), run))
        case ShortfallCode.FLEET_HELD:
            return data["fleet"] == pool.fleet.name and data["reason"] == pool.held != ""
        case ShortfallCode.FLEET_RULE:
            fits = _without(_alone(case, made, run), str(data["rule"]), run)
            new = {str(node.zone) for node in fits.placements if node.instance is None}
            count = sum(node.instance is None for node in fits.placements)
            is_said = RULES[str(data["rule"])](pool.fleet) != pool.fleet and data["nodes"] == count
            return fits.shortfall is None and is_said and set(str_tuple(data["zones"])) == new
        case ShortfallCode.FLEET_UNSUITED if "miss" in data:
            return _is_near(case, run, RefusalCode(str(data["miss"])), short)
        case ShortfallCode.FLEET_UNSUITED:
            return bool(_suiting(case, run)) == bool(data["suited"]) and not (
                data["suited"] and _fits_larger(_alone(case, made, run), run)
            )
        case _ if short.code in set(RefusalCode) and "growing" in data:
            return _is_near(case, run, RefusalCode(short.code), short)
        case _:
            return True


def str_tuple(value: object) -> tuple[str, ...]:
    """A fact that is a list of names."""
    assert isinstance(value, tuple)
    return value


def _needed(case: Case, made: Plan, run: RunRequest) -> int:
    """How many nodes the fleet would need at least for the run, with those that no other run of the plan uses."""
    [pool] = case.request.elastic
    here = [one for one in case.snapshot.instances if one.fleet == pool.fleet.name]
    requested = [one.nodes for one in case.request.documents if isinstance(one, FleetRequest)]
    size = made.grown.get(pool.fleet.name, max([len(here), *requested]))
    runs = [part for part in made.documents if part.kind is DocumentKind.RUN]
    taken = sum(node.fleet == pool.fleet.name for part in runs for node in part.placements)
    free = size - len(here) + sum(not one.busy for one in here) - taken
    return size + max(1, len(run.nodes) - free)


def _suiting(case: Case, run: RunRequest) -> list[str]:
    """The offers that may be bought under the requirements of both."""
    [pool] = case.request.elastic
    bought = [{str(o) for _, o in rules.buyable(a, case.snapshot)} for a in (pool.fleet.requirements, run.requirements)]
    return sorted(bought[0] & bought[1])


def _is_near(case: Case, run: RunRequest, code: RefusalCode, short: Shortfall) -> bool:
    """The nearest miss is true of its zone for a fleet with the requirements of both."""
    [pool] = case.request.elastic
    try:
        both = combined(pool.fleet.requirements, run.requirements, rules.zones_of(case.snapshot))
    except Contradictory:
        return False
    zones = [zone for zone in rules.zones_of(case.snapshot) if str(zone) == short.data["zone"]]
    alone = DocumentPlan(DocumentKind.FLEET, pool.fleet.name)
    return any(
        REASONS[code](
            Said(case, Plan(()), replace(pool.fleet, requirements=both), alone, Refusal(zone, code, short.data))
        )
        for zone in zones
    )
