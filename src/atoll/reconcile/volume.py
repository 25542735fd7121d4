"""What to do about a volume: find a zone for it, create its disk there, and delete it on request."""

from dataclasses import dataclass

from atoll.model.records import Volume
from atoll.model.states import VolumeState
from atoll.model.waits import STEADY_SECONDS
from atoll.reconcile.action import CreateDisk, DeleteDisk, Finished, PlaceVolume, Step, VolumeAction, Wait


@dataclass(frozen=True, slots=True)
class VolumeSight:
    """A volume; `attached` while any instance holds it, `follows` where the first run that uses it brings its zone."""

    volume: Volume
    attached: bool = False
    follows: bool = False


def decide(sight: VolumeSight) -> VolumeAction:
    """The next action for a volume."""
    volume = sight.volume
    match volume.state:
        case VolumeState.SUBMITTED:
            return _submitted(sight)
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


def _submitted(sight: VolumeSight) -> VolumeAction:
    volume = sight.volume
    if volume.end_reason:
        return Step(VolumeState.DELETED, volume.end_reason)
    if volume.zone is not None:
        return Step(VolumeState.CREATING)
    return Wait(STEADY_SECONDS) if sight.follows else PlaceVolume()
