"""Which single requirement, dropped or changed, would make a document fit: each is tried, none is guessed."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from atoll.model.offer import UNKNOWN_PRICE
from atoll.model.resources import InstanceType, Range
from atoll.planning.filters.feasibility import PASSED
from atoll.planning.plan import Cure, Fact, Source
from atoll.planning.reasons.refusals import Reasons
from atoll.planning.reasons.remainder import Remainder
from atoll.planning.reasons.words import lower_limit, upper_limit
from atoll.planning.request import (
    Document,
    FleetRequest,
    OnShortage,
    Placement,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from atoll.planning.solving.joint import Decider, precedence
from atoll.planning.solving.limits import NO_LIMITS, Limits
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import Solution
from atoll.planning.solving.reductions.kinds import kind_of

Consumer = FleetRequest | RunRequest
Machines = tuple[tuple[Option, int], ...]
Prices = NDArray[np.float64]

MOST_RANGES = 16
"""The number of price ranges whose top the search looks at: a bound on its time where there are many zones."""


def cures(document: Document, reasons: Reasons) -> tuple[Cure, ...]:
    """Every single change that lets the document fit beside what is placed already; for equal runs found once."""
    if not isinstance(document, RunRequest):
        return _cures(document, reasons)
    kind = kind_of(document)
    if kind not in reasons.cures:
        reasons.cures[kind] = _cures(document, reasons)
    return reasons.cures[kind]


def _cures(document: Document, reasons: Reasons) -> tuple[Cure, ...]:
    if reasons.decider.budget.is_spent:
        return ()
    others = list(_staying(document, reasons))
    trial = reasons.decider.trial((*others, document))
    found: list[Cure] = []
    for requirement, value, changed in _changes(document, trial):
        if any(cure.requirement == requirement for cure in found):
            continue
        solution = trial.solve([*others, changed])
        if solution is None:
            continue
        if requirement in _AMOUNTS and not isinstance(changed, VolumeRequest):
            value, changed, solution = _narrowed(requirement, changed, others, solution, trial)  # noqa: PLW2901
        found.append(_cure(Cure(requirement, value, (), 0), changed, solution, trial))
    price = _max_price(document, others, trial)
    return (*found, *price)


def _staying(document: Document, reasons: Reasons) -> Iterator[Document]:
    """The other documents that keep their places: one that got less than it requires gives way to those before it."""
    requested = {(type(d), d.name): d for d in sorted(reasons.decider.documents, key=precedence)}
    order = {key: place for place, key in enumerate(requested)}
    this = (type(document), document.name)
    for placed in reasons.decision.placed:
        key = (type(placed), placed.name)
        if key != this and (requested[key] == placed or order[key] < order[this]):
            yield placed


def saving(run: RunRequest, reasons: Reasons) -> float:
    """How much less all documents cost, in USD an hour, if the nodes of a placed run may be in any zones."""
    solution, decider = reasons.decision.solution, reasons.decider
    bought = [option.price for option, count in _bought(run, solution) for _ in range(count)]
    if run.strategy is Strategy.ANY or not bought or decider.budget.is_spent:
        return 0.0
    cheapest = min(decider.feasibility(run.requirements).group(PASSED).lowest, default=0.0)
    if not decider.run_group(run, ()).pools and max(bought) <= cheapest:
        return 0.0
    documents = [replace(d, placement=Placement()) if d == run else d for d in reasons.decision.placed]
    apart = decider.trial(documents).solve(documents)
    return 0.0 if apart is None or not apart.proven else max(0.0, solution.cost - apart.cost)


_AMOUNTS = frozenset({"resources.cpu", "resources.memory"})
"""Requirements that have a default: to drop them is not to ask for nothing."""


def _narrowed(
    requirement: str, changed: Consumer, others: list[Document], solution: Solution, trial: Decider
) -> tuple[Fact, Consumer, Solution]:
    """The open range of a change as one that is written into a file: down to what the found machines have."""
    resources = changed.requirements.resources
    kinds = _kinds(changed, solution)
    if requirement == "resources.cpu":
        lower = Range(lower_limit(min((kind.cpus for kind in kinds), default=0)), None)
        narrow, text = replace(resources, cpus=lower), f"{resources.arch or ''}{':' if resources.arch else ''}{lower}"
        wide = f"{resources.arch or ''}{':' if resources.arch else ''}0.."
    else:
        lower = Range(lower_limit(min((kind.memory_gb for kind in kinds), default=0)), None)
        narrow, text, wide = replace(resources, memory_gb=lower), f"{lower.min:.12g}GB..", "0GB.."
    closer = replace(changed, requirements=replace(changed.requirements, resources=narrow))
    again = trial.solve([*others, closer])
    # Fewer zones are eligible under the closer range, which `min_zones` may refuse.
    return (wide, changed, solution) if again is None else (text, closer, again)


def _kinds(document: Consumer, solution: Solution) -> list[InstanceType]:
    """The types of the machines that a document's nodes get in a solution."""
    if isinstance(document, FleetRequest):
        return [option.instance_type for option, _ in solution.fleets.get(document.name, ())]
    machines = (share.supply.pool or share.supply.option for share in solution.runs.get(document.name, ()))
    return [machine.instance_type for machine in machines if machine is not None]


