"""The report of an outage: the courses of all its rehearsals, summed up."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from math import ceil

from atoll.rehearsal.cloud import LAUNCH_SECONDS
from atoll.rehearsal.course import Course
from atoll.rehearsal.material import Material
from atoll.wire.rehearsal import (
    RehearsalView,
    RehearsedFleet,
    RehearsedMoment,
    RehearsedNodes,
    RehearsedRun,
    RehearsedWait,
    Spread,
)

_WAITS = "waits: "
"""How the messages of what waits begin."""


def report(courses: Sequence[Course], material: Material) -> RehearsalView:
    """The report of rehearsals of one outage with this material."""
    first = courses[0]
    healed = [course.healed for course in courses if course.healed is not None]
    return RehearsalView(
        len(courses),
        _spread(course.noticed for course in courses if course.noticed is not None),
        _spread(healed),
        len(courses) - len(healed),
        max(course.silent for course in courses),
        tuple(_fleets(courses)),
        tuple(_runs(courses)),
        tuple(_waits(courses)),
        first.price_before,
        max(course.price_peak for course in courses),
        tuple(RehearsedMoment(round(moment.seconds, 1), moment.text) for moment in first.moments),
        tuple(RehearsedNodes(round(seconds, 1), dict(zones)) for seconds, zones in first.ready),
        tuple(_assumptions(material)),
    )


def _spread(seconds: Iterable[float]) -> Spread | None:
    ordered = sorted(seconds)
    if not ordered:
        return None
    return Spread(*(round(ordered[ceil(share * len(ordered)) - 1], 1) for share in (0.5, 0.95)))


def _fleets(courses: Sequence[Course]) -> Iterable[RehearsedFleet]:
    for places in zip(*(course.fleets for course in courses), strict=True):
        fleet = places[0]
        short = sum(place.lowest < fleet.nodes for place in places)
        lowest = min(place.lowest for place in places)
        yield RehearsedFleet(fleet.name, fleet.nodes, lowest, short, dict(fleet.after))


def _runs(courses: Sequence[Course]) -> Iterable[RehearsedRun]:
    stopped = defaultdict(list)
    for course in courses:
        for run in course.runs:
            stopped[run.name].append(run)
    for name, times in sorted(stopped.items()):
        away = _spread(run.away for run in times if not run.ended)
        yield RehearsedRun(name, len(times), sum(run.ended for run in times), away)


def _waits(courses: Sequence[Course]) -> Iterable[RehearsedWait]:
    seeds = Counter(wait for course in courses for wait in course.waits)
    for (kind, name, reason), count in sorted(seeds.items()):
        yield RehearsedWait(kind, name, reason.removeprefix(_WAITS), count)


def _assumptions(material: Material) -> Iterable[str]:
    yield "jobs run on until they are stopped"
    observed = sum(map(len, material.launches.values()))
    if observed:
        yield f"launches take as long as {observed} launches of the last seven days"
    else:
        yield f"launches take {LAUNCH_SECONDS:g} s: none was observed in the last seven days"
    if any(info.capacity is None for provider in material.providers for info in provider.zones):
        yield "zones whose capacity is unknown have enough, but for failures that are remembered"
