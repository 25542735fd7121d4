"""The last listing of each backend, kept in a folder: after a restart there is a world at once, with its date.

Only a cache: files that cannot be read or written are ignored.
"""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

from atoll.backends.base import Listing
from atoll.model.packed import DamagedCatalog, pack, unpack
from atoll.model.quota import Quota
from atoll.model.zone import ZoneInfo
from atoll.private_files import write_private


class _Kept(msgspec.Struct, array_like=True, frozen=True):
    zones: tuple[ZoneInfo, ...]
    as_of: datetime
    catalog: bytes
    quotas: tuple[Quota, ...] = ()
    digest: str = ""


class KeptListings:
    """One file for each backend, for the server's user alone; replaced as a whole or not at all.

    `digests` identify the backends' configurations: what another configuration listed (other zones, regions or
    accounts) is not used.
    """

    def __init__(self, folder: Path, digests: Mapping[str, str] = {}) -> None:
        self._folder = folder
        self._digests = digests

    def keep(self, backend: str, listing: Listing) -> None:
        """Keep the listing in place of the former one, if the folder lets us."""
        catalog, digest = pack(listing.catalog), self._digests.get(backend, "")
        kept = msgspec.msgpack.encode(_Kept(listing.zones, listing.as_of, catalog, listing.quotas, digest))
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_private(self._path(backend), kept, durable=False)

    def last(self, backend: str) -> Listing | None:
        """The listing that was kept last; None when there is none of this configuration or it cannot be read."""
        try:
            kept = msgspec.msgpack.decode(self._path(backend).read_bytes(), type=_Kept)
            if kept.digest != self._digests.get(backend, ""):
                return None
            return Listing(kept.zones, unpack(kept.catalog), kept.as_of, kept.quotas)
        except (OSError, msgspec.MsgspecError, DamagedCatalog):
            return None

    def _path(self, backend: str) -> Path:
        return self._folder / f"{backend}.listing"
