"""Hosts of one's own, reached by SSH: each declared host is one offer, in the zone that its user gave it."""

from atoll.backends.ssh.backend import SshBackend
from atoll.backends.ssh.config import SshConfig

__all__ = ["SshBackend", "SshConfig"]
