"""How far elastic fleets grow for the runs of a request: runs that name the same fleets, and equal ones, at once.

A run that names fleets gets nodes of these alone; one that names none, where they are no dearer than machines of its
own. Each step is a plan without explanations, and what one step adds is kept by the next.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from math import ceil
from typing import Protocol

from atoll.planning.plan import DocumentKind, DocumentPlan, Plan, Source
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest
from atoll.planning.snapshot import Snapshot
from atoll.planning.solving.reductions.kinds import kind_of


class PlanFunction(Protocol):
    """Plans a request; one that is not `explained` has placements and prices, and no reasons."""

    def __call__(self, request: Request, snapshot: Snapshot, *, explained: bool = True) -> Plan: ...


MOST_CONTESTED = 4
"""How many nodes more than a run needs are tried where others may take them."""

MOST_SHARES = 64
"""How many ways to share a run's new nodes out over its fleets are tried."""

Trial = tuple[Request, str]
"""A request with a fleet that was to grow, and the fleet's name."""


@dataclass(slots=True)
class Growth:
    """The request with its fleets as far as they have grown, and its plan."""

    request: Request
    snapshot: Snapshot
    plan: PlanFunction
    made: Plan
    failed: dict[RunRequest, list[Trial]] = field(default_factory=dict)
    """What was tried in vain for runs that lack machines, by what equal runs have in common."""
    largest: dict[RunRequest, list[Trial]] = field(default_factory=dict)
    """The same with as many nodes as the fleets may get for them."""

    @classmethod
    def of(cls, request: Request, snapshot: Snapshot, plan: PlanFunction) -> "Growth":
        """All fleets grown for all runs, in the order of the documents."""
        growth = cls(request, snapshot, plan, plan(request, snapshot, explained=False))
        runs = [run for run in request.documents if isinstance(run, RunRequest) and run.grows]
        for alike in _alike(runs):
            growth._serve_many(alike)
        for run in runs:
            if kind_of(run) not in growth.failed and growth._lacking([run]):
                growth._serve(run)
        return growth

    @property
    def sizes(self) -> dict[str, int]:
        """The sizes of the elastic fleets that are documents of the request by now."""
        elastic = {one.fleet.name for one in self.request.elastic}
        fleets = [document for document in self.request.documents if isinstance(document, FleetRequest)]
        return {fleet.name: fleet.nodes for fleet in fleets if fleet.name in elastic}

    def beside(self, run: RunRequest) -> Request:
        """The request with this run and all that is placed, without the other runs that do not fit."""
        short = {
            document.name
            for document in self.made.documents
            if document.kind is DocumentKind.RUN and document.shortfall is not None
        }
        documents = (
            document
            for document in self.request.documents
            if not isinstance(document, RunRequest) or document.name == run.name or document.name not in short
        )
        return replace(self.request, documents=tuple(documents))

    def _serve_many(self, runs: Sequence[RunRequest]) -> None:
        """As many as possible of the first of these runs that lack machines, in few steps."""
        left = self._lacking(runs)
        count = len(left)
        while count > 1:
            if self._grow(left[:count]):
                left, count = left[count:], len(left) - count
            else:
                count //= 2

    def _serve(self, run: RunRequest) -> None:
        if not self._grow([run]) and not self._grow_several(run):
            sizes = [(elastic, self._sizes([run], elastic)) for elastic in candidates(run, self.request)]
            for found, size in ((self.failed, min), (self.largest, max)):
                trials = [(self._with(elastic, size(nodes)), elastic.fleet.name) for elastic, nodes in sizes if nodes]
                found[kind_of(run)] = trials

    def _grow(self, runs: Sequence[RunRequest]) -> bool:
        """Whether any one fleet can grow for all of these runs together; the cheapest one that can does so."""
        found = []
        for elastic in candidates(runs[0], self.request):
            for nodes in self._sizes(runs, elastic):
                trial = self._with(elastic, nodes)
                made = self.plan(trial, self.snapshot, explained=False)
                if self.is_better(made, runs):
                    found.append((trial, made))
                if self._fits(made, runs):
                    break
        if found:
            self.request, self.made = min(found, key=lambda pair: pair[1].price)
        return bool(found)

    def is_better(self, made: Plan, runs: Sequence[RunRequest]) -> bool:
        """Whether the runs fit, at no higher price than by themselves, and nothing else fits worse than so far."""
        short = {(document.kind, document.name) for document in self.made.documents if document.shortfall is not None}
        served = {(DocumentKind.RUN, run.name) for run in runs}
        return self._fits(made, runs) and (served <= short or made.price <= self.made.price + 1e-9)

    def _fits(self, made: Plan, runs: Sequence[RunRequest]) -> bool:
        """Whether the runs fit, and all else that fits so far."""
        served = {(DocumentKind.RUN, run.name) for run in runs}
        short = {
            (document.kind, document.name) for document in self.made.documents if document.shortfall is not None
        } - served
        return all(document.shortfall is None or (document.kind, document.name) in short for document in made.documents)

    def _grow_several(self, run: RunRequest) -> bool:
        """Whether the fleets that a run names can grow for it together, by as few nodes as it needs beside idle ones.

        Of the ways to share the nodes out over fleets, the first `MOST_SHARES` are tried, and the cheapest is taken.
        """
        fleets = candidates(run, self.request) if run.fleets else []
        if len(fleets) < 2:
            return False
        wanted = len(run.nodes)
        stock = [self._stock(fleet) for fleet in fleets]
        rooms = [_room(one, size, wanted) for one, (size, _) in zip(fleets, stock, strict=True)]
        least = max(1, wanted - sum(free for _, free in stock))
        tried = 0
        for total in range(least, min(wanted, sum(rooms)) + 1):
            found = []
            for extras in islice(_shares(total, rooms), MOST_SHARES - tried):
                tried += 1
                trial = self.request
                for one, (size, _), extra in zip(fleets, stock, extras, strict=True):
                    trial = self._with(one, size + extra, trial) if extra else trial
                made = self.plan(trial, self.snapshot, explained=False)
                if self.is_better(made, [run]):
                    found.append((trial, made))
            if found:
                self.request, self.made = min(found, key=lambda pair: pair[1].price)
                return True
        return False

    def _stock(self, elastic: ElasticFleet) -> tuple[int, int]:
        """How many nodes a fleet has or will have, and how many of their blocks are free."""
        fleet = self._requested(elastic)
        here = [each for each in self.snapshot.instances if each.fleet == fleet.name and not each.outdated]
        size = max(fleet.nodes, len(here)) if fleet in self.request.documents else len(here)
        return size, size - len(here) + sum(instance.free_blocks for instance in here)

    def _sizes(self, runs: Sequence[RunRequest], elastic: ElasticFleet) -> Iterable[int]:
        """The sizes of a fleet to be tried for these runs, the least first: what is idle may be of use, and may not."""
        fleet = self._requested(elastic)
        size, free = self._stock(elastic)
        if runs[0].fleets:
            free = sum(self._stock(candidate)[1] for candidate in candidates(runs[0], self.request))
        wanted = sum(len(run.nodes) for run in runs)
        # A machine that is shared holds up to as many nodes as it has blocks, and how many is for the plan to find out.
        share = 1 if any(run.takes_whole for run in runs) else _most_blocks(fleet, wanted)
        least = max(1, ceil((wanted - free) / share))
        most_wanted = wanted + self._contested(runs, elastic)
        extras = range(least, most_wanted + 1) if len(runs) == 1 else _steps(least, wanted, share)
        most = 0 if elastic.held else elastic.most
        return [size + extra for extra in extras if most is None or size + extra <= most]

    def _contested(self, runs: Sequence[RunRequest], elastic: ElasticFleet) -> int:
        """How many more nodes are tried: what a fleet gets for these runs may go to others that do not fit so far."""
        parts = {document.name: document for document in self.made.documents if document.kind is DocumentKind.RUN}
        others = [
            document for document in self.request.documents if isinstance(document, RunRequest) and document not in runs
        ]
        short = [one for one in others if parts[one.name].shortfall is not None]
        short = [one for one in short if not one.grows or kind_of(one) in self.failed]
        using = [one for one in short if one.fleets is None or elastic.fleet.name in one.fleets]
        return min(MOST_CONTESTED, sum(len(one.nodes) for one in using))

    def _requested(self, elastic: ElasticFleet) -> FleetRequest:
        """The fleet as a document of the request, or else as it is kept."""
        fleets = (document for document in self.request.documents if isinstance(document, FleetRequest))
        return next((fleet for fleet in fleets if fleet.name == elastic.fleet.name), elastic.fleet)

    def _with(self, elastic: ElasticFleet, nodes: int, request: Request | None = None) -> Request:
        """The request, or that of a trial, with a fleet of `nodes` nodes."""
        request = self.request if request is None else request
        fleet = replace(self._requested(elastic), nodes=nodes)
        documents = request.documents
        same = [isinstance(document, FleetRequest) and document.name == fleet.name for document in documents]
        if not any(same):
            return replace(request, documents=(*documents, fleet))
        changed = (fleet if here else one for here, one in zip(same, documents, strict=True))
        return replace(request, documents=tuple(changed))

    def _lacking(self, runs: Iterable[RunRequest]) -> list[RunRequest]:
        """Those without a place, or with machines of their own where a fleet may do."""
        parts = {document.name: document for document in self.made.documents if document.kind is DocumentKind.RUN}
        return [run for run in runs if _lacks(parts[run.name])]


