"""The stored login: one server with its token, in `login.json` (mode 0600) in the user's config folder."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from atoll.client.errors import NoServer
from atoll.private_files import write_private


@dataclass(frozen=True, slots=True)
class Login:
    """A server, its token, and the project that commands use there."""

    address: str
    token: str
    project: str


def path(environ: Mapping[str, str] = os.environ) -> Path:
    """The file; it need not exist. ATOLL_CONFIG_HOME is its folder in place of the user's own."""
    folder = environ.get("ATOLL_CONFIG_HOME")
    if folder:
        return Path(folder).expanduser() / "login.json"
    import platformdirs

    return Path(platformdirs.user_config_dir("atoll", appauthor=False)) / "login.json"


def read(environ: Mapping[str, str] = os.environ) -> Login | None:
    """The login, or None. Raises NoServer where the file cannot be understood."""
    file = path(environ)
    try:
        return msgspec.json.decode(file.read_bytes(), type=Login)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise NoServer(f"cannot read {file}: {error.strerror}", "check its owner and mode, or log in again") from error
    except msgspec.MsgspecError as error:
        raise NoServer(f"{file} is damaged", "log in again with `atoll login`, or `atoll logout`") from error


def write(login: Login) -> Path:
    """Store a login, replacing the previous one; returns the file. Raises OSError."""
    file = path()
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(file, msgspec.json.encode(login))
    return file


def forget() -> bool:
    """Remove the login; False where there was none. Raises OSError."""
    try:
        path().unlink()
    except FileNotFoundError:
        return False
    return True
