"""Ids in dstack's form. Its clients accept version-4 UUIDs alone; Atoll's 16 digits are put into such a UUID."""

import re
from hashlib import blake2b
from uuid import UUID

_OWN = re.compile(r"[0-9a-f]{16}")
_UUID = re.compile(r"([0-9a-f]{8})-([0-9a-f]{4})-4([0-9a-f]{3})-8([0-9a-f])00-0{12}")


def to_uuid(id: str) -> str:
    """The UUID of a record: of its own 16 digits, or of a digest where its id has another form."""
    digits = id if _OWN.fullmatch(id) else blake2b(id.encode(), digest_size=8).hexdigest()
    return str(UUID(f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15]}00-000000000000"))


def from_uuid(text: str) -> str | None:
    """The 16 digits in a UUID that `to_uuid` made; None for any other text."""
    match = _UUID.fullmatch(text.lower())
    return "".join(match.groups()) if match else None


def named(kind: str, name: str) -> str:
    """The UUID of something that has a name and no id, such as a user or a project."""
    return to_uuid(f"{kind}/{name}")
