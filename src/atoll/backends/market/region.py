"""The parts of one region, read one after another; which of them are stale."""

import asyncio
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from atoll.backends.base import BackendError, Unavailable
from atoll.backends.market.part import Part
from atoll.model.market import StalePart


class RegionParts:
    """The parts of a region. The first is the one without which nothing is known: mostly its zones."""

    def __init__(self, backend: str, region: str, parts: Sequence[Part[Any]], folder: Path | None = None) -> None:
        """Parts that were read before are there at once, from `folder`, with their dates."""
        self.backend, self.region = backend, region
        self.parts = tuple(parts)
        self.first = asyncio.Event()
        """Set once all parts were read or refused."""
        for part in self.parts:
            part.path = None if folder is None else folder / region / f"{part.name.replace(' ', '-')}.msgpack"
            part.restore()
        if all(part.content is not None for part in self.parts):
            self.first.set()

    async def refresh(self) -> None:
        """Read what is due, one part after another; nothing more where the provider does not answer."""
        for part in self.parts:
            await part.refresh()
            if part is self.parts[0] and isinstance(part.error, Unavailable):
                return
        self.first.set()

    @property
    def versions(self) -> tuple[int, ...]:
        """The versions of all parts, and which are too old: offers change with these."""
        return tuple(2 * part.version + part.expired for part in self.parts)

    @property
    def next_due(self) -> float:
        """When the next part is due, on the monotonic clock; the first one, while the provider does not answer."""
        first = self.parts[0]
        return first.due if isinstance(first.error, Unavailable) else min(part.due for part in self.parts)

    @property
    def error(self) -> BackendError | None:
        """Why the first part was never read."""
        return self.parts[0].error if self.parts[0].content is None else None

    @property
    def stale(self) -> tuple[StalePart, ...]:
        """The parts that could not be read, or not for a long time."""
        return tuple(
            StalePart(self.backend, self.region, part.name, part.as_of, part.error.message if part.error else "")
            for part in self.parts
            if part.stale
        )
