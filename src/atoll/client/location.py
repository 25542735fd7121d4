"""The server's location: from the environment, `atoll login`, or the files in the data folder.

ATOLL_HOME            the data folder, in place of the user's own
ATOLL_SERVER_URL      a server elsewhere; then none is ever started here
ATOLL_TOKEN           the token of that server, where `atoll login` does not know it
ATOLL_PROJECT         the project, in place of the one of the login, or of `main`

The environment comes first: a server's address, then a data folder, then the login, then the user's own data folder.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from atoll.client import logins
from atoll.client.errors import NoServer

SERVER_FILE = "server.json"
TOKEN_FILE = "token"  # noqa: S105 - the name of the file, not a token


@dataclass(frozen=True, slots=True)
class Location:
    """A server and what to show it. `pid` is None when it is not one of this machine's own."""

    address: str
    token: str
    pid: int | None = None
    project: str | None = None


@dataclass(frozen=True, slots=True)
class ServerFile:
    """What a running server writes to `server.json` (mode 0600)."""

    address: str
    pid: int
    version: str


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """The data folder; it need not exist yet."""
    folder = environ.get("ATOLL_HOME")
    if folder:
        return Path(folder).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("atoll", appauthor=False))


def project(place: Location | None = None, environ: Mapping[str, str] = os.environ) -> str:
    """The project that commands use."""
    return environ.get("ATOLL_PROJECT") or (place.project if place else None) or "main"


def remote(environ: Mapping[str, str] = os.environ) -> Location | None:
    """The server that the environment or the login names, or None. Raises NoServer when its token is missing."""
    address, token = environ.get("ATOLL_SERVER_URL"), environ.get("ATOLL_TOKEN")
    if not address:
        known = None if environ.get("ATOLL_HOME") else logins.read(environ)
        return None if known is None else Location(known.address, token or known.token, project=known.project)
    if token:
        return Location(address, token)
    known = logins.read(environ)
    if known is None or known.address != address:
        help = f"set ATOLL_TOKEN to a token of that server, or `atoll login {address}`"
        raise NoServer("ATOLL_SERVER_URL is set and ATOLL_TOKEN is not", help)
    return Location(known.address, known.token, project=known.project)


def local(folder: Path) -> Location | None:
    """The server that last ran on this data folder, or None. It may be gone."""
    try:
        found = msgspec.json.decode((folder / SERVER_FILE).read_bytes(), type=ServerFile)
        token = (folder / TOKEN_FILE).read_text().strip()
    except (FileNotFoundError, NotADirectoryError, msgspec.MsgspecError, UnicodeDecodeError):
        return None
    except OSError as error:
        raise NoServer(
            f"cannot read {error.filename}: {error.strerror}", "check the owner and mode of the data folder"
        ) from error
    return Location(found.address, token, found.pid)
