"""The variables of a programme by what they stand for, and the solution that their values make.

`programme` makes them as it writes the rows. A solution names nodes, machines and volumes; where several are all alike,
the lowest ranks are on the first machines, so that equal problems have the same solution.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import itemgetter

from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import NodeClass, Problem, RunGroup, Share, Solution, Supply
from atoll.planning.solving.solver import Answer


@dataclass(slots=True)
class Columns:
    """`buys` are by fleet, `takes` by run and class, `mounts` by run, class and place, `homes` by volume."""

    buys: dict[str, list[tuple[Option, int]]] = field(default_factory=dict)
    takes: dict[tuple[str, int], list[tuple[Supply, int]]] = field(default_factory=dict)
    mounts: dict[tuple[str, int, int], list[tuple[str, int, int]]] = field(default_factory=dict)
    homes: dict[str, dict[int, int]] = field(default_factory=dict)

    def read(self, problem: Problem, answer: Answer) -> Solution:
        """The solution that these values are."""
        fleets = {
            name: tuple((option, answer.count(v)) for option, v in bought if answer.count(v))
            for name, bought in self.buys.items()
        }
        disks = {
            name: next(zone for zone, variable in homes.items() if answer.count(variable))
            for name, homes in self.homes.items()
        }
        held = frozenset(name for name, disk in problem.disks.items() if disk.holders and not disk.shared)
        runs: dict[str, list[Share]] = {}
        for run in problem.runs:
            alike: dict[object, list[Share]] = {}
            for number, group in enumerate(run.classes):
                alike.setdefault(kind(group), []).extend(self._shares(run, number, answer, problem))
            runs[run.name] = [share for shares in alike.values() for share in _in_order(shares, held)]
        return Solution(fleets, {name: tuple(shares) for name, shares in runs.items()}, disks)

    def _shares(self, run: RunGroup, number: int, answer: Answer, problem: Problem) -> Iterable[Share]:
        group = run.classes[number]
        ranks = list(group.ranks)
        volumes = {
            (place, zone): [name for name, where, v in chosen if where == zone for _ in range(answer.count(v))]
            for (owner, of, place), chosen in self.mounts.items()
            if (owner, of) == (run.name, number)
            for zone in {where for _, where, _ in chosen}
        }
        for supply, count in self._taken(run, number, answer):
            mine, ranks = ranks[:count], ranks[count:]
            if not group.mounts:
                yield Share(tuple(mine), supply, ())
                continue
            for rank in mine:
                found = (volumes[place, supply.zone] for place in range(len(group.mounts)))
                yield Share((rank,), supply, tuple(_volume(names, supply, problem) for names in found))

    def _taken(self, run: RunGroup, number: int, answer: Answer) -> list[tuple[Supply, int]]:
        """What a class stands on, with numbers; in an order in which the nodes of each copy are near to each other."""
        group = run.classes[number]
        # Instances that hold volumes go first, so that none of these goes to another.
        takes = [(s, count) for s, variable in self.takes[run.name, number] if (count := answer.count(variable))]
        takes.sort(key=lambda entry: not group.mounts or entry[0].pool is None)
        size = len(group.ranks) // run.copies
        if run.copies == 1 or size == 1:
            return takes
        whole: dict[int, int] = {}
        for supply, count in takes:
            whole[supply.zone] = whole.get(supply.zone, 0) + count
        whole = {zone: count - count % size for zone, count in whole.items()}
        parts: list[tuple[tuple[int, bool, int], Supply, int]] = []
        for supply, count in takes:
            zone, place = supply.zone, run.places.get(supply.zone, 0)
            first = min(count, whole[zone])
            whole[zone] -= first
            parts += [((place, rest, zone), supply, n) for rest, n in ((False, first), (True, count - first)) if n]
        return [(supply, count) for _, supply, count in sorted(parts, key=itemgetter(0))]


def _volume(names: list[str], supply: Supply, problem: Problem) -> str:
    """One of the chosen volumes, taken off the list: one that the instance holds, else one that none does."""
    ids = () if supply.pool is None else supply.pool.ids

    def fit(name: str) -> int:
        disk = problem.disks[name]
        return 1 if disk.shared or not disk.holders else 2 * (not disk.holders.isdisjoint(ids))

    return names.pop(max(range(len(names)), key=lambda place: (fit(names[place]), -place)))


def kind(group: NodeClass) -> object:
    """What distinguishes a class. One that volumes were taken out of is like no other."""
    return (group.mounts, None if group.reach is None else group.ranks)


def identity(supply: Supply) -> tuple[object, ...]:
    """What distinguishes a supply within its zone, whatever else is on offer."""
    if supply.pool is not None:
        return supply.pool.ids
    option = supply.option
    assert option is not None
    return (supply.fleet, option.instance_type.name, option.market.value)


def _in_order(shares: Sequence[Share], held: frozenset[str]) -> Iterable[Share]:
    """The shares of nodes that are all alike, with the lowest ranks on the first supplies, and volumes in their order.

    `held` volumes stay with their supplies.
    """
    if not any(share.volumes for share in shares):
        return shares
    ordered = sorted(shares, key=lambda s: (s.supply.zone, s.supply.source, repr(identity(s.supply)), s.volumes))
    loose = [share for share in ordered if held.isdisjoint(share.volumes)]
    volumes = iter(sorted((share.supply.zone, share.volumes) for share in loose))
    ranks = sorted(rank for share in shares for rank in share.ranks)
    return [
        replace(share, ranks=(rank,), volumes=share.volumes if not held.isdisjoint(share.volumes) else next(volumes)[1])
        for share, rank in zip(ordered, ranks, strict=True)
    ]
