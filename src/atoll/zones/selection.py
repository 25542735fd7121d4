"""Which zones a list of patterns allows: names, ids, globs and `!` exclusions, compiled once.

The planner calls it for every zone of the live catalog, so it uses no directory and no look-up: a pattern is compared
with all spellings of the zone at hand.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import translate

from atoll.model.zone import Zone
from atoll.zones.naming import fold, spellings


@dataclass(frozen=True, slots=True)
class Patterns:
    """Folded patterns, taken together: the plain names, and one expression for all globs."""

    names: frozenset[str]
    globs: re.Pattern[str] | None
    everything: bool = False

    @classmethod
    def compile(cls, patterns: Sequence[str]) -> "Patterns":
        """`patterns` without their `!`. In a glob `*` is any text and `?` one character; nothing else is special."""
        folded = [fold(pattern) for pattern in patterns]
        globs = [_expression(pattern) for pattern in folded if is_glob(pattern)]
        names = frozenset(pattern for pattern in folded if not is_glob(pattern))
        return cls(names, re.compile("|".join(globs)) if globs else None, "*" in folded)

    def match(self, zone: Zone, *, by_glob: bool = True) -> bool:
        """True when any spelling of `zone` is named, or a glob has one."""
        spelled = spellings(zone)
        if not self.names.isdisjoint(spelled):
            return True
        globs = self.globs if by_glob else None
        return globs is not None and any(globs.match(text) for text in spelled)


@dataclass(frozen=True, slots=True)
class ZoneSelector:
    """A compiled `availability_zones`: without an including pattern, everything but the excluded."""

    include: Patterns | None
    exclude: Patterns | None

    @classmethod
    def compile(cls, patterns: Sequence[str] | None) -> "ZoneSelector":
        """The selector of these patterns; None and an empty list allow every zone."""
        stripped = [pattern.strip() for pattern in patterns or ()]
        wanted = [pattern for pattern in stripped if not pattern.startswith("!")]
        unwanted = [pattern[1:] for pattern in stripped if pattern.startswith("!")]
        return cls(
            include=Patterns.compile(wanted) if wanted else None,
            exclude=Patterns.compile(unwanted) if unwanted else None,
        )

    def matches(self, zone: Zone) -> bool:
        """True when `zone` is allowed: named (or nothing is named), and not excluded.

        A glob but `*` is about zones: a place of a backend that has regions only needs its region's full name.
        """
        if self.include is None:
            return not self.excluded(zone)
        if not self.include.match(zone, by_glob=bool(zone.name) or self.include.everything):
            return False
        return not self.excluded(zone)

    def excluded(self, zone: Zone) -> bool:
        """True when a `!` pattern names `zone`."""
        return self.exclude is not None and self.exclude.match(zone)


def is_glob(pattern: str) -> bool:
    """True when `pattern` may name several zones."""
    return "*" in pattern or "?" in pattern


def _expression(pattern: str) -> str:
    # fnmatch's translation never backtracks over more than one star, so no pattern takes more than linear work.
    return translate(pattern.replace("[", "[[]"))
