"""Computing for users' requests in worker processes: bounded in time and memory, in turns, and ended with its request.

Nothing that a user sends is read or planned on the event loop, and what takes too long is ended with its process.
"""

import asyncio
import io
import itertools
import logging
import os
import pickle
import sys
from asyncio.subprocess import Process
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from atoll.engine.parts.computer import LENGTH_BYTES
from atoll.engine.parts.metrics import Metrics
from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.turns import Asker, Turns
from atoll.model.catalog import Catalog
from atoll.model.error_codes import ErrorCode

T = TypeVar("T")

WORKERS = max(2, min(4, os.cpu_count() or 1))
MEMORY_MIB = 2048
"""The memory of one worker process."""
KEPT_MIB = 320
"""A worker that holds more memory than this after a call ends, so that the memory returns."""
SECONDS = 25.0
"""How long one call may compute."""
START_SECONDS = 60.0
LARGEST_RESULT = 512 << 20
_SECRETS = ("ATOLL_SECRET_KEY", "ATOLL_DATABASE_URL", "ATOLL_TOKEN")
_PIECE = 1 << 20
_names = itertools.count()
log = logging.getLogger("atoll.engine")


class Computing:
    """The worker processes of one server. They start when needed; the first one starts with `start`."""

    def __init__(self, metrics: Metrics) -> None:
        self.turns = Turns(WORKERS)
        self.metrics = metrics
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._catalog: tuple[Catalog | None, str, bytes] = (None, "", b"")
        self._closed = False

    async def start(self) -> None:
        """Start one worker, so that the first request does not wait for it."""
        worker = await self._started()
        self._idle.append(worker)

    async def run(self, asker: Asker, work: Callable[..., T], *arguments: object, seconds: float = SECONDS) -> T:
        """The result of `work`, a function of a module, computed in a worker process.

        Raises Refused: what `work` raises, `busy`, or `too-much` for more than `seconds` or the memory of a worker.
        Cancelling ends the process.
        """
        async with self.turns.turn(asker):
            began = monotonic()
            outcome = "cancelled"
            try:
                result: T = await self._computed(work, arguments, seconds)
                outcome = "ok"
            except Refused as refused:
                outcome = "too-much" if refused.code == ErrorCode.TOO_MUCH else "refused"
                raise
            except RuntimeError:
                outcome = "fault"
                raise
            finally:
                self.metrics.computing.labels(outcome).observe(monotonic() - began)
            return result

    async def close(self) -> None:
        """End all workers at once; calls under way fail."""
        self._closed = True
        for worker in tuple(self._all):
            await worker.end()

    async def _computed(self, work: Callable[..., Any], arguments: tuple[object, ...], seconds: float) -> Any:
        worker = self._idle.pop() if self._idle else await self._started()
        kept = False
        try:
            async with asyncio.timeout(seconds):
                content = await asyncio.to_thread(self._packed, work, arguments, worker)
                kind, value = await worker.call(content)
            kept = kind in ("result", "refused", "failed") and worker.memory_mib() <= KEPT_MIB
        except TimeoutError as error:
            raise _too_much(f"it takes more than {seconds:g} s to compute") from error
        except (EOFError, ConnectionError, asyncio.IncompleteReadError) as error:
            if self._closed:
                raise Refused(ErrorCode.STOPPING, "the server is stopping", status=503) from error
            raise _too_much("the worker process ended, perhaps for lack of memory") from error
        finally:
            if kept and not self._closed:
                self._idle.append(worker)
            else:
                self._all.discard(worker)
                await worker.end()
        if kind == "memory":
            raise _too_much(f"it takes more than {MEMORY_MIB} MiB of memory to compute")
        if kind == "refused":
            positional, named = value
            raise Refused(*positional, **named)
        if kind == "failed":
            raise RuntimeError(f"a worker process failed: {value}")
        return value

    async def _started(self) -> "_Worker":
        worker = await _Worker.started()
        self._all.add(worker)
        if self._closed:
            await worker.end()
        return worker

    def _packed(self, work: Callable[..., Any], arguments: tuple[object, ...], worker: "_Worker") -> bytes:
        """A call as bytes. The newest catalog is packed once for all workers and sent once to each."""
        buffer = io.BytesIO()
        _Writer(buffer, self._shared, worker).dump((work, arguments))
        return buffer.getvalue()

    def _shared(self, catalog: Catalog) -> tuple[str, bytes]:
        known, name, content = self._catalog
        if known is not catalog:
            name, content = f"catalog-{next(_names)}", pickle.dumps(catalog, pickle.HIGHEST_PROTOCOL)
            self._catalog = (catalog, name, content)
        return name, content


class _Writer(pickle.Pickler):
    def __init__(self, buffer: io.BytesIO, shared: Callable[[Catalog], tuple[str, bytes]], worker: "_Worker") -> None:
        super().__init__(buffer, pickle.HIGHEST_PROTOCOL)
        self._shared = shared
        self._worker = worker

    def persistent_id(self, thing: Any) -> tuple[str, bytes | None] | None:
        """A catalog by its name, with its content where the worker does not have it."""
        if type(thing) is not Catalog:
            return None
        name, content = self._shared(thing)
        known = self._worker.catalog == name
        self._worker.catalog = name
        return name, None if known else content


class _Worker:
    """One process and its pipes."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self.catalog = ""

    @classmethod
    async def started(cls) -> "_Worker":
        environment = {key: value for key, value in os.environ.items() if key not in _SECRETS}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "atoll.engine.parts.computer", str(MEMORY_MIB)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=environment | {"OPENBLAS_NUM_THREADS": "1"},
            start_new_session=True,
        )
        worker = cls(process)
        try:
            async with asyncio.timeout(START_SECONDS):
                await worker._received()
        except BaseException:
            await worker.end()
            raise
        return worker

    async def call(self, content: bytes) -> tuple[str, Any]:
        """The answer to one call. Raises EOFError, ConnectionError when the process ends."""
        assert self._process.stdin is not None
        self._process.stdin.write(len(content).to_bytes(LENGTH_BYTES))
        for start in range(0, len(content), _PIECE):
            self._process.stdin.write(content[start : start + _PIECE])
            await self._process.stdin.drain()
        return await self._received()

    async def _received(self) -> tuple[str, Any]:
        assert self._process.stdout is not None
        length = int.from_bytes(await self._process.stdout.readexactly(LENGTH_BYTES))
        if length > LARGEST_RESULT:
            return "memory", None
        content = await self._process.stdout.readexactly(length)
        kind, value = await asyncio.to_thread(pickle.loads, content)
        return kind, value

    def memory_mib(self) -> int:
        """The resident memory of the process; 0 where it is unknown."""
        try:
            pages = Path("/proc", str(self._process.pid), "statm").read_text().split()[1]
        except (OSError, IndexError):
            return 0
        return int(pages) * os.sysconf("SC_PAGE_SIZE") >> 20

    async def end(self) -> None:
        """Kill the process and close its pipes, also where it has ended or its output is not read."""
        with suppress(ProcessLookupError):
            self._process.kill()
        self._process._transport.close()  # type: ignore[attr-defined]  # asyncio has no other way to drop unread output
        await self._process.wait()


def _too_much(reason: str) -> Refused:
    return Refused(ErrorCode.TOO_MUCH, f"this request is too large: {reason}", help="split the files", status=422)
