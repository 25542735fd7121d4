"""The virtual clock: waiting takes no time, order is kept, and a program that can never go on gets an error."""

import asyncio
import time
from datetime import timedelta

import pytest

from atoll.rehearsal.clock import Stuck, VirtualClock


def test_waiting_for_days_takes_no_real_time_and_wakes_in_order() -> None:
    clock, woken = VirtualClock(), []

    async def sleeper(days: float) -> None:
        await clock.sleep(days * 86400)
        woken.append((days, clock.now()))

    async def main() -> None:
        await asyncio.gather(*(sleeper(days) for days in (3, 1, 2)))

    start, real = clock.now(), time.monotonic()
    clock.run(main())
    assert [days for days, _ in woken] == [1, 2, 3]
    assert abs(woken[-1][1] - start - timedelta(days=3)) < timedelta(milliseconds=1)
    assert time.monotonic() - real < 1


def test_time_outs_go_by_virtual_time() -> None:
    clock = VirtualClock()

    async def main() -> float:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600):
                await asyncio.Event().wait()
        return clock.monotonic()

    assert clock.run(main()) == pytest.approx(3600)


def test_time_stands_still_while_a_thread_works() -> None:
    clock = VirtualClock()

    async def main() -> None:
        async with asyncio.timeout(1):
            await asyncio.to_thread(time.sleep, 0.05)
        assert clock.monotonic() == 0

    clock.run(main())


def test_a_program_that_can_never_go_on_raises_stuck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atoll.rehearsal.clock.STUCK_SECONDS", 0.01)

    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Stuck):
        VirtualClock().run(main())