def _cure(cure: Cure, changed: Document, solution: Solution, trial: Decider) -> Cure:
    """The cure with the zones that would fit then, and the lowest price of a new machine (0: none is bought)."""
    zones = trial.terrain.zones
    if isinstance(changed, VolumeRequest):
        return replace(cure, zones=tuple(zones[z].zone for z in trial.volume_zones(changed)))
    bought = _bought(changed, solution)
    numbers = _used(changed, solution) | _fitting(changed, bought, solution, trial)
    least = min((option.price for option, _ in bought), default=0.0)
    return replace(cure, zones=tuple(zones[zone].zone for zone in sorted(numbers)), price=least)


def _fitting(changed: Consumer, bought: Machines, solution: Solution, trial: Decider) -> set[int]:
    """The zones that could take all new machines of the document as well, all else as in the solution.

    For a fleet over several zones those that could take one of them.
    """
    count, every = sum(number for _, number in bought), Limits.of(trial.terrain)
    if isinstance(changed, RunRequest):
        apart = changed.strategy is Strategy.CLUSTER and count < len(changed.nodes)
        if apart or changed.strategy is Strategy.SPREAD or any(node.mounts for node in changed.nodes):
            return set()
        options = [trial.run_group(changed, (), limits).options for limits in (NO_LIMITS, every)]
    else:
        group = trial.fleet_group(changed, (), None)
        if changed.placement.strategy is Strategy.CLUSTER and group.home is not None:
            return set()
        if changed.placement.strategy is not Strategy.CLUSTER and not group.is_free:
            count = min(count, 1)
        options = [group.options, trial.fleet_group(changed, (), None, every).options]
    remainder = Remainder.after(solution, trial.terrain, bought, trial.budget)
    if isinstance(changed, RunRequest) and changed.strategy is Strategy.REGION and count < len(changed.nodes):
        home = {trial.terrain.region(zone) for zone in _used(changed, solution)}
        options = [tuple(o for o in some if trial.terrain.region(o.zone) in home) for some in options]
    fitting: set[int] = set()
    for some in options if count else ():  # the cheapest do mostly; all that capacities make worth a look decide
        by_zone: dict[int, list[Option]] = {}
        for option in some:
            if option.zone not in fitting:
                by_zone.setdefault(option.zone, []).append(option)
        fitting |= {zone for zone, here in by_zone.items() if remainder.most(here, count) == count}
    return fitting


def _bought(document: Consumer, solution: Solution) -> Machines:
    """The new machines of a document."""
    if isinstance(document, FleetRequest):
        return solution.fleets.get(document.name, ())
    shares = [share for share in solution.runs.get(document.name, ()) if share.supply.source is Source.NEW]
    return tuple((s.supply.option, len(s.ranks)) for s in shares if s.supply.option is not None)