def _room(elastic: ElasticFleet, size: int, wanted: int) -> int:
    """How many more nodes a fleet may get, and a run can use."""
    if elastic.held:
        return 0
    return wanted if elastic.most is None else max(0, min(wanted, elastic.most - size))


def _shares(total: int, rooms: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The ways to share nodes out over fleets that have these rooms, the first fleets' largest shares first."""
    if not rooms:
        if total == 0:
            yield ()
        return
    for first in range(min(total, rooms[0]), max(0, total - sum(rooms[1:])) - 1, -1):
        for others in _shares(total - first, rooms[1:]):
            yield (first, *others)


def _most_blocks(fleet: FleetRequest, wanted: int) -> int:
    """How many nodes of runs one machine of a fleet holds at most."""
    blocks = (fleet.division.blocks, *(blocks for _, blocks in fleet.division.of_types))
    return wanted if None in blocks else max(block for block in blocks if block is not None)


def _steps(least: int, wanted: int, share: int) -> Iterable[int]:
    """From the least number of machines to one for each node, as each takes twice as many blocks."""
    taken = (2**power for power in range(share.bit_length()))
    sizes = (max(least, ceil(wanted * blocks / share)) for blocks in taken if blocks < share)
    return dict.fromkeys((least, *sizes, wanted))


def candidates(run: RunRequest, request: Request) -> list[ElasticFleet]:
    """The fleets that may grow for a run."""
    return [one for one in request.elastic if run.fleets is None or one.fleet.name in run.fleets]


def part(made: Plan, kind: DocumentKind, name: str) -> DocumentPlan:
    """A document's part of a plan."""
    return next(document for document in made.documents if document.kind is kind and document.name == name)


def _alike(runs: Iterable[RunRequest]) -> Iterator[list[RunRequest]]:
    """Runs that name the same fleets, and equal ones that name none."""
    groups: dict[object, list[RunRequest]] = {}
    for run in runs:
        groups.setdefault(kind_of(run) if run.fleets is None else run.fleets, []).append(run)
    yield from groups.values()


def _lacks(one: DocumentPlan) -> bool:
    return one.shortfall is not None or any(node.source is Source.NEW for node in one.placements)
