"""Fleets that serve their runs as they are best alone.

No fleet is cheaper than when it is laid alone, and nothing that runs stand on costs less than what is there or planned
already. So where the fleets' own best layouts can take all runs, that is the best plan for both, and what is left to
the model decides the assignment: a far smaller question. Where they cannot, the model decides everything together.
"""

from collections.abc import Iterable
from dataclasses import replace

from atoll.planning.request import Strategy
from atoll.planning.solving import strategies
from atoll.planning.solving.options import suiting
from atoll.planning.solving.problem import FleetGroup, Problem, RunGroup


def pinned(problem: Problem) -> Problem | None:
    """The problem with each fleet as it is best alone, and with runs that buy only where nothing else can serve them.

    None when a fleet does not fit even alone or only the model can lay it, or none of the problem's fleets can be laid
    without the runs. A solution of this problem that costs no more than `least` is one of the whole.
    """
    fleets = []
    for fleet in problem.fleets:
        try:
            bought = strategies.lay(fleet)
        except strategies.Unsettled:
            return None
        if bought is None:
            return None
        fleets.append(replace(fleet, options=tuple(replace(option, limit=count) for option, count in bought)))
    runs = [replace(run, options=()) if _served(run, problem.fleets) else run for run in problem.runs]
    return replace(problem, fleets=tuple(fleets), runs=tuple(runs))


def may_move(fleet: FleetGroup, pinned: FleetGroup) -> bool:
    """Whether a fleet may cost the same with other machines than it is pinned to; one that is even stays as it is."""
    if fleet.placement.strategy is Strategy.SPREAD or not pinned.options:
        return False
    dearest = max(option.price for option in pinned.options)
    chosen = {option.offer for option in pinned.options}
    return any(option.price <= dearest and option.offer not in chosen for option in fleet.options)


def least(problem: Problem) -> float:
    """What a solution of a pinned problem costs at least, in USD an hour."""
    fleets = sum(option.cost * (option.limit or 0) for fleet in problem.fleets for option in fleet.options)
    return fleets + sum(_least(run) for run in problem.runs if run.options)


def _least(run: RunGroup) -> float:
    # A run that must buy has no other supply; volumes can only make it dearer.
    nodes = sum(len(group.ranks) for group in run.classes)
    return nodes * min(option.cost for option in run.options)


def _served(run: RunGroup, fleets: Iterable[FleetGroup]) -> bool:
    """True when the run could stand on anything that costs it nothing."""
    if run.pools or not run.options:
        return True
    planned = [option for fleet in fleets if fleet.name in run.fleets for option in fleet.options]
    return any(suiting(run.requirements, planned, run.whole))
