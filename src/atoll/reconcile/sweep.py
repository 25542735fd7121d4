"""The result of a sweep: records whose resource is missing, and resources that belong to no record."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Found:
    """A machine or disk with our tag; `token` is the id of the record that it was created for."""

    id: str
    token: str


@dataclass(frozen=True, slots=True)
class SweepSight:
    """What was found on a backend, and what is recorded.

    `expected` are the backend ids of what should be there, by the ids of their records; `wanted` the ids of all records
    that live, with or without a resource yet; `ended` the ids of those that were found and live no more.
    """

    found: Sequence[Found]
    expected: dict[str, str]
    wanted: Collection[str]
    ended: Collection[str]


@dataclass(frozen=True, slots=True)
class SweepFindings:
    """`missing` are ids of records to be looked at; `strays` belong to records that have ended; `orphans` to none."""

    missing: tuple[str, ...] = ()
    strays: tuple[Found, ...] = ()
    orphans: tuple[Found, ...] = ()


def decide(sight: SweepSight) -> SweepFindings:
    """What to look at, what to end, and what to report."""
    there = {each.id for each in sight.found}
    missing = tuple(record for record, id in sight.expected.items() if id not in there)
    loose = [each for each in sight.found if each.token not in sight.wanted]
    strays = tuple(each for each in loose if each.token in sight.ended)
    return SweepFindings(missing, strays, tuple(each for each in loose if each.token not in sight.ended))
