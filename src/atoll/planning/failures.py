"""What was learnt from failures: how far each reaches, for how long, and when a zone as a whole is out.

The engine calls `remember` with what a backend raised; the planner reads the result through `in_force`. The times are
those of the table of errors in the architecture's page on zones: 88 % of the launch failures measured in one incident
struck exactly one type in one zone, so a failure leaves out no more than its scope.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from atoll.model.failure import Failure, FailureKind, Resource, Scope

FIRST = {
    FailureKind.CAPACITY_UNAVAILABLE: timedelta(minutes=3),
    FailureKind.NOT_OFFERED: timedelta(days=1),
    FailureKind.QUOTA_EXCEEDED: timedelta(minutes=15),
    FailureKind.THROTTLED: timedelta(seconds=10),
    FailureKind.UNAVAILABLE: timedelta(seconds=30),
    FailureKind.AUTH_FAILED: timedelta(seconds=30),
    FailureKind.INTERRUPTED: timedelta(minutes=3),
}
"""How long the first failure of a kind is left out; kinds that are absent last until they are cleared."""

LONGEST = {
    FailureKind.CAPACITY_UNAVAILABLE: timedelta(hours=1),
    FailureKind.NOT_OFFERED: timedelta(days=1),
    FailureKind.QUOTA_EXCEEDED: timedelta(hours=1),
    FailureKind.THROTTLED: timedelta(minutes=5),
    FailureKind.UNAVAILABLE: timedelta(minutes=10),
    FailureKind.AUTH_FAILED: timedelta(minutes=5),
    FailureKind.INTERRUPTED: timedelta(hours=1),
}
"""Where doubling after repeats ends."""

OF_THE_REQUEST = frozenset({FailureKind.ZONE_MISMATCH, FailureKind.INVALID_REQUEST, FailureKind.NOT_FOUND})
"""Kinds that say nothing about other requests: they leave nothing out."""

_SHARED = frozenset({FailureKind.CAPACITY_UNAVAILABLE, FailureKind.QUOTA_EXCEEDED, FailureKind.INTERRUPTED})
"""Kinds that strike all launches at once; in force, they leave out what would be launched next."""

FORGOTTEN_AFTER = timedelta(hours=2)
"""A failure that did not come again for this long counts as the first once more."""

WIDEN_TYPES = 4
"""This many different instance types without capacity in one zone …"""

WIDEN_WITHIN = timedelta(minutes=10)
"""… within this time, and the zone as a whole is left out."""


def remember(
    previous: Sequence[Failure],
    kind: FailureKind,
    scope: Scope,
    now: datetime,
    message: str = "",
    retry_after: float | None = None,
) -> Failure:
    """The failure to keep instead of its predecessor among `previous` (the same kind and scope), if there is one.

    Each repeat doubles the time, up to a limit; `retry_after` (seconds), where the provider gave it, is never undercut.
    A refusal while the last one is in force is no repeat: its launch had begun before, as those of a fleet do together.
    """
    scope = reach(kind, scope)
    before = [f for f in previous if f.kind is kind and reach(kind, f.scope) == scope and now - f.at <= FORGOTTEN_AFTER]
    last = max(before, key=lambda failure: failure.count, default=None)
    same = last is not None and kind in _SHARED and last.until is not None and now < last.until
    count = (0 if last is None else last.count) + (not same)
    if kind in OF_THE_REQUEST:
        return Failure(kind, scope, now, now, count, message)
    if kind not in FIRST:
        return Failure(kind, scope, now, None, count, message)
    span = min(FIRST[kind] * 2 ** min(count - 1, 20), LONGEST[kind])
    if retry_after is not None:
        span = max(span, timedelta(seconds=retry_after))
    return Failure(kind, scope, now, now + span, count, message)


def reach(kind: FailureKind, scope: Scope) -> Scope:
    """How far a failure of this kind goes, whatever was requested when it came.

    Sibling zones share a quota; a type that is not offered is so on every market; throttling, outages and credentials
    do not depend on what was to be launched.
    """
    match kind:
        case FailureKind.QUOTA_EXCEEDED:
            return replace(scope, zone=None, instance_type=None)
        case FailureKind.AUTH_FAILED:
            return Scope(scope.backend)
        case _ if scope.resource is Resource.VOLUME:
            return scope
        case FailureKind.NOT_OFFERED:
            return replace(scope, market=None)
        case FailureKind.THROTTLED | FailureKind.UNAVAILABLE:
            return replace(scope, zone=None, instance_type=None, market=None)
        case _:
            return scope


def in_force(failures: Sequence[Failure], now: datetime) -> tuple[Failure, ...]:
    """The failures that leave something out at `now`, with their reach, and those of whole zones made from several.

    The latest first, whatever order they are remembered in.
    """
    live = [
        replace(failure, scope=reach(failure.kind, failure.scope))
        for failure in sorted(failures, key=lambda failure: failure.at, reverse=True)
        if failure.kind not in OF_THE_REQUEST and (failure.until is None or failure.until > now)
    ]
    return (*live, *_widened(failures, now))


def _widened(failures: Sequence[Failure], now: datetime) -> list[Failure]:
    by_zone: dict[tuple[str, str, str], list[Failure]] = {}
    for failure in failures:
        scope = failure.scope
        counts = failure.kind is FailureKind.CAPACITY_UNAVAILABLE and now - failure.at <= WIDEN_WITHIN
        if counts and scope.region is not None and scope.zone is not None and scope.instance_type is not None:
            by_zone.setdefault((scope.backend, scope.region, scope.zone), []).append(failure)
    return [_whole_zone(group) for _, group in sorted(by_zone.items()) if _is_whole(group, now)]


def _is_whole(group: Sequence[Failure], now: datetime) -> bool:
    live = any(failure.until is None or failure.until > now for failure in group)
    return live and len({failure.scope.instance_type for failure in group}) >= WIDEN_TYPES


def _whole_zone(group: Sequence[Failure]) -> Failure:
    last = max(group, key=lambda failure: failure.at)
    ends = [failure.until for failure in group]
    until = None if None in ends else max(end for end in ends if end is not None)
    scope = replace(last.scope, instance_type=None, market=None)
    types = len({failure.scope.instance_type for failure in group})
    return Failure(last.kind, scope, last.at, until, types, f"{types} instance types had no capacity")
