"""Opens a configured backend by its name; a backend's package is imported only when it is configured."""

from collections.abc import Mapping
from pathlib import Path

from atoll.backends.base import Backend
from atoll.model.backends import RUNNABLE


def open_backend(name: str, config: Mapping[str, object], state: Path, *, server: Path | None = None) -> Backend:
    """The backend `name` with its part of the configuration; `state` is a folder of its own, made when needed;
    `server` is the server's folder, which jobs on this machine do not see.

    Raises ValueError for an unknown name or a wrong configuration, with a text for the user.
    """
    if name == "local":
        from atoll.backends.local import LocalBackend, LocalConfig

        return LocalBackend(state, LocalConfig.from_mapping(config), server=server)
    if name == "fake":
        from atoll.backends.fake import open_fake

        return open_fake(config, state)
    if name == "ssh":
        from atoll.backends.ssh import SshBackend, SshConfig

        return SshBackend(state, SshConfig.from_mapping(config))
    if name == "aws":
        from atoll.backends.aws import AwsBackend, AwsConfig

        return AwsBackend(state, AwsConfig.from_mapping(config))
    raise ValueError(f"unknown backend `{name}`; known: {', '.join(RUNNABLE)}")
