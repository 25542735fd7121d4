"""Opens a configured backend by its name; a backend's package is imported only when it is configured."""

from collections.abc import Mapping
from pathlib import Path

from atoll.backends.base import Backend
from atoll.model.backends import RUNNABLE
from atoll.model.suggestion import did_you_mean


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
    raise _unknown(name)


def check_settings(name: str, config: Mapping[str, object]) -> None:
    """Raises ValueError, with a text for the user, where `open_backend` would; opens nothing."""
    if name == "local":
        from atoll.backends.local import LocalConfig

        LocalConfig.from_mapping(config)
    elif name == "fake":
        from atoll.backends.fake.script import script_from_mapping

        script_from_mapping({key: value for key, value in config.items() if key != "ledger"})
    elif name == "ssh":
        from atoll.backends.ssh import SshConfig

        SshConfig.from_mapping(config)
    elif name == "aws":
        from atoll.backends.aws import AwsConfig

        AwsConfig.from_mapping(config)
    else:
        raise _unknown(name)


def _unknown(name: str) -> ValueError:
    known = f"this release runs {', '.join(f'`{one}`' for one in RUNNABLE)}"
    return ValueError(f"unknown backend `{name}`; {did_you_mean(name, RUNNABLE, known)}")
