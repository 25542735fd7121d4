"""Remembered failures: the error, its scope, and its end.

Backends raise errors with a kind and a scope; the engine remembers them as `Failure`; the planner excludes exactly
that scope until the end.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from atoll.model.offer import Market, Offer


class Resource(StrEnum):
    """What was to be created when a provider refused: each has its own stock and its own quotas."""

    MACHINE = "machine"
    VOLUME = "volume"


class FailureKind(StrEnum):
    """The kinds of error that a backend may raise or report: the whole taxonomy."""

    CAPACITY_UNAVAILABLE = "capacity-unavailable"
    QUOTA_EXCEEDED = "quota-exceeded"
    NOT_OFFERED = "not-offered"
    ZONE_MISMATCH = "zone-mismatch"
    THROTTLED = "throttled"
    AUTH_FAILED = "auth-failed"
    INVALID_REQUEST = "invalid-request"
    NOT_FOUND = "not-found"
    UNAVAILABLE = "unavailable"
    INTERRUPTED = "interrupted"
    """The provider took a machine back. No call raises it: it is the `error` of a machine that is gone."""


@dataclass(frozen=True, slots=True)
class Scope:
    """How far something reaches: every field that is set must match. All empty but `backend`: the whole account.

    A scope of one `resource` does not cover the other.
    """

    backend: str
    region: str | None = None
    zone: str | None = None
    instance_type: str | None = None
    market: Market | None = None
    resource: Resource = Resource.MACHINE

    def covers(self, offer: Offer) -> bool:
        """True when the offer lies within this scope."""
        return (
            self.resource is Resource.MACHINE
            and self.backend == offer.zone.backend
            and self.region in (None, offer.zone.region)
            and self.zone in (None, offer.zone.name)
            and self.instance_type in (None, offer.instance_type.name)
            and self.market in (None, offer.market)
        )


@dataclass(frozen=True, slots=True)
class MachineError:
    """Why a machine whose launch the provider accepted will never be ready; `scope` None: only this request."""

    kind: FailureKind
    message: str = ""
    scope: Scope | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """One remembered failure. `count` is how often it came in a row; `until` None means until it is cleared."""

    kind: FailureKind
    scope: Scope
    at: datetime
    until: datetime | None
    count: int = 1
    message: str = ""
