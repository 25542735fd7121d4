"""What is decided about a volume: placed, created, and deleted only when nothing holds it."""

from atoll.model.states import VolumeState
from atoll.reconcile.action import CreateDisk, DeleteDisk, Finished, PlaceVolume, Step, Wait
from atoll.reconcile.volume import VolumeSight, decide
from tests.reconcile.records import ZONE, volume


def test_a_volume_without_a_zone_is_placed_unless_it_follows_its_first_use() -> None:
    assert decide(VolumeSight(volume(VolumeState.SUBMITTED))) == PlaceVolume()
    assert isinstance(decide(VolumeSight(volume(VolumeState.SUBMITTED), follows=True)), Wait)


def test_a_volume_with_a_zone_is_created_there() -> None:
    assert decide(VolumeSight(volume(VolumeState.SUBMITTED, zone=ZONE))) == Step(VolumeState.CREATING)
    assert decide(VolumeSight(volume(VolumeState.CREATING, zone=ZONE))) == CreateDisk()


def test_an_attached_volume_is_deleted_only_once_it_is_free() -> None:
    going = volume(VolumeState.AVAILABLE, zone=ZONE, end_reason="deleted")
    assert isinstance(decide(VolumeSight(going, attached=True)), Wait)
    assert decide(VolumeSight(going)) == Step(VolumeState.DELETING, "deleted")
    assert decide(VolumeSight(volume(VolumeState.DELETING, zone=ZONE))) == DeleteDisk()


def test_a_volume_that_was_never_created_is_gone_at_once() -> None:
    going = volume(VolumeState.SUBMITTED, end_reason="deleted")
    assert decide(VolumeSight(going)) == Step(VolumeState.DELETED, "deleted")


def test_an_available_volume_is_left_as_it_is() -> None:
    assert decide(VolumeSight(volume(VolumeState.AVAILABLE, zone=ZONE))) == Finished()
