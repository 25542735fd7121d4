"""How soon something that failed is tried again: one row for each kind of error, doubled with each failure in a row.

A part of each span is drawn, from the thing's own id and the number of its failures: things that failed together do
not come back together, and the same history waits the same time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

from atoll.model.failure import FailureKind
from atoll.model.records import Fleet, Run


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
    FailureKind.INTERRUPTED: Backoff(5, 180),
}
"""Every kind has its row: a test holds it against the taxonomy."""


EARLY = timedelta(minutes=1)
"""What ends sooner after its start has failed early."""
EARLY_PAUSES = Backoff(5, 300)
"""The pauses between tries that fail early, from the second failure in a row on."""
FORGOTTEN_AFTER = timedelta(minutes=30)
"""An early failure so long after the former one is the first again."""


def early_failure(record: Fleet | Run, created: datetime, started: datetime | None, now: datetime) -> dict[str, Any]:
    """The changes to a fleet or run one of whose machines or jobs failed `now`.

    One that had worked for longer than `EARLY` ends the row. What was created before the newest early failure belongs
    to the same try: when a zone is lost, its machines fail together.
    """
    if started is not None and now - started >= EARLY:
        return {"early_failures": 0, "failed_early_at": None} if record.early_failures else {}
    last = record.failed_early_at
    if last is not None and created <= last:
        return {}
    in_row = last is not None and now - last < FORGOTTEN_AFTER
    return {"early_failures": record.early_failures + 1 if in_row else 1, "failed_early_at": now}


def early_pause(record: Fleet | Run, now: datetime) -> float:
    """Seconds until a fleet or run may try again after early failures in a row; 0 where it may now."""
    if record.early_failures < 2 or record.failed_early_at is None:
        return 0
    span = min(EARLY_PAUSES.first * 2.0 ** min(record.early_failures - 2, 20), EARLY_PAUSES.longest)
    return max(0.0, span - (now - record.failed_early_at).total_seconds())


def delay(kind: FailureKind | None, attempts: int, key: str, least: float | None = None) -> float:
    """Seconds until the next try after `attempts` earlier failures; `least` is the delay that the provider requires.

    `kind` None is a fault of ours. `key` names the thing, for the part that is drawn.
    """
    row = OURS if kind is None else BACKOFFS[kind]
    span = min(row.first * 2.0 ** min(attempts, 20), row.longest)
    drawn = int.from_bytes(blake2b(f"{key}/{attempts}".encode(), digest_size=4).digest()) / 2**32
    return max(span * (0.5 + drawn / 2), (least or 0) * (1 + drawn / 4))
