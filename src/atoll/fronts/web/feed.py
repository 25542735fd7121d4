"""Changes of a project's map for all pages that follow it: found once, encoded once, sent to each.

One task for each followed project looks at the events when there are new ones, at most twice a second, and ends with
the last page. A page that does not keep up gets a `reload` event.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

import msgspec

from atoll.engine.engine import Engine
from atoll.engine.queries.events import event_view
from atoll.engine.queries.map import map_change_with_events
from atoll.wire.map import MapZone

PAUSE_SECONDS = 0.5
"""Between two changes of a map."""
QUIET_SECONDS = 15.0
"""After this long without a change, a comment keeps the connection open."""
BEHIND = 20
"""Messages that a page may be behind."""
MOST_EVENTS = 200
"""Events of one message; more are left to the map's change alone."""
RELOAD = b"event: reload\ndata: {}\n\n"


class Feeds:
    """The feeds of all projects."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._feeds: dict[str, _Feed] = {}

    async def follow(self, project: str, after: int, allowed: Callable[[], Awaitable[bool]]) -> AsyncIterator[bytes]:
        """The messages of a project's changes after an event, until the server closes or the reader is no longer
        allowed, which is checked before each message."""
        feed = self._feeds.get(project)
        if feed is None:
            feed = self._feeds[project] = _Feed(self._engine, project)
        inbox = feed.join()
        try:
            yield b"retry: 1000\n\n"
            message, seen = await feed.since(after)
            if message:
                yield message
            while True:
                try:
                    async with asyncio.timeout(QUIET_SECONDS):
                        item = await inbox.get()
                except TimeoutError:
                    item = (seen, b"")
                if item is None or not await allowed():
                    return
                upto, message = item
                if upto > seen:
                    yield message
                    seen = upto
                elif not message:
                    yield b":\n\n"
        finally:
            if feed.leave(inbox) and self._feeds.get(project) is feed:
                del self._feeds[project]

    async def close(self) -> None:
        """End all feeds, as when the server stops."""
        for feed in list(self._feeds.values()):
            feed.end()


Inbox = asyncio.Queue[tuple[int, bytes] | None]


class _Feed:
    """One project's feed."""

    def __init__(self, engine: Engine, project: str) -> None:
        self._engine = engine
        self._project = project
        self._inboxes: set[Inbox] = set()
        self._task: asyncio.Task[None] | None = None
        self._encoder = msgspec.json.Encoder()
        self._zones: tuple[MapZone, ...] | None = None
        """The zones of the last change that was sent to all."""

    def join(self) -> Inbox:
        inbox: Inbox = asyncio.Queue(BEHIND + 2)
        self._inboxes.add(inbox)
        if self._task is None:
            self._task = asyncio.create_task(self._run())
        return inbox

    def leave(self, inbox: Inbox) -> bool:
        """True when it was the last one."""
        self._inboxes.discard(inbox)
        if not self._inboxes and self._task is not None:
            self._task.cancel()
            self._task = None
        return not self._inboxes

    def end(self) -> None:
        for inbox in self._inboxes:
            self._put(inbox, None)

    async def since(self, after: int) -> tuple[bytes, int]:
        """The message of all that changed after an event, and up to which event."""
        newest = await self._engine.events.newest()
        if after > newest:
            return RELOAD, newest
        answer = await self._message(after, None)
        self._zones = None  # this reader's zones may be newer than those of the last message
        return answer

    async def _run(self) -> None:
        seen = await self._engine.events.newest()
        notified = self._engine.news.count
        while True:
            notified = await self._engine.news.wait(notified, QUIET_SECONDS)
            if self._engine.news.closing:
                self.end()
                return
            message, upto = await self._message(seen, self._zones)
            if message:
                seen = upto
                for inbox in self._inboxes:
                    self._put(inbox, (upto, message))
            await asyncio.sleep(PAUSE_SECONDS)

    async def _message(self, after: int, zones: tuple[MapZone, ...] | None) -> tuple[bytes, int]:
        """The message of what changed after an event, without the zones where they still are these."""
        found = await map_change_with_events(self._engine.context, self._project, after)
        if found is None:
            return RELOAD, await self._engine.events.newest()
        change, events = found
        if not events:
            return b"", after
        self._zones, newest = change.zones, change.seq
        if change.zones == zones:
            change = replace(change, zones=None)
        views = [event_view(event) for event in events[-MOST_EVENTS:]]
        parts = (
            b"id: %d\nevent: change\ndata: " % newest,
            self._encoder.encode(change),
            b"\n\nevent: events\ndata: ",
            self._encoder.encode(views),
            b"\n\n",
        )
        return b"".join(parts), newest

    def _put(self, inbox: Inbox, item: tuple[int, bytes] | None) -> None:
        if inbox.qsize() >= BEHIND and item is not None:
            while not inbox.empty():
                inbox.get_nowait()
            item = (item[0], RELOAD)
        inbox.put_nowait(item)
