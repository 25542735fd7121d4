"""What every backend must do, as tests: subclass `BackendContract`, give the `backend` fixture, and pytest runs them.

    class TestMine(BackendContract):
        @pytest.fixture
        def backend(self, tmp_path): return MyBackend(...)

The fixture may be plain or asynchronous; each test runs in an event loop of its own and closes the backend at its end.
Override the class attributes where your backend differs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, ClassVar, TypeVar

import pytest

from atoll.backends.base import (
    Backend,
    BackendError,
    CapacityUnavailable,
    InvalidRequest,
    Machine,
    MachineState,
    NotFound,
    NotOffered,
    Unavailable,
)
from atoll.model.offer import Availability, Offer
from atoll.model.zone import Zone, ZoneState
from atoll.testing.builders import launch_request

S = TypeVar("S", bound="ContractCase")
T = TypeVar("T")


def in_loop(test: Callable[[S, Any], Coroutine[Any, Any, None]]) -> Callable[[S, Any], None]:
    """Run an asynchronous test in a loop of its own, and end what the test launched."""

    @wraps(test)
    def run(self: S, backend: Any) -> None:
        self.run(self.finish(backend, test(self, backend)))

    return run


class ContractCase:
    """What the suites share: running, waiting, cleaning up."""

    wait_seconds: ClassVar[float] = 20
    """How long a machine may take to be ready."""

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Run a test; override to run it in virtual time."""
        asyncio.run(work)

    async def pause(self) -> None:
        """Wait a little between two looks."""
        await asyncio.sleep(0.02)

    async def finish(self, backend: Any, work: Awaitable[None]) -> None:
        """Run `work`, then end all machines and let the backend go."""
        try:
            await work
        finally:
            for machine in await backend.find("owner-1"):
                await backend.terminate(machine.id, machine.zone)
            await backend.close()

    async def until(self, look: Callable[[], Awaitable[T]], good: Callable[[T], bool]) -> T:
        """Look again and again until it is good."""
        for _ in range(int(self.wait_seconds / 0.02)):
            if good(found := await look()):
                return found
            await self.pause()
        raise AssertionError("what was waited for did not happen")

    async def offers(self, backend: Backend) -> list[Offer]:
        """Available offers of the smallest type, one for each zone."""
        listing = await backend.listing()
        smallest: dict[Zone, Offer] = {}
        for offer in listing.offers:
            best = smallest.get(offer.zone)
            if offer.availability is Availability.AVAILABLE and (
                best is None or (offer.instance_type.cpus, offer.market) < (best.instance_type.cpus, best.market)
            ):
                smallest[offer.zone] = offer
        return list(smallest.values())

    async def launch(self, backend: Backend, offer: Offer, token: str = "token-1") -> Machine:
        """Launch one machine of this offer."""
        return await backend.launch(launch_request(offer.zone, offer.instance_type.name, token, market=offer.market))

    async def ready(self, backend: Backend, machine: Machine) -> Machine:
        """Wait until the machine is ready; it may be unknown for a while after its launch."""

        async def look() -> Machine:
            try:
                return await backend.describe(machine.id, machine.zone)
            except NotFound:
                return machine

        return await self.until(look, lambda found: found.state is MachineState.READY and found.endpoint is not None)

    async def gone(self, backend: Backend, machine: Machine) -> None:
        """Wait until the machine is gone or unknown."""

        async def state() -> MachineState:
            try:
                return (await backend.describe(machine.id, machine.zone)).state
            except NotFound:
                return MachineState.GONE

        await self.until(state, lambda found: found is MachineState.GONE)


