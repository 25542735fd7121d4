"""The installation's id, which tags every machine and disk: in the database, and in a file beside it.

A database that was emptied takes the id of the file, so that the machines of before are found as orphans. With a new
id they would run, and cost money, without being found by any command.
"""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from atoll.private_files import write_private
from atoll.store.database import Database

FILE = "installation"
_OWNER, _EMPTIED = "owner", "emptied"
_ID_BYTES = 64


async def owner_of(database: Database, home: Path, new_id: Callable[[], str]) -> str:
    """The installation's id: the database's, else the file's, else a new one. Raises OSError."""
    file = home / FILE
    known = file.read_text()[:_ID_BYTES].strip() if file.exists() else ""
    async with database.write() as tx:
        stored = await tx.settings.get(_OWNER)
        owner = stored or await tx.settings.first(_OWNER, known or new_id())
        if stored is None and known:
            await tx.settings.set(_EMPTIED, tx.now.isoformat())
    if owner != known:
        write_private(file, f"{owner}\n".encode())
    return owner


async def emptied_at(database: Database) -> datetime | None:
    """When the database was found empty although the installation existed; None where it was not."""
    async with database.read() as tx:
        found = await tx.settings.get(_EMPTIED)
    return datetime.fromisoformat(found) if found else None


async def forget_emptied(database: Database) -> None:
    """Nothing of before is left."""
    async with database.write() as tx:
        await tx.settings.set(_EMPTIED, "")
