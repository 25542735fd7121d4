"""Calls to backends: bounded in number, and stopped where a circuit is open."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from atoll.backends.base import CapacityUnavailable, Throttled, Unavailable
from atoll.engine.parts.provider_calls import FIRST_PAUSE, MOST_CALLS, OPEN_AFTER, Calls
from atoll.testing.builders import zone

EAST, WEST = zone("fake-1a", "fake-1"), zone("fake-2a", "fake-2")


class Api:
    """A provider's API that answers, refuses or is silent as scripted, and counts what reaches it."""

    def __init__(self) -> None:
        self.reached = 0
        self.error: Exception | None = None
        self.gate: asyncio.Event | None = None

    async def ask(self) -> str:
        self.reached += 1
        if self.gate is not None:
            await self.gate.wait()
        if self.error is not None:
            raise self.error
        return "answer"


class Time:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


async def silence(calls: Calls, api: Api, times: int) -> None:
    api.error = Unavailable("reset by peer")
    for _ in range(times):
        with pytest.raises(Unavailable, match="reset by peer"):
            await calls.make("fake", EAST, api.ask)


async def test_a_silent_region_is_skipped_for_a_while_and_its_sibling_is_not() -> None:
    calls, api = Calls(Time()), Api()
    await silence(calls, api, OPEN_AFTER)
    with pytest.raises(Unavailable, match="are paused"):
        await calls.make("fake", EAST, api.ask)
    assert api.reached == OPEN_AFTER
    api.error = None
    assert await calls.make("fake", WEST, api.ask) == "answer"
    assert await calls.make("other", EAST, api.ask) == "answer"
    [(region, _, message)] = calls.open_circuits("fake")
    assert (region, message) == ("fake-1", "reset by peer")


async def test_after_the_pause_one_call_is_a_trial_and_its_answer_closes_the_circuit() -> None:
    time = Time()
    calls, api = Calls(time), Api()
    await silence(calls, api, OPEN_AFTER)
    time.now += FIRST_PAUSE + timedelta(seconds=1)
    api.error, api.gate = None, asyncio.Event()
    trial = asyncio.create_task(calls.make("fake", EAST, api.ask))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable, match="are paused"):
        await calls.make("fake", EAST, api.ask)
    api.gate.set()
    assert await trial == "answer"
    assert await calls.make("fake", EAST, api.ask) == "answer"
    assert calls.open_circuits("fake") == ()


async def test_a_trial_that_fails_doubles_the_pause() -> None:
    time = Time()
    calls, api = Calls(time), Api()
    await silence(calls, api, OPEN_AFTER)
    time.now += FIRST_PAUSE + timedelta(seconds=1)
    await silence(calls, api, 1)
    time.now += FIRST_PAUSE + timedelta(seconds=1)
    with pytest.raises(Unavailable, match="are paused"):
        await calls.make("fake", EAST, api.ask)


async def test_a_refusal_is_an_answer_and_opens_nothing() -> None:
    calls, api = Calls(Time()), Api()
    api.error = CapacityUnavailable("none here")
    for _ in range(OPEN_AFTER + 3):
        with pytest.raises(CapacityUnavailable):
            await calls.make("fake", EAST, api.ask)
    assert api.reached == OPEN_AFTER + 3


async def test_a_trial_that_is_given_up_lets_the_next_call_be_one() -> None:
    time = Time()
    calls, api = Calls(time), Api()
    await silence(calls, api, OPEN_AFTER)
    time.now += FIRST_PAUSE + timedelta(seconds=1)
    api.error, api.gate = None, asyncio.Event()
    trial = asyncio.create_task(calls.make("fake", EAST, api.ask))
    await asyncio.sleep(0)
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)
    api.gate = None
    assert await calls.make("fake", EAST, api.ask) == "answer"


async def test_too_many_calls_to_one_backend_are_retried_later_and_another_backend_answers() -> None:
    calls, api, other = Calls(Time()), Api(), Api()
    api.gate = asyncio.Event()
    crowd = [asyncio.create_task(calls.make("fake", EAST, api.ask)) for _ in range(MOST_CALLS)]
    await asyncio.sleep(0)
    with pytest.raises(Throttled, match="under way"):
        await calls.make("fake", EAST, api.ask)
    assert await calls.make("other", EAST, other.ask) == "answer"
    api.gate.set()
    assert set(await asyncio.gather(*crowd)) == {"answer"}
