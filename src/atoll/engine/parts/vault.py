"""Sealing at rest: of secrets, and of the parts of configurations that may hold some.

AES-256-GCM with one key for the installation: `secret.key` in the data folder, made at the first use, or
ATOLL_SECRET_KEY, which servers that share a database must share too. Sealed text begins with `sealed:1:`; every other
text is from before there was sealing, and means itself.

Where several keys are given, the newest stands first and the others open what they sealed. The database holds which
key seals now; a server moves it to its newest one when it starts, and then reseals what others sealed.
"""

import base64
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode
from atoll.private_files import write_private
from atoll.store.transaction import Transaction

KEY_BYTES = 32
_MARK = "sealed:1:"
_NONCE_BYTES = 12
_SETTING = "secret-key"
SEALED_KEYS = ("env", "registry_auth")
"""The keys of a configuration whose texts are sealed: names stay readable, values do not."""


class WrongKey(Exception):  # noqa: N818 - a fact about the installation
    """This server's key is not the one that something was sealed with, or the sealed text is damaged."""


class Vault:
    """Seals by the first of its keys, and opens by any. They are read, or one is made, when they are first needed."""

    def __init__(self, file: Path, given: str | None = None) -> None:
        """`given` is the value of ATOLL_SECRET_KEY: keys with commas between. Raises ValueError where one is no key."""
        self._file = file
        self._keys = () if given is None else _decoded(given.split(","), "ATOLL_SECRET_KEY")

    @property
    def has_older_keys(self) -> bool:
        """Whether something may have to be resealed. Raises ValueError where the file holds what is no key."""
        return (bool(self._keys) or self._file.exists()) and len(self._all()) > 1

    def seal(self, text: str, place: str) -> str:
        """The sealed text; it opens only for the same `place`, so that it cannot be moved to another."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = nonce + _cipher(self._all()[0]).encrypt(nonce, text.encode(), place.encode())
        return _MARK + base64.b64encode(sealed).decode()

    def open(self, sealed: str, place: str) -> str:
        """What was sealed. Raises WrongKey."""
        if not sealed.startswith(_MARK):
            return sealed
        for key in self._all():
            text = _opened(sealed, place, key)
            if text is not None:
                return text
        raise WrongKey("sealed with another key: give every server the same ATOLL_SECRET_KEY")

    def renew(self, sealed: str, place: str) -> str:
        """The same text, sealed by the first key; itself where it is so or was never sealed. Raises WrongKey."""
        if not sealed.startswith(_MARK) or _opened(sealed, place, self._all()[0]) is not None:
            return sealed
        return self.seal(self.open(sealed, place), place)

    def seal_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A configuration as it is kept."""
        return {key: self._each(self.seal, value) if key in SEALED_KEYS else value for key, value in config.items()}

    def open_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A kept configuration as it was applied. Raises WrongKey."""
        return {key: self._each(self.open, value) if key in SEALED_KEYS else value for key, value in config.items()}

    def renew_config(self, config: Mapping[str, Any]) -> dict[str, Any]:
        """A kept configuration with all of it sealed by the first key. Raises WrongKey."""
        return {key: self._each(self.renew, value) if key in SEALED_KEYS else value for key, value in config.items()}

    async def claim(self, tx: Transaction) -> "Vault":
        """What to seal with in this transaction: the key of the database, which is one of this server's.

        The database's choice stays as it is until the transaction ends. Raises Refused (503) where another server
        sealed with a key that this one has not.
        """
        prints = [_print(key) for key in self._all()]
        known = await tx.settings.first(_SETTING, prints[0])
        while not await tx.settings.swap(_SETTING, known, known):
            known = await tx.settings.get(_SETTING) or prints[0]
        for key, own in zip(self._all(), prints, strict=True):
            if hmac.compare_digest(known, own):
                return self._led_by(key)
        raise wrong_key()

    async def move(self, tx: Transaction) -> None:
        """From now on every server seals by this vault's first key. Raises Refused as `claim` does."""
        await self.claim(tx)
        await tx.settings.set(_SETTING, _print(self._all()[0]))

    def _led_by(self, key: bytes) -> "Vault":
        vault = Vault(self._file)
        vault._keys = (key, *(other for other in self._all() if other != key))
        return vault

    def _each(self, function: Any, value: Any) -> Any:
        if isinstance(value, Mapping):
            return {name: function(text, name) if isinstance(text, str) else text for name, text in value.items()}
        return value

    def _all(self) -> tuple[bytes, ...]:
        if not self._keys:
            if not self._file.exists():
                _make(self._file)
            self._keys = _decoded(self._file.read_text().strip().split("\n"), str(self._file))
        return self._keys


def _cipher(key: bytes) -> Any:
    # Imported when it is needed: it takes 7 MiB, and most servers keep no secrets.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _opened(sealed: str, place: str, key: bytes) -> str | None:
    """What was sealed by this key; None where it was another."""
    from cryptography.exceptions import InvalidTag

    try:
        data = base64.b64decode(sealed.removeprefix(_MARK), validate=True)
        text: bytes = _cipher(key).decrypt(data[:_NONCE_BYTES], data[_NONCE_BYTES:], place.encode())
    except (InvalidTag, ValueError):
        return None
    return text.decode()


def _print(key: bytes) -> str:
    return hashlib.sha256(b"atoll" + key).hexdigest()


def has_secrets(config: Mapping[str, Any]) -> bool:
    """Whether a configuration has something to seal."""
    return any(config.get(key) for key in SEALED_KEYS)


def wrong_key() -> Refused:
    """This server cannot open what its database holds."""
    return Refused(
        ErrorCode.WRONG_SECRET_KEY,
        "this server's key is not the one that the secrets of its database are sealed with",
        help="give every server of the database the same ATOLL_SECRET_KEY, or the same `secret.key`",
        status=503,
    )


def _make(file: Path) -> None:
    """Write a new key, all of it or nothing; the first of several servers wins."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_private(file, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n", keep_existing=True)


def _decoded(texts: Sequence[str], place: str) -> tuple[bytes, ...]:
    keys = []
    for text in texts:
        try:
            key = base64.b64decode(text.strip(), validate=True)
        except ValueError:
            key = b""
        if len(key) != KEY_BYTES:
            what = "is not a key" if len(texts) == 1 else "holds what is not a key"
            raise ValueError(f"{place} {what}: one has {KEY_BYTES} bytes in base64, such as `openssl rand -base64 32`")
        keys.append(key)
    return tuple(dict.fromkeys(keys))
