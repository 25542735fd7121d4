"""The alarm: when the worker looks at the queue, and when it need not."""

from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any

import pytest

from atoll.engine.parts.due_timer import DueTimer
from atoll.rehearsal.clock import VirtualClock


def play(story: Callable[[VirtualClock, DueTimer], Coroutine[Any, Any, None]]) -> None:
    clock = VirtualClock()
    alarm = DueTimer()
    with alarm.looking():
        alarm.found(None)
    clock.run(story(clock, alarm))


def test_it_rings_for_what_is_due_sooner_than_all_that_is_known_and_for_nothing_else() -> None:
    async def story(clock: VirtualClock, alarm: DueTimer) -> None:
        alarm.set(clock.now())
        assert await alarm.wait(5)
        alarm.set(clock.now() + timedelta(seconds=1))
        assert not await alarm.wait(5)
        assert alarm.due == clock.now() - timedelta(seconds=5)

    play(story)


def test_what_another_server_did_makes_it_unsure() -> None:
    async def story(_clock: VirtualClock, alarm: DueTimer) -> None:
        assert not alarm.unsure
        alarm.set(None)
        assert await alarm.wait(5)
        assert alarm.unsure

    play(story)


def test_a_time_set_during_a_look_counts_beside_the_one_that_the_look_finds() -> None:
    async def story(clock: VirtualClock, alarm: DueTimer) -> None:
        soon, late = clock.now(), clock.now() + timedelta(seconds=9)
        with alarm.looking():
            alarm.set(soon)
            alarm.found(late)
        assert alarm.due == soon
        assert await alarm.wait(5)

    play(story)


def test_a_failed_look_sets_no_time() -> None:
    async def story(clock: VirtualClock, alarm: DueTimer) -> None:
        alarm.set(clock.now())
        with pytest.raises(ConnectionError), alarm.looking():
            raise ConnectionError
        assert alarm.unsure

    play(story)
