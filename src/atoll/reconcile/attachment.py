"""What to do about an attachment: make it while its job needs it, undo it afterwards."""

from dataclasses import dataclass

from atoll.model.reasons import JobReason
from atoll.model.records import Attachment
from atoll.model.states import AttachmentState, InstanceState, VolumeState
from atoll.model.waits import STEADY_SECONDS
from atoll.reconcile.action import Attach, AttachmentAction, Detach, Finished, Step, Wait


@dataclass(frozen=True, slots=True)
class AttachmentSight:
    """An attachment, and the states of what it ties; `needed` while its job is not over and still placed there.

    `free` is False while another attachment holds the volume.
    """

    attachment: Attachment
    instance: InstanceState
    volume: VolumeState
    needed: bool
    free: bool = True


def decide(sight: AttachmentSight) -> AttachmentAction:
    """The next action for an attachment."""
    state = sight.attachment.state
    if state is AttachmentState.DETACHED:
        return Finished()
    if state is AttachmentState.DETACHING:
        return Detach()
    if sight.instance is InstanceState.TERMINATED:
        return Step(AttachmentState.DETACHING, JobReason.INSTANCE_GONE)
    if not sight.needed:
        return Step(AttachmentState.DETACHING)
    if state is AttachmentState.ATTACHED:
        return Wait(STEADY_SECONDS)
    if sight.instance is InstanceState.ACTIVE and sight.volume is VolumeState.AVAILABLE:
        return Attach() if sight.free else Wait(0.5)
    return Wait(5)
