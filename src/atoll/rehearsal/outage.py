"""The outage of zones, rehearsed once: the engine works on a copy of the records while the zones are out."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from atoll.backends.fake import Fault
from atoll.model.failure import FailureKind
from atoll.model.zone import Zone
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.cloud import RehearsedBackend, clouds
from atoll.rehearsal.course import Course, Watched, course_of
from atoll.rehearsal.material import Material
from atoll.rehearsal.memory import memory_engine
from atoll.rehearsal.stage import staged

SETTLE_SECONDS = 30.0
"""How long the engine works before the outage, so that what was under way ends."""
AFTER_SECONDS = 600.0
"""How long it is watched after the outage, until all is as it was."""
LOOK_SECONDS = 5.0


class Manner(StrEnum):
    """How a zone is out."""

    DEAD = "dead"
    """Its machines end, and it takes no new ones."""
    DARK = "dark"
    """Neither the provider nor the machines answer; the machines run on."""
    DRY = "dry"
    """It takes no new machines and volumes; what runs there runs on."""


@dataclass(frozen=True, slots=True)
class Outage:
    """These zones are out together, for a number of `seconds`."""

    zones: tuple[Zone, ...]
    seconds: float
    manner: Manner = Manner.DEAD


def rehearse(material: Material, project: str, outage: Outage, seed: int) -> Course:
    """What an outage does to a project; the same seed has the same course.

    It computes in virtual time, and leaves no file. The seed decides how long each launch takes and each call, and in
    which order simultaneous work is done.
    """
    clock = VirtualClock(material.now)
    with _quiet():
        return clock.run(_Rehearsal(material, project, outage, clock, seed).run())


class _Rehearsal:
    """One rehearsal under way."""

    def __init__(self, material: Material, project: str, outage: Outage, clock: VirtualClock, seed: int) -> None:
        self._material = material
        self._project = project
        self._outage = outage
        self._clock = clock
        self._seed = seed
        self._backends: Mapping[str, RehearsedBackend] = clouds(material, clock, seed)
        self._raw = memory_engine().raw

    async def run(self) -> Course:
        engine = await staged(self._material, self._backends, self._clock, self._seed)
        await engine.start()
        # Where the engine is in its rounds when the outage begins is chance too.
        await self._clock.sleep(SETTLE_SECONDS + Random(self._seed).uniform(0, LOOK_SECONDS))  # noqa: S311 - a simulation
        began, watched = self._clock.elapsed, Watched(self._raw, self._project, self._material.now)
        self._begin()
        await self._clock.sleep(self._outage.seconds)
        last = watched.last_look(self._clock.elapsed)
        self._end()
        over = self._clock.elapsed + AFTER_SECONDS
        while self._clock.elapsed < over and not watched.whole():
            await self._clock.sleep(LOOK_SECONDS)
        course = course_of(watched, began, self._clock.elapsed, last)
        await engine.close()
        return course

    def _begin(self) -> None:
        for zone in self._outage.zones:
            cloud = self._backends[zone.backend].cloud
            match self._outage.manner:
                case Manner.DEAD:
                    cloud.fail_zone(zone.name)
                case Manner.DARK:
                    cloud.darken_zone(zone.name)
                case Manner.DRY:
                    kind = FailureKind.CAPACITY_UNAVAILABLE
                    cloud.inject(
                        *(Fault(what, kind, times=None, zone=zone.name) for what in ("launch", "create-volume"))
                    )

    def _end(self) -> None:
        for zone in self._outage.zones:
            cloud = self._backends[zone.backend].cloud
            cloud.calm()
            cloud.restore_zone(zone.name)


@contextmanager
def _quiet() -> Iterator[None]:
    """What the engine logs of an outage that is none is not logged."""
    log = logging.getLogger("atoll.engine")
    before = log.disabled
    log.disabled = True
    try:
        yield
    finally:
        log.disabled = before
