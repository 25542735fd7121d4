"""The embedded backend: this machine divided into zones, with a process for each machine and a folder for each disk."""

from atoll.backends.local.backend import LocalBackend
from atoll.backends.local.config import LocalConfig, LocalZone

__all__ = ["LocalBackend", "LocalConfig", "LocalZone"]