class BackendContract(ContractCase):
    """The `Backend` protocol, and its `Faults` where it has any."""

    full_after: ClassVar[int | None] = None
    """How many of the largest machines fill a zone; None: it cannot be filled in a test."""

    @in_loop
    async def test_listing_names_zones_and_offers_that_belong_together(self, backend: Backend) -> None:
        listing = await backend.listing()
        zones = {info.zone for info in listing.zones}
        assert zones
        assert {offer.zone for offer in listing.offers} <= zones
        assert {zone.backend for zone in zones} == {backend.info.name}
        assert all(offer.price >= 0 for offer in listing.offers)

    @in_loop
    async def test_its_abilities_are_those_that_it_declares(self, backend: Backend) -> None:
        assert backend.info.volumes == (backend.volumes is not None)
        assert backend.volumes is backend.volumes
        assert backend.faults is backend.faults

    @in_loop
    async def test_a_launched_machine_is_in_the_zone_asked_for_and_becomes_ready(self, backend: Backend) -> None:
        for number, offer in enumerate(await self.offers(backend)):
            machine = await self.launch(backend, offer, f"token-{number}")
            assert machine.zone == offer.zone
            assert machine.token == f"token-{number}"
            assert machine.instance_type == offer.instance_type.name
            ready = await self.ready(backend, machine)
            assert ready.zone == offer.zone
            assert ready.endpoint

    @in_loop
    async def test_the_same_token_gets_the_same_machine(self, backend: Backend) -> None:
        offer = (await self.offers(backend))[0]
        first = await self.launch(backend, offer)
        again = await self.launch(backend, offer)
        assert again.id == first.id
        found = await self.until(lambda: backend.find("owner-1"), lambda found: len(found) >= 1)
        assert [machine.id for machine in found] == [first.id]

    @in_loop
    async def test_the_same_token_at_the_same_time_starts_one_machine(self, backend: Backend) -> None:
        offer = (await self.offers(backend))[0]
        machines = await asyncio.gather(*(self.launch(backend, offer) for _ in range(4)))
        assert len({machine.id for machine in machines}) == 1
        found = await self.until(lambda: backend.find("owner-1"), lambda found: len(found) >= 1)
        assert len(found) == 1

    @in_loop
    async def test_different_tokens_get_different_machines(self, backend: Backend) -> None:
        offer = (await self.offers(backend))[0]
        machines = [await self.launch(backend, offer, token) for token in ("token-1", "token-2")]
        assert machines[0].id != machines[1].id

    @in_loop
    async def test_find_tells_the_machines_of_its_owner_alone(self, backend: Backend) -> None:
        offer = (await self.offers(backend))[0]
        machine = await self.launch(backend, offer)
        found = await self.until(lambda: backend.find("owner-1"), lambda found: len(found) >= 1)
        assert [(each.id, each.token, each.zone) for each in found] == [(machine.id, "token-1", offer.zone)]
        assert await backend.find("owner-2") == ()

    @in_loop
    async def test_a_ready_machine_has_an_agent_that_answers(self, backend: Backend) -> None:
        machine = await self.ready(backend, await self.launch(backend, (await self.offers(backend))[0]))
        agent = backend.agent(machine)
        assert backend.agent(machine) is agent
        assert (await agent.health()).instance == machine.id
        with pytest.raises(NotFound):
            await agent.state("no-such-job")

    @in_loop
    async def test_a_terminated_machine_is_gone_and_no_longer_found(self, backend: Backend) -> None:
        machine = await self.ready(backend, await self.launch(backend, (await self.offers(backend))[0]))
        await backend.terminate(machine.id, machine.zone)
        await self.gone(backend, machine)
        assert await backend.find("owner-1") == ()

    @in_loop
    async def test_terminating_twice_or_what_never_was_succeeds(self, backend: Backend) -> None:
        machine = await self.launch(backend, (await self.offers(backend))[0])
        await backend.terminate(machine.id, machine.zone)
        await backend.terminate(machine.id, machine.zone)
        await backend.terminate("i-000000000000", machine.zone)
        await self.gone(backend, machine)

    @in_loop
    async def test_terminating_at_the_same_time_succeeds(self, backend: Backend) -> None:
        machine = await self.launch(backend, (await self.offers(backend))[0])
        await asyncio.gather(*(backend.terminate(machine.id, machine.zone) for _ in range(3)))
        await self.gone(backend, machine)

    @in_loop
    async def test_an_unknown_machine_is_not_found(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        for unknown in ("i-000000000000", "../../etc", ""):
            with pytest.raises(NotFound):
                await backend.describe(unknown, where)

    @in_loop
    async def test_a_zone_that_is_not_there_is_refused(self, backend: Backend) -> None:
        offer = (await self.offers(backend))[0]
        for wrong in (
            Zone(offer.zone.backend, offer.zone.region, "nowhere-9z"),
            Zone(offer.zone.backend, "nowhere", offer.zone.name),
        ):
            with pytest.raises((InvalidRequest, NotOffered)):
                await backend.launch(launch_request(wrong, offer.instance_type.name))
        assert await backend.find("owner-1") == ()

    @in_loop
    async def test_a_type_that_is_not_there_is_refused(self, backend: Backend) -> None:
        where = (await self.offers(backend))[0].zone
        with pytest.raises((InvalidRequest, NotOffered)):
            await backend.launch(launch_request(where, "no-such-type"))

    @in_loop
    async def test_a_full_zone_refuses_with_its_scope_and_its_siblings_do_not(self, backend: Backend) -> None:
        if self.full_after is None:
            return
        where, other = [offer.zone for offer in await self.offers(backend)][:2]
        listing = await backend.listing()
        largest = max((o for o in listing.offers if o.zone == where), key=lambda o: o.instance_type.cpus)
        filling = [await self.launch(backend, largest, f"full-{number}") for number in range(self.full_after)]
        with pytest.raises(CapacityUnavailable) as refused:
            await self.launch(backend, largest, "one-more")
        assert refused.value.scope is not None
        assert refused.value.scope.covers(largest)
        siblings = [o for o in listing.offers if o.zone == other and o.instance_type.name == largest.instance_type.name]
        assert not refused.value.scope.covers(siblings[0])
        assert (await self.launch(backend, siblings[0], "sibling")).zone == other
        await backend.terminate(filling[0].id, where)
        await self.gone(backend, filling[0])
        assert (await self.launch(backend, largest, "one-more")).zone == where

    @in_loop
    async def test_a_failed_zone_loses_its_machines_and_takes_none_until_restored(self, backend: Backend) -> None:
        if backend.faults is None:
            return
        lost, kept = (await self.offers(backend))[:2]
        victim = await self.ready(backend, await self.launch(backend, lost, "token-1"))
        survivor = await self.ready(backend, await self.launch(backend, kept, "token-2"))
        await backend.faults.fail(lost.zone)
        await self.gone(backend, victim)
        with pytest.raises(BackendError) as refused:
            await self.launch(backend, lost, "token-3")
        assert isinstance(refused.value, CapacityUnavailable | Unavailable)
        assert (await backend.describe(survivor.id, kept.zone)).state is MachineState.READY
        states = {info.zone: info for info in (await backend.listing()).zones}
        assert states[lost.zone].state is ZoneState.IMPAIRED
        assert states[lost.zone].reason
        assert states[kept.zone].state is ZoneState.AVAILABLE
        marked = {o.availability for o in (await backend.listing()).offers if o.zone == lost.zone}
        assert marked == {Availability.UNAVAILABLE}
        await backend.faults.restore(lost.zone)
        await self.gone(backend, victim)
        await self.ready(backend, await self.launch(backend, lost, "token-4"))

    @in_loop
    async def test_failing_and_restoring_a_zone_twice_succeeds(self, backend: Backend) -> None:
        if backend.faults is None:
            return
        where = (await self.offers(backend))[0].zone
        for act in (backend.faults.restore, backend.faults.fail, backend.faults.fail, backend.faults.restore):
            await act(where)
        assert len(await self.offers(backend)) == len((await backend.listing()).zones)
