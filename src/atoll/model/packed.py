"""A catalog as bytes: its tables as MessagePack and its columns as they lie in memory, so that reading is no work.

The caller stores the bytes. They are bound to this version of Atoll's types (`FORMAT`); other, truncated
and modified bytes are refused as a whole.
"""

import zlib
from datetime import datetime

import msgspec
import numpy as np

from atoll.model.catalog import AVAILABILITIES, COLUMNS, MARKETS, UNTOLD, Catalog, Columns
from atoll.model.resources import InstanceType
from atoll.model.zone import Zone

FORMAT = b"atoll-catalog-1\n"
_SUM_BYTES = 4


class DamagedCatalog(ValueError):  # noqa: N818 - it says what the bytes are
    """The bytes are no catalog, or not as they were written."""


class _Content(msgspec.Struct, array_like=True, frozen=True):
    as_of: datetime
    zones: tuple[Zone, ...]
    types: tuple[InstanceType, ...]
    columns: tuple[bytes, ...]


def pack(catalog: Catalog) -> bytes:
    """The catalog as bytes: `FORMAT`, a checksum (CRC-32, big-endian), and the content."""
    columns = tuple(catalog.columns.arrays[name].astype(kind, copy=False).tobytes() for name, kind in COLUMNS.items())
    content = msgspec.msgpack.encode(_Content(catalog.as_of, catalog.zones, catalog.table.types, columns))
    return FORMAT + zlib.crc32(content).to_bytes(_SUM_BYTES) + content


def unpack(data: bytes) -> Catalog:
    """The catalog of these bytes. Raises DamagedCatalog."""
    start = len(FORMAT) + _SUM_BYTES
    if not data.startswith(FORMAT):
        raise DamagedCatalog("this is no catalog of this version")
    if zlib.crc32(memoryview(data)[start:]).to_bytes(_SUM_BYTES) != data[len(FORMAT) : start]:
        raise DamagedCatalog("the catalog is not as it was written")
    try:
        content = msgspec.msgpack.decode(memoryview(data)[start:], type=_Content)
        arrays = [
            np.frombuffer(column, dtype=kind) for column, kind in zip(content.columns, COLUMNS.values(), strict=True)
        ]
        return Catalog(content.zones, content.types, _checked(Columns(*arrays), content), content.as_of)
    except (msgspec.MsgspecError, ValueError) as error:
        raise DamagedCatalog(f"the catalog does not hold together: {error}") from error


def _checked(columns: Columns, content: _Content) -> Columns:
    """The columns, which point nowhere but into the tables. Raises ValueError."""
    if len({len(column) for column in columns.arrays.values()}) != 1:
        raise ValueError("the columns are of different length")
    places = (
        (columns.zone, len(content.zones)),
        (columns.type, len(content.types)),
        (columns.market, len(MARKETS)),
        (columns.availability, len(AVAILABILITIES)),
    )
    if any(len(column) and (column.min() < 0 or column.max() >= size) for column, size in places):
        raise ValueError("an offer is of an unknown zone, type, market or availability")
    if np.isnan(columns.price).any() or np.isneginf(columns.price).any():
        raise ValueError("a price is no number")
    if len(columns.count) and columns.count.min() < UNTOLD:
        raise ValueError("an offer's number is negative")
    return columns
