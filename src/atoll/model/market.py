"""Parts of what a backend offers that could not be read again in time: still used, and said to be old."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class StalePart:
    """One part (zones, prices, quotas, …) of a region's offers, as it was at `as_of`; None: it was never read.

    `message` is why it could not be read since.
    """

    backend: str
    region: str
    part: str
    as_of: datetime | None
    message: str = ""

    @property
    def text(self) -> str:
        """`spot prices of 2026-11-28 14:02 UTC: no answer`."""
        of = "unknown" if self.as_of is None else f"of {self.as_of.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
        return f"{self.part} {of}" + (f": {self.message}" if self.message else "")
