"""Worker processes: what they compute is bounded in time and memory, and ends with its request."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from atoll.engine.parts.computing import Computing
from atoll.engine.parts.metrics import Metrics
from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.turns import Asker

ADA, EVE = Asker("one", "ada"), Asker("two", "eve")
GIB = 1 << 30


@asynccontextmanager
async def opened() -> AsyncIterator[Computing]:
    computing = Computing(Metrics())
    try:
        yield computing
    finally:
        await computing.close()


@pytest.mark.parametrize(
    ("work", "arguments", "seconds", "words"),
    [
        (time.sleep, (60,), 0.5, "more than 0.5 s"),
        (bytes, (3 * GIB,), 30, "2048 MiB of memory"),
        (os._exit, (1,), 30, "the worker process ended"),
    ],
)
async def test_what_takes_too_much_is_refused_and_the_next_call_is_computed(
    work: Callable[..., object], arguments: tuple[object, ...], seconds: float, words: str
) -> None:
    async with opened() as computing:
        with pytest.raises(Refused, match=words) as refused:
            await computing.run(ADA, work, *arguments, seconds=seconds)
        assert refused.value.code == "too-much"
        assert await computing.run(ADA, divmod, 7, 2) == (3, 1)


async def test_an_error_is_raised_and_the_worker_remains() -> None:
    async with opened() as computing:
        before = await computing.run(ADA, os.getpid)
        with pytest.raises(RuntimeError, match="ZeroDivisionError"):
            await computing.run(ADA, divmod, 1, 0)
        assert await computing.run(ADA, os.getpid) == before != os.getpid()


async def test_a_call_that_is_given_up_ends_its_process_while_another_user_is_served() -> None:
    async with opened() as computing:
        pid = await computing.run(ADA, os.getpid)
        long = asyncio.create_task(computing.run(ADA, time.sleep, 60))
        await asyncio.sleep(0.5)
        assert await computing.run(EVE, os.getpid) != pid
        long.cancel()
        await asyncio.gather(long, return_exceptions=True)
        await asyncio.sleep(0.5)
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
        assert 'atoll_computing_seconds_count{outcome="cancelled"} 1.0' in computing.metrics.text([]).decode()


async def test_a_worker_that_keeps_much_memory_ends() -> None:
    async with opened() as computing:
        pid = await computing.run(ADA, os.getpid)
        await computing.run(ADA, exec, "import os; os.kept = b'x' * (400 << 20)")
        assert await computing.run(ADA, os.getpid) != pid


async def test_a_worker_has_no_secret_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATOLL_SECRET_KEY", "hidden")
    async with opened() as computing:
        assert await computing.run(ADA, os.getenv, "ATOLL_SECRET_KEY") is None


async def test_a_worker_loads_what_it_plans_with_and_not_the_store() -> None:
    async with opened() as computing:
        loaded = await computing.run(ADA, eval, "list(__import__('sys').modules)")
    assert "atoll.planning.planner" in loaded
    assert not [name for name in loaded if name.startswith(("sqlalchemy", "atoll.store"))]
