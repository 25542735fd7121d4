"""What is sealed at rest: secrets, and the parts of configurations that may hold some.

AES-256-GCM with one key for the installation: `secret.key` in the data folder, made at the first use, or
ATOLL_SECRET_KEY, which servers that share a database must share too. Sealed text begins with `sealed:1:`; every other
text is from before there was sealing, and means itself.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from atoll.engine.refusal import Refused
from atoll.store.transaction import Transaction

KEY_BYTES = 32
_MARK = "sealed:1:"
_NONCE_BYTES = 12
_SETTING = "secret-key"
_SEALED_KEYS = ("env", "registry_auth")
"""The keys of a configuration whose texts are sealed: names stay readable, values do not."""


class WrongKey(Exception):  # noqa: N818 - a fact about the installation
    """This server's key is not the one that something was sealed with, or the sealed text is damaged."""


class Vault:
    """Seals and opens texts. The key is read, or made, when it is first needed."""

    def __init__(self, file: Path, given: str | None = None) -> None:
        """`given` is the value of ATOLL_SECRET_KEY. Raises ValueError where it is not a key."""
        self._file = file
        self._key = None if given is None else _decoded(given, "ATOLL_SECRET_KEY")

    def seal(self, text: str, place: str) -> str:
        """The sealed text; it opens for the same `place` alone, so that nobody can move it to another."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + self._cipher().encrypt(nonce, text.encode(), place.encode())
        return _MARK + base64.b64encode(sealed).decode()

    def open(self, sealed: str, place: str) -> str:
        """What was sealed. Raises WrongKey."""
        from cryptography.exceptions import InvalidTag

        if not sealed.startswith(_MARK):
            return sealed
        try:
            data = base64.b64decode(sealed.removeprefix(_MARK), validate=True)
            text: bytes = self._cipher().decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode())
        except (InvalidTag, ValueError) as error:
            raise WrongKey("sealed with another key: give every server the same ATOLL_SECRET_KEY") from error
        return text.decode()

    def seal_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration as it is kept."""
        return {key: self._each(self.seal, value) if key in _SEALED_KEYS else value for key, value in config.items()}

    def open_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A kept configuration as it was applied. Raises WrongKey."""
        return {key: self._each(self.open, value) if key in _SEALED_KEYS else value for key, value in config.items()}

    async def claim(self, tx: Transaction) -> None:
        """Make sure, before something is sealed, that this is the key of the database.

        Raises Refused (503) where another server sealed with another key.
        """
        mine = hashlib.sha256(b"atoll" + self._bytes()).hexdigest()
        known = await tx.settings.get(_SETTING)
        if known is None:
            await tx.settings.set(_SETTING, mine)
        elif not hmac.compare_digest(known, mine):
            raise wrong_key()

    def _each(self, function: Any, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: function(text, name) if isinstance(text, str) else text for name, text in value.items()}
        return value

    def _cipher(self) -> Any:
        # Imported when it is needed: it takes 7 MiB, and most servers keep no secrets.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        return AESGCM(self._bytes())

    def _bytes(self) -> bytes:
        if self._key is None:
            if not self._file.exists():
                _make(self._file)
            self._key = _decoded(self._file.read_text().strip(), str(self._file))
        return self._key


def has_secrets(config: Mapping[str, Any]) -> bool:
    """Whether a configuration has something to seal."""
    return any(config.get(key) for key in _SEALED_KEYS)


def wrong_key() -> Refused:
    """This server cannot open what its database holds."""
    return Refused(
        "wrong-secret-key",
        "this server's key is not the one that the secrets of its database are sealed with",
        help="give every server of the database the same ATOLL_SECRET_KEY, or the same `secret.key`",
        status=503,
    )


def _make(file: Path) -> None:
    """Write a new key, all of it or nothing; the first of several servers wins."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as out:
            out.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        with suppress(FileExistsError):
            os.link(draft, file)
    finally:
        draft.unlink()


def _decoded(text: str, place: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise ValueError(f"{place} is not a key: it has {KEY_BYTES} bytes in base64, such as `openssl rand -base64 32`")
    return key
