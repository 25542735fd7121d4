"""Observations: what became of each launch, kept to learn launch times and interruption rates from."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from atoll.model.offer import Market
from atoll.model.zone import Zone


class Outcome(StrEnum):
    """What was observed of an instance; each at most once."""

    ATTEMPT = "attempt"
    """Its launch began."""
    LAUNCHED = "launched"
    """It became active."""
    REFUSED = "refused"
    """The provider refused it, at the launch or after it."""
    INTERRUPTED = "interrupted"
    """The provider took the machine back."""
    ENDED = "ended"
    """Its machine ended otherwise."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One observation of an instance, by its id.

    `seconds` is the time from the attempt until it was active (`launched`), or how long it was active (`interrupted`,
    `ended`; None: never). `reason` is the kind of a refusal, or why it ended.
    """

    instance_id: str
    outcome: Outcome
    zone: Zone
    instance_type: str
    market: Market
    at: datetime
    seconds: float | None = None
    reason: str = ""
