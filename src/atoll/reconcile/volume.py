"""What to do about a volume: create its disk in the zone that was chosen, and delete it when asked."""

from dataclasses import dataclass

from atoll.model.records import Volume
from atoll.model.states import VolumeState
from atoll.reconcile.action import CreateDisk, DeleteDisk, Finished, Step, VolumeAction, Wait


@dataclass(frozen=True, slots=True)
class VolumeSight:
    """A volume; `attached` while any instance holds it."""

    volume: Volume
    attached: bool = False


def decide(sight: VolumeSight) -> VolumeAction:
    """The next action for a volume."""
    volume = sight.volume
    match volume.state:
        case VolumeState.SUBMITTED:
            if volume.end_reason:
                return Step(VolumeState.DELETED, volume.end_reason)
            return Finished() if volume.zone is None else Step(VolumeState.CREATING)
        case VolumeState.CREATING:
            return CreateDisk()
        case VolumeState.AVAILABLE | VolumeState.FAILED:
            if not volume.end_reason:
                return Finished()
            return Wait(1) if sight.attached else Step(VolumeState.DELETING, volume.end_reason)
        case VolumeState.DELETING:
            return DeleteDisk()
        case VolumeState.DELETED:
            return Finished()
