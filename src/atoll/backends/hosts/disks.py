"""Disks that are attached to a host: one SSH command each to mount and to unmount."""

import logging

from atoll.backends.hosts.bootstrap import ask
from atoll.tunnels.link import Link
from atoll.tunnels.stream import TunnelError

_REASONS = {
    "device": "{disk} does not appear as {link} on {host}",
    "content": "{disk} has content that is no file system ({message}): Atoll makes one only on empty disks",
    "empty": "{disk} has no file system, and was not created by Atoll: make one first",
    "make": "no file system can be made on {disk}: {message}",
    "mount": "{disk} cannot be mounted on {host}: {message}",
    "busy": "{disk} is in use on {host}: {message}",
}
log = logging.getLogger("atoll.hosts")

_LATER = ("device", "busy")
"""What may pass by itself."""


async def mount(link: Link, device: str, disk: str, *, make: bool) -> str:
    """Mount the disk that appears at the path `device`; the folder where it is. Idempotent.

    The file system takes all of a disk that has grown; where it cannot while it is mounted, it does at the next mount.
    `make` allows a file system (ext4) to be made where the disk is empty. Raises TunnelError, permanent where the
    content of the disk is the reason.
    """
    answer = await ask(link, {"action": "mount", "link": device, "disk": disk, "make": "yes" if make else ""})
    _check(answer, link, device, disk)
    if answer.get("small"):
        log.warning("the file system of %s does not fill it on %s: %s", disk, link.host.name, answer["small"])
    return str(answer["path"])


async def unmount(link: Link, disk: str) -> None:
    """Unmount a disk; succeeds when it is not mounted. Raises TunnelError."""
    _check(await ask(link, {"action": "unmount", "disk": disk}), link, "", disk)


def _check(answer: dict[str, object], link: Link, device: str, disk: str) -> None:
    code = answer.get("error")
    if code is None:
        return
    text = _REASONS[str(code)].format(disk=disk, link=device, host=link.host.name, message=answer.get("message", ""))
    raise TunnelError(text, permanent=code not in _LATER)
