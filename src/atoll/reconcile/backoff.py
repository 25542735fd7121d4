"""How soon something that failed is tried again: one row for each kind of error, doubled with each failure in a row.

A part of each span is drawn, from the thing's own id and the number of its failures: things that failed together do
not come back together, and the same history waits the same time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b

from atoll.model.failure import FailureKind


@dataclass(frozen=True, slots=True)
class Backoff:
    """Seconds before the second try, and at most."""

    first: float
    longest: float


OURS = Backoff(0.5, 60)
"""For faults of our own."""

BACKOFFS: Mapping[FailureKind, Backoff] = {
    FailureKind.CAPACITY_UNAVAILABLE: Backoff(5, 180),
    FailureKind.QUOTA_EXCEEDED: Backoff(60, 900),
    FailureKind.NOT_OFFERED: Backoff(60, 900),
    FailureKind.ZONE_MISMATCH: Backoff(1, 60),
    FailureKind.THROTTLED: Backoff(1, 60),
    FailureKind.AUTH_FAILED: Backoff(15, 300),
    FailureKind.INVALID_REQUEST: Backoff(1, 60),
    FailureKind.NOT_FOUND: Backoff(1, 60),
    FailureKind.UNAVAILABLE: Backoff(0.5, 60),
}
"""Every kind has its row: a test holds it against the taxonomy."""


def delay(kind: FailureKind | None, attempts: int, key: str, told: float | None = None) -> float:
    """Seconds until the next try after `attempts` earlier failures; `told` is what the provider asked for, at least.

    `kind` None is a fault of ours. `key` names the thing, for the part that is drawn.
    """
    row = OURS if kind is None else BACKOFFS[kind]
    span = min(row.first * 2.0 ** min(attempts, 20), row.longest)
    drawn = int.from_bytes(blake2b(f"{key}/{attempts}".encode(), digest_size=4).digest()) / 2**32
    return max(span * (0.5 + drawn / 2), (told or 0) * (1 + drawn / 4))
