"""The keys between the server and machines that it creates: one log-in key, and a host key for each machine.

A machine's host key is derived from the log-in key and the machine's token, so that every server with the same log-in
key knows it before the first connection, and a repeated launch gives the same one.
"""

import base64
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from atoll.private_files import write_private


@dataclass(frozen=True, slots=True)
class HostKey:
    """A machine's host key in OpenSSH's formats; `public` is its type and base64 text."""

    private: str
    public: str


class Keys:
    """The log-in key in `path`, created at the first use with mode 0600."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._key: Ed25519PrivateKey | None = None

    @property
    def public(self) -> str:
        """The public log-in key as a line of `authorized_keys`. Raises ValueError for a file that is no such key."""
        return f"{_public(self._load())} atoll"

    def host_key(self, token: str) -> HostKey:
        """The host key of the machine of this token. Raises ValueError as `public`."""
        seed = self._load().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        derived = HKDF(SHA256(), 32, salt=None, info=b"atoll host key " + token.encode()).derive(seed)
        key = Ed25519PrivateKey.from_private_bytes(derived)
        return HostKey(_private(key), _public(key))

    def _load(self) -> Ed25519PrivateKey:
        if self._key is None:
            if not self.path.exists():
                self._create()
            try:
                key = load_ssh_private_key(self.path.read_bytes(), None)
            except (ValueError, TypeError) as error:
                raise ValueError(f"{self.path} is not an OpenSSH private key without a passphrase") from error
            if not isinstance(key, Ed25519PrivateKey):
                raise ValueError(f"{self.path} is not an ed25519 key")
            self._key = key
        return self._key

    def _create(self) -> None:
        """Write a new key whole or not at all; of two servers that start at once, the first one's remains."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(self.path, _private(Ed25519PrivateKey.generate()).encode(), keep_existing=True)


def _private(key: Ed25519PrivateKey) -> str:
    """The key in OpenSSH's format: the same text each time, unlike the library's, which has a random number in it.

    Source: OpenSSH's PROTOCOL.key.
    """
    seed = key.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    public = _string(b"ssh-ed25519") + _string(raw)
    section = bytes(8) + public + _string(seed + raw) + _string(b"")
    section += bytes(range(1, 1 + -len(section) % 8))
    none = _string(b"none")
    content = (
        b"openssh-key-v1\0" + none + none + _string(b"") + (1).to_bytes(4, "big") + _string(public) + _string(section)
    )
    text = "\n".join(wrap(base64.b64encode(content).decode(), 70))
    return f"-----BEGIN OPENSSH PRIVATE KEY-----\n{text}\n-----END OPENSSH PRIVATE KEY-----\n"


def _string(content: bytes) -> bytes:
    return len(content).to_bytes(4, "big") + content


def _public(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
