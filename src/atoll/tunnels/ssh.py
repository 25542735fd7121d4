"""SSH connections: made within a bounded time, with pinned host keys, and with errors that a user can act on.

asyncssh is the extra `atoll[ssh]`; it is imported when the first connection is made.
"""

import asyncio
import getpass
from pathlib import Path
from typing import Any

from atoll.model.system_error import error_words
from atoll.tunnels.host import Login
from atoll.tunnels.pins import Pins
from atoll.tunnels.stream import TunnelError

CONNECT_SECONDS = 5.0
"""How long the TCP connection may take, and how long the log-in after it."""
KEEPALIVE_SECONDS, KEEPALIVE_COUNT = 5, 2
"""A silent connection is probed every 5 s, and closed 5 s after two probes without an answer."""
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "chacha20-poly1305@openssh.com", "aes256-ctr")
"""AES-GCM first: it carries three times the bytes of ChaCha20 for the same CPU time."""


async def connect(login: Login, pins: Pins, through: Any = None) -> Any:
    """A connection (`asyncssh.SSHClientConnection`) to `login`, through another one where given. Raises TunnelError."""
    asyncssh = library()
    changed: list[str] = []
    # Host keys are ours to judge, so no known ones are passed; `~/.ssh/config` does not apply.
    options: dict[str, Any] = {
        "port": login.port,
        "username": user_of(login),
        "client_factory": _client_class(login, pins, changed),
        "known_hosts": ([], [], []),
        "server_host_key_algs": "default",
        "config": None,
        "tunnel": through,
        "encryption_algs": CIPHERS,
        "keepalive_interval": KEEPALIVE_SECONDS,
        "keepalive_count_max": KEEPALIVE_COUNT,
        "connect_timeout": CONNECT_SECONDS,
        "login_timeout": CONNECT_SECONDS,
        "preferred_auth": "publickey",
        "password": None,
    }
    if login.identity_file is not None:
        options |= {"client_keys": [_identity(asyncssh, login.identity_file)], "agent_path": None}
    try:
        async with asyncio.timeout(3 * CONNECT_SECONDS):
            return await asyncssh.connect(login.hostname, **options)
    except asyncssh.HostKeyNotVerifiable as error:
        raise TunnelError(_changed(login, pins, changed), permanent=True) from error
    except asyncssh.PermissionDenied as error:
        raise TunnelError(_denied(login), permanent=True) from error
    except asyncssh.Error as error:
        raise TunnelError(f"SSH to {login.name} failed: {error.reason}") from error
    except TimeoutError as error:
        raise TunnelError(f"{login.name} does not answer within {CONNECT_SECONDS:.0f} s") from error
    except OSError as error:
        raise TunnelError(f"cannot connect to {login.hostname} port {login.port}: {error_words(error)}") from error


def user_of(login: Login) -> str:
    """As whom to log in: the server's own user by default, as OpenSSH does."""
    return login.user or getpass.getuser()


def library() -> Any:
    """asyncssh. Raises TunnelError where it is not installed."""
    try:
        import asyncssh
    except ImportError as error:
        raise TunnelError("hosts by SSH need `pip install 'atoll[ssh]'` on the server", permanent=True) from error
    asyncssh.set_log_level("WARNING")  # its own level is INFO: several lines for each channel
    return asyncssh


def _identity(asyncssh: Any, file: str) -> Any:
    path = Path(file).expanduser()
    if not path.is_absolute():
        raise TunnelError(f"identity file `{file}`: give an absolute path on the server's machine", permanent=True)
    try:
        return asyncssh.read_private_key(path)
    except OSError as error:
        raise TunnelError(
            f"identity file `{file}` on the server's machine: {error.strerror}", permanent=True
        ) from error
    except asyncssh.KeyEncryptionError as error:
        text = f"identity file `{file}` has a passphrase, which a server cannot enter: use a key without one"
        raise TunnelError(text, permanent=True) from error
    except asyncssh.KeyImportError as error:
        raise TunnelError(f"identity file `{file}` is not a private key: {error}", permanent=True) from error


def _client_class(login: Login, pins: Pins, changed: list[str]) -> type:
    asyncssh = library()

    class Client(asyncssh.SSHClient):  # type: ignore[misc,name-defined]
        def validate_host_public_key(self, _host: str, _address: str, _port: int, key: Any) -> bool:
            text = " ".join(key.export_public_key("openssh").decode().split()[:2])
            if text == login.host_key if login.host_key else pins.accepts(login, text):
                return True
            changed.append(str(key.get_fingerprint()))
            return False

    return Client


def _changed(login: Login, pins: Pins, changed: list[str]) -> str:
    key = f" (it is {changed[0]} now)" if changed else ""
    if login.host_key:
        return f"{login.name} has another host key than the one it was created with{key}: another machine may answer"
    return (
        f"the host key of {login.name} is not the one that was pinned{key}: another machine may answer in its place. "
        f"If the host was reinstalled, remove its line from {pins.path}"
    )


def _denied(login: Login) -> str:
    key = f"the key {login.identity_file}" if login.identity_file else "the default keys of the server's user"
    user = user_of(login)
    return (
        f"{login.name} refuses user `{user}` with {key}: add the public key to ~{user}/.ssh/authorized_keys there, "
        "or correct `user` or `identity_file`"
    )
