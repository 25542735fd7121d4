"""How much may be taken away now: the disruption budgets of fleets, and the server's.

A budget binds what the server does of its own accord: nodes of drained zones, of rebalances and of former
configurations, and idle ones. What users delete, shrink or evacuate is not bound. How many nodes may be away at once is
`planning.shape`'s `away`; here stand the limits of time and place. With one of these, nodes with jobs stay until they
are idle: when a job ends is not ours to choose.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from cronsim import CronSim

from atoll.model.zone import Zone
from atoll.planning.shape import Member

_ROUNDS = 1000
"""Openings that a forecast looks at."""


@dataclass(frozen=True, slots=True)
class Opening:
    """Times at which nodes may be taken: from each time of a cron expression (in UTC), for so long."""

    cron: str
    span: timedelta

    def next(self, now: datetime) -> datetime:
        """`now` while it is open, else when it opens next."""
        last = next(CronSim(self.cron, now + timedelta(minutes=1), reverse=True))
        while last > now:
            last = next(CronSim(self.cron, last, reverse=True))
        return now if now < last + self.span else next(CronSim(self.cron, now))


@dataclass(frozen=True, slots=True)
class Budget:
    """Limits of time and place: at most `most` nodes in any `per`, of one zone at a time, and only while it is open.

    `owner` names the configuration that it is from.
    """

    owner: str
    most: int = 1
    per: timedelta | None = None
    one_zone_at_a_time: bool = False
    opening: Opening | None = None

    @property
    def binds(self) -> bool:
        """Whether it limits anything."""
        return self.per is not None or self.one_zone_at_a_time or self.opening is not None

    @property
    def text(self) -> str:
        """What it allows, in words."""
        parts = []
        if self.per is not None:
            parts.append(f"{self.most} node{'' if self.most == 1 else 's'} each {in_words(self.per)}")
        if self.one_zone_at_a_time:
            parts.append("one zone at a time")
        if self.opening is not None:
            parts.append(f"at {self.opening.cron} for {in_words(self.opening.span)}")
        return f"{', '.join(parts)} ({self.owner})"


@dataclass(frozen=True, slots=True)
class Taken:
    """What is away of all that a budget covers: when former nodes ended, and where nodes end or do not answer now.

    `leaving` is how many of those end now.
    """

    ended: tuple[datetime, ...] = ()
    zones: frozenset[Zone] = frozenset()
    leaving: int = 0


@dataclass(frozen=True, slots=True)
class Allowance:
    """The nodes (ids) that may go now; for others, when one may next (None: when others have gone), and why then."""

    ids: tuple[str, ...]
    resumes: datetime | None = None
    held: str = ""


def allowance(budget: Budget, candidates: Sequence[Member], taken: Taken, now: datetime) -> Allowance:
    """Which of the nodes that would go now may, in this order."""
    if not budget.binds or not candidates:
        return Allowance(tuple(candidate.id for candidate in candidates))
    if budget.opening is not None and (opens := budget.opening.next(now)) > now:
        return Allowance((), opens, budget.text)
    idle = [candidate for candidate in candidates if not candidate.busy]
    chosen = idle
    if budget.one_zone_at_a_time and idle:
        zone = next((each.zone for each in idle if each.zone in taken.zones), idle[0].zone)
        chosen = [each for each in idle if each.zone == zone] if taken.zones <= {zone} else []
    resumes = None
    if budget.per is not None:
        recent = sorted(time for time in taken.ended if time > now - budget.per)
        left = max(0, budget.most - len(recent) - taken.leaving)
        if left < len(chosen) and recent:
            resumes = recent[0] + budget.per
        chosen = chosen[:left]
    held = budget.text if len(chosen) < len(candidates) else ""
    return Allowance(tuple(each.id for each in chosen), resumes, held)


def forecast(budget: Budget, counts: Mapping[Zone, int], now: datetime, taken: Taken = Taken()) -> timedelta:
    """How long it takes at least until as many nodes of each zone have gone, each taking no time by itself."""
    remaining = sum(counts.values())
    if not remaining:
        return timedelta()
    first = now
    if budget.per is not None:
        recent = sorted(time for time in taken.ended if time > now - budget.per)
        if recent and len(recent) + taken.leaving >= budget.most:
            first = recent[0] + budget.per
    time = first
    for _ in range(_ROUNDS):
        if budget.opening is not None:
            time = budget.opening.next(time)
        if budget.per is None:
            break
        remaining -= budget.most
        if remaining <= 0:
            break
        time += budget.per
    else:
        assert budget.per is not None
        time += budget.per * (-(-remaining // budget.most))
    return time - now


def taken_by(times: Collection[datetime], zones: Mapping[Zone, int], silent: Collection[Zone]) -> Taken:
    """What is away: former nodes by the time of their end, those that end by zone, and zones with silent ones."""
    ending = Counter(zones)
    return Taken(tuple(sorted(times)), frozenset({*(+ending), *silent}), ending.total())


def in_words(span: timedelta) -> str:
    """A time as `45s`, `10m`, `3h 7m`, `2d 4h`: its two largest units, rounded up."""
    seconds = math.ceil(span.total_seconds())
    if seconds >= 3600:
        seconds = -(-seconds // 60) * 60
    if seconds >= 86400:
        seconds = -(-seconds // 3600) * 3600
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        if seconds >= size:
            parts.append(f"{seconds // size}{unit}")
            seconds %= size
    return " ".join(parts) or "0s"
