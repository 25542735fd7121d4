"""Answers that become streams to jobs: bounded in number and in idle time, and ended when their user loses access."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode
from atoll.server.connections import STREAM
from atoll.store.errors import StoreError
from atoll.tunnels.stream import Stream
from atoll.wire.streams import STREAM as PROTOCOL
from atoll.wire.streams import SWITCHING, relay

MOST = 500
"""Open streams of one server."""
MOST_OF_USER = 100
IDLE_SECONDS = 3600.0
"""How long a stream may be open without a byte in either direction."""
CHECK_SECONDS = 10.0
"""How often the user's access is checked."""


class Streams:
    """Counts the open streams by user."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def one_more(self, user: str) -> Iterator[None]:
        """Count a stream while it is opened and open. Raises Refused: too-many-streams."""
        if self._open[user] >= MOST_OF_USER or self._open.total() >= MOST:
            whose = f"you have {MOST_OF_USER}" if self._open[user] >= MOST_OF_USER else f"the server has {MOST}"
            message = f"{whose} open streams, and no more are allowed: close some"
            raise Refused(ErrorCode.TOO_MANY_STREAMS, message, status=429)
        self._open[user] += 1
        try:
            yield
        finally:
            self._open[user] -= 1
            self._open += Counter()  # drops the users without any


class StreamAnswer(Response):
    """Opens a stream with `opened`, and carries it over the request's connection until it ends or `check` raises."""

    def __init__(
        self,
        opened: Callable[[], Awaitable[Stream]],
        check: Callable[[], Awaitable[object]],
        streams: Streams,
        user: str,
    ) -> None:
        super().__init__(status_code=SWITCHING)
        self._opened = opened
        self._check = check
        self._streams = streams
        self._user = user

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._streams.one_more(self._user):
            far = await self._opened()
            headers = [(b"connection", b"upgrade"), (b"upgrade", PROTOCOL.encode())]
            try:
                await send({"type": "http.response.start", "status": SWITCHING, "headers": headers})
                near = scope["extensions"][STREAM]()
            except BaseException:
                far[1].close()
                raise
            watching = asyncio.create_task(self._watch(near))
            try:
                await relay(near, far, IDLE_SECONDS)
            finally:
                watching.cancel()

    async def _watch(self, near: Stream) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            try:
                await self._check()
            except Refused:
                return near[1].close()
            except StoreError:
                continue  # nothing is known of the user's access now
