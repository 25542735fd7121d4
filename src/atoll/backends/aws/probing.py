"""Simultaneous launches of one offer: the first goes alone, and what refuses it refuses the others without a call."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from atoll.backends.base import (
    BackendError,
    CapacityUnavailable,
    LaunchRequest,
    Machine,
    NotOffered,
    QuotaExceeded,
    Unavailable,
)

FRESH_SECONDS = 60.0
"""For how long after a success launches of the offer go side by side."""
_SHARED = (CapacityUnavailable, NotOffered, QuotaExceeded)
"""What says the same of every launch of the offer."""

_Key = tuple[str, str, str]


@dataclass
class _Offer:
    """What happened last to launches of one offer, on the monotonic clock."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    succeeded: float = float("-inf")
    refused: float = float("-inf")
    error: BackendError | None = None


class Probing:
    """Sends the launches of each type, zone and market."""

    def __init__(self, launch: Callable[[LaunchRequest], Awaitable[Machine]]) -> None:
        self._launch = launch
        self._offers: dict[_Key, _Offer] = {}
        self._unsure: set[str] = set()

    async def launch(self, request: LaunchRequest) -> Machine:
        """Launch, after the one that is under way where none has succeeded lately. Raises as `Backend.launch`.

        A token whose outcome is unknown is always sent: it may have a machine.
        """
        offer = self._offers.setdefault((str(request.zone), request.instance_type, request.market), _Offer())
        came = time.monotonic()
        if came - offer.succeeded < FRESH_SECONDS or request.tags.token in self._unsure:
            return await self._send(request, offer)
        async with offer.lock:
            if offer.refused > came and offer.error is not None:
                raise type(offer.error)(offer.error.message, offer.error.scope)
            if time.monotonic() - offer.succeeded >= FRESH_SECONDS:
                return await self._send(request, offer)
        return await self._send(request, offer)

    async def _send(self, request: LaunchRequest, offer: _Offer) -> Machine:
        token = request.tags.token
        try:
            machine = await self._launch(request)
        except _SHARED as error:
            offer.refused, offer.error, offer.succeeded = time.monotonic(), error, float("-inf")
            self._unsure.discard(token)
            raise
        except Unavailable:
            self._unsure.add(token)
            raise
        offer.succeeded = time.monotonic()
        self._unsure.discard(token)
        return machine
