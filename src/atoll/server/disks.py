"""The disks of the data folder and of the agents' folders: what keeps them from being written, for `/readyz`."""

import asyncio
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from atoll.model.system_error import DISK_WORDS, DiskTrouble, disk_trouble, error_words
from atoll.private_files import write_private

LEAST_FREE = 32 << 20
"""Bytes that must be free."""
PROBE = ".probe"
"""The file that is written to find out whether a folder can be written."""
PROBE_SECONDS = 5.0
"""How long the probes may take, and for how long a success counts: the route is open to all."""


class Disks:
    """The disks below one data folder."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._probe: asyncio.Task[list[str]] | None = None
        self._written_at = float("-inf")

    async def trouble(self) -> list[str]:
        """Why a disk cannot be written, in words with the folder; empty where all can be."""
        return disk_shortages(self._home) or await self._probed()

    async def cause(self) -> DiskTrouble:
        """Why a write to the data folder failed where that is not known: SQLite calls most causes an I/O error."""
        if shutil.disk_usage(self._home).free < LEAST_FREE:
            return DiskTrouble.FULL
        if os.statvfs(self._home).f_flag & os.ST_RDONLY:
            return DiskTrouble.READ_ONLY
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await asyncio.to_thread(write_private, self._home / PROBE, b"")
        except OSError as error:
            return disk_trouble(error) or DiskTrouble.FAILING
        return DiskTrouble.FAILING

    async def _probed(self) -> list[str]:
        if time.monotonic() - self._written_at < PROBE_SECONDS:
            return []
        if self._probe is None:
            self._probe = asyncio.create_task(asyncio.to_thread(lambda: [*_failed_probes(self._home)]))
        done, _ = await asyncio.wait([self._probe], timeout=PROBE_SECONDS)
        if not done:  # it stays: a disk that hangs holds one thread, whatever the number of requests
            return [f"the disk of the data folder has not answered within {PROBE_SECONDS:g} s: {self._home}"]
        reasons, self._probe = self._probe.result(), None
        if not reasons:
            self._written_at = time.monotonic()
        return reasons


def disk_shortages(home: Path) -> list[str]:
    """The disks that lack space or are mounted read-only."""
    reasons = []
    for what, folder in _disks(home):
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE:
            needed = f"{free >> 20} MiB are left, {LEAST_FREE >> 20} are needed"
            reasons.append(f"the disk of the {what} is full: {needed}")
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            reasons.append(_words(what, DiskTrouble.READ_ONLY, folder))
    return reasons


def _failed_probes(home: Path) -> Iterator[str]:
    for what, folder in _disks(home):
        try:
            write_private(folder / PROBE, b"")
        except OSError as error:
            trouble = disk_trouble(error)
            reason = f"the {what} cannot be written: {error_words(error)}"
            yield reason if trouble is None else _words(what, trouble, folder)


def _disks(home: Path) -> Iterator[tuple[str, Path]]:
    """One folder of each disk, with its name in messages."""
    seen = set[int]()
    for what, folder in (
        ("data folder", home),
        *(("agents' folder", path) for path in sorted(home.glob("backends/*"))),
    ):
        device = folder.stat().st_dev
        if device not in seen:
            seen.add(device)
            yield what, folder


def _words(what: str, trouble: DiskTrouble, folder: Path) -> str:
    return f"{DISK_WORDS[trouble].replace('the disk', f'the disk of the {what}')}: {folder}"
