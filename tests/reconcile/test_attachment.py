"""What is decided about an attachment: made while its job needs it, one holder after the other, undone afterwards."""

from atoll.model.states import AttachmentState, InstanceState, VolumeState
from atoll.reconcile.action import Attach, Detach, Finished, Step, Wait
from atoll.reconcile.attachment import AttachmentSight, decide
from tests.reconcile.records import attachment

ACTIVE, AVAILABLE = InstanceState.ACTIVE, VolumeState.AVAILABLE
ATTACHING, ATTACHED = AttachmentState.ATTACHING, AttachmentState.ATTACHED


def test_a_free_volume_is_attached_to_an_active_instance() -> None:
    assert decide(AttachmentSight(attachment(ATTACHING), ACTIVE, AVAILABLE, needed=True)) == Attach()


def test_it_waits_for_the_former_holder_the_disk_and_the_instance() -> None:
    for sight in (
        AttachmentSight(attachment(ATTACHING), ACTIVE, AVAILABLE, needed=True, free=False),
        AttachmentSight(attachment(ATTACHING), ACTIVE, VolumeState.CREATING, needed=True),
        AttachmentSight(attachment(ATTACHING), InstanceState.STARTING, AVAILABLE, needed=True),
        AttachmentSight(attachment(ATTACHED), ACTIVE, AVAILABLE, needed=True),
    ):
        assert isinstance(decide(sight), Wait)


def test_what_is_not_needed_any_more_is_detached() -> None:
    assert decide(AttachmentSight(attachment(ATTACHED), ACTIVE, AVAILABLE, needed=False)) == Step(
        AttachmentState.DETACHING
    )
    detaching = attachment(AttachmentState.DETACHING)
    assert decide(AttachmentSight(detaching, ACTIVE, AVAILABLE, needed=False)) == Detach()


def test_a_lost_instance_gives_the_volume_back() -> None:
    lost = AttachmentSight(attachment(ATTACHED), InstanceState.TERMINATED, AVAILABLE, needed=True)
    assert decide(lost) == Step(AttachmentState.DETACHING, "instance-gone")
    detached = AttachmentSight(attachment(AttachmentState.DETACHED), ACTIVE, AVAILABLE, needed=False)
    assert decide(detached) == Finished()