def _used(document: Consumer, solution: Solution) -> set[int]:
    if isinstance(document, FleetRequest):
        return {option.zone for option, _ in solution.fleets.get(document.name, ())}
    return {share.supply.zone for share in solution.runs.get(document.name, ())}


def _changes(document: Document, trial: Decider) -> Iterator[tuple[str, Fact, Document]]:
    if isinstance(document, VolumeRequest):
        if document.availability_zone is not None:
            yield "availability_zone", None, replace(document, availability_zone=None)
        if document.region is not None:
            yield "region", None, replace(document, region=None)
        if document.backend is not None:
            yield "backend", None, replace(document, backend=None)
        return
    for requirement, value, requirements in looser(document.requirements):
        yield requirement, value, replace(document, requirements=requirements)
    if isinstance(document, FleetRequest):
        yield from _looser_fleet(document, trial)
    else:
        yield from _looser_run(document)


def looser(requirements: Requirements) -> Iterator[tuple[str, Fact, Requirements]]:
    """The requirements without each of them in turn, with its name and the value that it then has (None: none)."""
    lists = {
        "availability_zones": replace(requirements, availability_zones=None),
        "regions": replace(requirements, regions=None),
        "backends": replace(requirements, backends=None),
        "instance_types": replace(requirements, instance_types=None),
    }
    yield from ((name, None, looser) for name, looser in lists.items() if looser != requirements)
    if requirements.spot_policy is not SpotPolicy.AUTO:
        yield "spot_policy", SpotPolicy.AUTO.value, replace(requirements, spot_policy=SpotPolicy.AUTO)
    resources = requirements.resources
    if resources.cpus != Range():
        yield "resources.cpu", None, replace(requirements, resources=replace(resources, cpus=Range()))
    if resources.memory_gb != Range():
        yield "resources.memory", None, replace(requirements, resources=replace(resources, memory_gb=Range()))
    if resources.disk_gb is not None:
        yield "resources.disk", None, replace(requirements, resources=replace(resources, disk_gb=None))
    if resources.arch is not None:
        yield "resources.cpu.arch", None, replace(requirements, resources=replace(resources, arch=None))
    if resources.gpu is not None:
        yield "resources.gpu", None, replace(requirements, resources=replace(resources, gpu=None))


def _looser_fleet(fleet: FleetRequest, trial: Decider) -> Iterator[tuple[str, Fact, Document]]:
    placement = fleet.placement
    high = fleet.nodes + len(trial.terrain.fleets.get(fleet.name, ()))
    if placement.min_zones is not None:
        # At best effort the fleet fits with whatever skew.
        skew = high if placement.on_shortage is OnShortage.BEST_EFFORT else placement.max_skew
        anywhere = replace(placement, min_zones=None, max_skew=skew)
        yield "placement.min_zones", None, replace(fleet, placement=anywhere)
    if placement.max_zones is not None:
        yield "placement.max_zones", None, replace(fleet, placement=replace(placement, max_zones=None))
    if placement.max_share is not None:
        yield "placement.max_share", None, replace(fleet, placement=replace(placement, max_share=None))
    if placement.survive_zones:
        yield "placement.survive_zones", None, replace(fleet, placement=replace(placement, survive_zones=0))
    if placement.strategy is Strategy.SPREAD and placement.on_shortage is OnShortage.REJECT:
        effort = replace(placement, max_skew=high, on_shortage=OnShortage.BEST_EFFORT)
        yield "placement.on_shortage", OnShortage.BEST_EFFORT.value, replace(fleet, placement=effort)
    if placement.strategy is not Strategy.ANY:
        yield "placement", Strategy.ANY.value, replace(fleet, placement=Placement())
    fewer = _fewest(fleet, trial)
    if fewer is not None:
        yield "nodes", fewer.nodes, fewer


def _fewest(fleet: FleetRequest, trial: Decider) -> FleetRequest | None:
    """The fleet with as many nodes as fit with its placement kept."""
    others = [d for d in trial.documents if d is not fleet]
    # Machines that are there stay, and yet may be too few to outlast a zone.
    there = 0 if fleet.placement.survive_zones else len(trial.terrain.fleets.get(fleet.name, ()))
    low, high = there, fleet.nodes - 1
    while low < high:
        middle = (low + high + 1) // 2
        fits = trial.solve([*others, replace(fleet, nodes=middle)]) is not None
        low, high = (middle, high) if fits else (low, middle - 1)
    return replace(fleet, nodes=low) if low >= 1 and low < fleet.nodes else None


