"""Fleets and runs that wait for a place: those that wait at the same time are planned together.

When a zone is lost, hundreds of them come at once. A look at the world costs as much for one as for many, and what one
places makes the plans of all others worthless. So each plan is for all waiting records when its turn comes, and the
next one begins when each of them has kept its part, under its own lease.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from atoll.engine.context import Context, Transactions
from atoll.engine.placing.demand import elastic_fleet
from atoll.engine.placing.disruption import without_held
from atoll.engine.placing.placement import claim_epoch
from atoll.engine.snapshots.world import World, take_snapshot
from atoll.model.records import Fleet, Instance, Kind, Run, Volume
from atoll.model.states import FleetState
from atoll.planning.plan import DocumentPlan, Plan
from atoll.planning.request import ElasticFleet, FleetRequest, Request, RunRequest, VolumeRequest
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

MOST = 20
"""The most documents of one plan: a plan takes some milliseconds for each, more where not all of them fit."""

ALL = 100_000
"""More fleets and runs than ever wait at once."""

HURRY = timedelta(seconds=1)
"""How soon records without a place are planned again where there may be one: all that becomes free meanwhile counts."""

Demand = FleetRequest | RunRequest | VolumeRequest


@dataclass(slots=True)
class _Epoch:
    """What the world's placements counted when it was looked at, and since then by those of the same plan alone."""

    seen: str | None
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    grown: dict[tuple[str, int], Instance] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Placing:
    """The plan of one document, valid until anything else is placed; `whole` has the fleets that grow for it."""

    plan: DocumentPlan
    whole: Plan
    _epoch: _Epoch
    _database: Transactions

    @property
    def grown(self) -> dict[tuple[str, int], Instance]:
        """The nodes (fleet, number) of growing fleets that others of the same plan have kept."""
        return self._epoch.grown

    @asynccontextmanager
    async def write(self, lease: Lease) -> AsyncIterator[Transaction]:
        """A transaction that keeps the plan. Raises PlacementRaced when the world is another one by now, LeaseLost."""
        async with self._epoch.lock:
            async with self._database.write(lease) as tx:
                epoch = await claim_epoch(tx, self._epoch.seen)
                yield tx
            self._epoch.seen = epoch


@dataclass(eq=False, slots=True)
class _Wish:
    """A record that waits for an answer, and is `over` when nothing more is to be kept of it."""

    record: Fleet | Run | Volume
    demand: Demand
    volumes: tuple[VolumeRequest, ...]
    world: World
    answer: asyncio.Future[Placing] = field(default_factory=lambda: asyncio.get_running_loop().create_future())
    over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def kind(self) -> tuple[str, type[Demand]]:
        """Those of one kind see the same, and none of them is placed on what another one gets."""
        return self.record.project, type(self.demand)


class Placer:
    """Plans for waiting records; all handlers of an engine share it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._wishes: list[_Wish] = []
        self._serving: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def placing(
        self,
        record: Fleet | Run | Volume,
        demand: Demand,
        volumes: tuple[VolumeRequest, ...] = (),
    ) -> AsyncIterator[Placing]:
        """The plan for a record's demand; kept inside, or never. `volumes` are a run's that have no zone yet."""
        wish = _Wish(record, demand, volumes, await self._context.worlds.world())
        self._wishes.append(wish)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.create_task(self._serve())
        try:
            yield await wish.answer
        finally:
            wish.over.set()

    async def _serve(self) -> None:
        while self._wishes:
            async with self._context.planner.placing.turn():
                await asyncio.sleep(0)  # simultaneous arrivals are planned together
                together = self._next()
                if together:
                    await self._grant(together)
                for wish in together:
                    await wish.over.wait()

    def _next(self) -> list[_Wish]:
        """The first waiting record and those that can be planned with it; one plan has each name once."""
        self._wishes = [wish for wish in self._wishes if not wish.over.is_set()]
        named: dict[str, _Wish] = {}
        for wish in self._wishes:
            if len(named) < MOST and wish.kind == self._wishes[0].kind:
                named.setdefault(wish.demand.name, wish)
        together = list(named.values())
        self._wishes = [wish for wish in self._wishes if wish not in together]
        return together

    async def _grant(self, wishes: Sequence[_Wish]) -> None:
        """Plan them together; if that fails, each by itself, so that one failure does not affect the others."""
        try:
            await self._plan(wishes)
        except Exception as error:
            if len(wishes) > 1:
                for wish in wishes:
                    await self._grant([wish])
            elif not wishes[0].answer.done():
                wishes[0].answer.set_exception(error)

    async def _plan(self, wishes: Sequence[_Wish]) -> None:
        context, first = self._context, wishes[0]
        async with context.database.read() as tx:
            epoch = _Epoch(await tx.settings.get("placements"))
            snapshot = await take_snapshot(tx, first.world, context.backends, first.record.project)
            zones, project = snapshot.zones, first.record.project
            snapshot = await without_held(tx, context.disruption, snapshot, zones, project)
            elastic = await elastic_fleets(tx, first.record.project) if isinstance(first.record, Run) else ()
        volumes = {volume.name: volume for wish in wishes for volume in wish.volumes}
        # Ties break as in the plan that was shown: by the project and each document's name.
        request = Request(first.record.project, (*(wish.demand for wish in wishes), *volumes.values()), elastic)
        answer = await context.planner.plan(request, snapshot)
        for wish, document in zip(wishes, answer.documents, strict=False):
            if not wish.answer.done():
                wish.answer.set_result(Placing(document, answer, epoch, context.database))


async def elastic_fleets(tx: Transaction, project: str) -> tuple[ElasticFleet, ...]:
    """The project's fleets that may grow for runs."""
    fleets = await tx.fleets.listing(project)
    return tuple(
        elastic_fleet(fleet) for fleet in fleets if fleet.state is FleetState.ACTIVE and not fleet.auto_created
    )


async def tell_waiting(tx: Transaction) -> None:
    """Something can be had that could not: let the runs try soon that found no place, as many as one plan is for."""
    await tx.work.wake(Kind.RUN, await tx.work.retrying(Kind.RUN, MOST), tx.now + HURRY)


async def wake_waiting(tx: Transaction) -> None:
    """A zone is available again: what has no place is retried at once, and fleets may come back into balance."""
    await tx.work.wake(Kind.FLEET, await tx.fleets.recovering(), tx.now)
    for kind in (Kind.FLEET, Kind.RUN):
        await tx.work.wake(kind, await tx.work.retrying(kind, ALL), tx.now)
