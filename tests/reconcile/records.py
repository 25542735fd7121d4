"""Records to decide about, each in the state that a test needs."""

from datetime import UTC, datetime
from typing import Any

from atoll.model.offer import Market
from atoll.model.records import Attachment, Fleet, Instance, Job, Volume
from atoll.model.resources import InstanceType
from atoll.model.states import AttachmentState, FleetState, InstanceState, JobState, VolumeState
from atoll.model.zone import Zone

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
ZONE = Zone("fake", "fake-1", "fake-1a")


def fleet(state: FleetState = FleetState.ACTIVE, nodes: int = 3, **more: Any) -> Fleet:
    return Fleet("f1", "main", "train", state, {}, nodes, NOW, **more)


def instance(state: InstanceState = InstanceState.ACTIVE, **more: Any) -> Instance:
    type_ = InstanceType("f.2x8", 2, 8)
    return Instance("i1", "main", "f1", "train", 0, state, ZONE, type_, Market.ON_DEMAND, 0.1, NOW, **more)


def job(state: JobState, **more: Any) -> Job:
    return Job("j1", "main", "r1", "run", 0, 0, state, NOW, instance_id="i1", zone=ZONE, **more)


def volume(state: VolumeState, **more: Any) -> Volume:
    return Volume("v1", "main", "data", state, {}, 10, "fake", NOW, **more)


def attachment(state: AttachmentState) -> Attachment:
    return Attachment("a1", "main", "v1", "i1", "j1", "data", state, ZONE)
