"""Turns: the engine first, then projects in rotation, their users likewise; no user has all places."""

import asyncio

import pytest

from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.turns import ENGINE, MOST_WAITING, Asker, Turns
from atoll.rehearsal.clock import VirtualClock

ADA, BEN, EVE = Asker("one", "ada"), Asker("one", "ben"), Asker("two", "eve")


async def order(turns: Turns, askers: list[Asker]) -> list[Asker]:
    """The order of turns of simultaneous arrivals, while one turn is used."""
    served: list[Asker] = []

    async def use(asker: Asker) -> None:
        async with turns.turn(asker):
            served.append(asker)
            await asyncio.sleep(1)

    async with turns.turn():
        tasks = [asyncio.create_task(use(asker)) for asker in askers]
        await asyncio.sleep(0.1)
    await asyncio.gather(*tasks)
    return served


def test_the_engine_comes_first_and_projects_take_turns() -> None:
    found = VirtualClock().run(order(Turns(1), [ADA, ADA, BEN, EVE, ENGINE]))
    assert found == [ENGINE, ADA, EVE, BEN, ADA]


def test_a_request_that_waits_for_long_comes_between_two_turns_of_the_engine() -> None:
    found = VirtualClock().run(order(Turns(1), [*[ENGINE] * 10, ADA]))
    assert ADA in found[:8]
    assert found.index(ADA) > 4


def test_one_user_leaves_a_place_to_others() -> None:
    async def scene() -> None:
        turns = Turns(2)
        async with turns.turn(ADA):
            second = asyncio.create_task(order_of_one(turns, ADA))
            await asyncio.sleep(1)
            assert not second.done()
            await order_of_one(turns, BEN)
        await second

    VirtualClock().run(scene())


def test_too_many_waits_of_one_user_are_refused_and_others_still_wait() -> None:
    async def scene() -> None:
        turns = Turns(1)
        async with turns.turn():
            tasks = [asyncio.create_task(order_of_one(turns, ADA)) for _ in range(MOST_WAITING)]
            await asyncio.sleep(1)
            with pytest.raises(Refused, match="8 requests of yours wait"):
                await order_of_one(turns, ADA)
            tasks.append(asyncio.create_task(order_of_one(turns, EVE)))
            await asyncio.sleep(1)
        await asyncio.gather(*tasks)
        assert not turns.waiting
        assert not turns.held

    VirtualClock().run(scene())


def test_a_wait_that_is_given_up_or_too_long_leaves_nothing_behind() -> None:
    async def scene() -> None:
        turns = Turns(1)
        async with turns.turn():
            gone = asyncio.create_task(order_of_one(turns, ADA))
            await asyncio.sleep(1)
            gone.cancel()
            with pytest.raises(Refused, match="the planner was busy for 25 s"):
                await order_of_one(turns, EVE)
            assert not turns.waiting
        await order_of_one(turns, EVE)

    VirtualClock().run(scene())


async def order_of_one(turns: Turns, asker: Asker) -> None:
    async with turns.turn(asker):
        pass
