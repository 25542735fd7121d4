"""The user data of a new machine: the keys that may log in, and the host key that it must have."""

import json
from collections.abc import Sequence

from atoll.backends.hosts.keys import HostKey


def cloud_config(authorized_keys: Sequence[str], host_key: HostKey) -> str:
    """A `#cloud-config` document that admits root with these keys. The same arguments give the same text.

    The document is JSON, which is YAML, so that no value can end its quotes. Sources: cloud-init's module reference,
    "SSH" (`ssh_keys`, `ssh_authorized_keys`, `disable_root`).
    """
    content = {
        "disable_root": False,
        "ssh_authorized_keys": list(authorized_keys),
        "ssh_deletekeys": True,
        "ssh_genkeytypes": [],
        "ssh_keys": {"ed25519_private": host_key.private, "ed25519_public": host_key.public},
    }
    return "#cloud-config\n" + json.dumps(content, indent=1) + "\n"
