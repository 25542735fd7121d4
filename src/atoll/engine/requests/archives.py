"""The packed files of runs: which ones are missing, and receiving them."""

import asyncio
import hashlib
import os
import tempfile
from collections.abc import AsyncIterator, Collection
from pathlib import Path

from atoll.engine.context import Context
from atoll.engine.parts.refusal import Refused
from atoll.model.error_codes import ErrorCode
from atoll.store.archives import Archive


async def find_missing(context: Context, project: str, digests: Collection[str]) -> list[str]:
    """The digests among these whose archives are not stored; the others are wanted now, so they stay for a while."""
    async with context.database.write() as tx:
        return sorted({*digests} - await tx.archives.want(project, digests))


async def receive(context: Context, project: str, digest: str, content: AsyncIterator[bytes]) -> int:
    """Store an archive of this SHA-256; one that is stored already is stored once. Returns its bytes.

    Raises Refused: invalid-request for other content, too-large where no more fits.
    """
    folder = context.archives.folder
    await asyncio.to_thread(folder.mkdir, mode=0o700, parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=folder, prefix=".receiving-")
    file = Path(name)
    try:
        size, found = await _written(handle, content)
        if found != digest:
            message = f"the content has another SHA-256 than {digest[:12]}…: it changed while it was sent"
            raise Refused(ErrorCode.INVALID_REQUEST, message, help="run the command again", status=422)
        await context.archives.keep(Archive(project, digest, size), file)
    finally:
        file.unlink(missing_ok=True)
    return size


async def _written(handle: int, content: AsyncIterator[bytes]) -> tuple[int, str]:
    """The length and the SHA-256 of what was written to an open file, which is closed."""
    size, sha = 0, hashlib.sha256()
    with os.fdopen(handle, "wb") as opened:
        async for part in content:
            await asyncio.to_thread(opened.write, part)
            sha.update(part)
            size += len(part)
    return size, sha.hexdigest()
