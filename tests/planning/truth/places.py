"""Is it true what is said of a zone as a whole: its name, its region, its state?"""

from atoll.model.zone import ZoneState
from atoll.planning.request import (
    VolumeRequest,
)
from tests.planning import rules
from tests.planning.truth.said import Checker, Said


def backend(said: Said) -> bool:
    if isinstance(said.document, VolumeRequest):
        return said.document.backend not in (None, said.zone.backend)
    return said.requirements.backends is not None and said.zone.backend not in said.requirements.backends


def region(said: Said) -> bool:
    if isinstance(said.document, VolumeRequest):
        return said.document.region not in (None, said.zone.region)
    return said.requirements.regions is not None and said.zone.region not in said.requirements.regions


def zone(said: Said) -> bool:
    if isinstance(said.document, VolumeRequest):
        wanted = said.document.availability_zone
        return wanted is not None and not rules.named(said.zone, wanted)
    patterns = [p for p in said.requirements.availability_zones or () if not p.startswith("!")]
    return bool(patterns) and not any(rules.named(said.zone, p) for p in patterns)


def excluded(said: Said) -> bool:
    return any(rules.named(said.zone, p[1:]) for p in said.requirements.availability_zones or () if p.startswith("!"))


def no_zones(said: Said) -> bool:
    return not said.zone.name


def state(state: ZoneState) -> Checker:
    return lambda said: rules.state_of(said.zone, said.case.snapshot) is state