def looser_placement(run: RunRequest) -> Iterator[tuple[str, Fact, RunRequest]]:
    """The run with each placement that is looser than its own, the closest first."""
    if run.strategy is Strategy.CLUSTER or run.strategy is Strategy.SPREAD:
        yield "placement", Strategy.REGION.value, replace(run, placement=Placement(Strategy.REGION))
    if run.strategy is not Strategy.ANY:
        yield "placement", Strategy.ANY.value, replace(run, placement=Placement())


def _looser_run(run: RunRequest) -> Iterator[tuple[str, Fact, Document]]:
    yield from looser_placement(run)
    if run.fleets is not None:
        yield "fleets", None, replace(run, fleets=None)
    if run.instances is not None:
        yield "instances", None, replace(run, instances=None)
    if not run.may_create:
        yield "creation_policy", "reuse-or-create", replace(run, may_create=True)


def _max_price(document: Document, others: list[Document], trial: Decider) -> Iterator[Cure]:
    """The least `max_price` that fits; none, where only what has no known price does."""
    if isinstance(document, VolumeRequest) or document.requirements.max_price is None:
        return

    def solve_at(price: float | None) -> Solution | None:
        return trial.solve([*others, _at_price(document, price)])

    feasible = trial.feasibility(_at_price(document, None).requirements)
    offered = trial.terrain.snapshot.catalog.columns.price[feasible.offers == PASSED]
    free = (i for members in trial.terrain.fleets.values() for i in members if not i.busy)
    there = [i.price for i in free] if isinstance(document, RunRequest) else []
    prices = np.unique(np.concatenate((offered, there)))
    unknown, prices = UNKNOWN_PRICE in prices, prices[prices > document.requirements.max_price]
    prices = prices[prices < UNKNOWN_PRICE]
    for first, last in _ranges(document, prices, [feasible.group(PASSED).price(zone) for zone in feasible.passing]):
        if solve_at(float(prices[last])) is None:
            continue
        lowest = float(prices[_least(first, last, lambda place: solve_at(float(prices[place])) is not None)])
        # A rounded limit may let in a zone that cannot take its share of a spread.
        for value in (upper_limit(lowest), lowest):
            solution = solve_at(value)
            if solution is not None:
                yield _cure(Cure("max_price", value, (), 0), _at_price(document, value), solution, trial)
                break
        return
    solution = solve_at(None) if unknown else None
    if solution is not None:
        yield _cure(Cure("max_price", None, (), 0), _at_price(document, None), solution, trial)


def _least(first: int, last: int, fits: Callable[[int], bool]) -> int:
    """The first place that fits, where the last does: mostly near the first, so steps get longer from there."""
    low, step = first, 1
    while low + step - 1 < last and not fits(low + step - 1):
        low, step = low + step, 2 * step
    high = min(low + step - 1, last)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle + 1, high)
    return low


def _at_price(document: Consumer, price: float | None) -> Consumer:
    return replace(document, requirements=replace(document.requirements, max_price=price))


def _ranges(document: Consumer, prices: Prices, lowest: Iterable[float | None]) -> Iterator[tuple[int, int]]:
    """Ranges of prices within which a higher limit is never worse: first and last position of each.

    It is worse for a spread where it makes a zone eligible that cannot take its share, so there a range ends before.
    """
    if not len(prices):
        return
    starts = {0}
    if isinstance(document, FleetRequest) and document.placement.strategy is Strategy.SPREAD:
        starts |= {int(np.searchsorted(prices, price)) for price in lowest if price is not None}
    edges = sorted(start for start in starts if start < len(prices))[:MOST_RANGES]
    yield from zip(edges, [*(edge - 1 for edge in edges[1:]), len(prices) - 1], strict=True)
