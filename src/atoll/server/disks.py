"""The disks of the data folder and of the agents' folders: what keeps them from being written, and since when.

A watch looks at them all the time, so that the beginning is known; `/readyz` and the status look for themselves.
"""

import asyncio
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from atoll.model.system_error import DISK_WORDS, DiskTrouble, disk_trouble, error_words
from atoll.private_files import write_private

log = logging.getLogger("atoll.server")

LEAST_FREE = 32 << 20
"""Bytes that must be free."""
PROBE = ".probe"
"""The file that is written to find out whether a folder can be written."""
PROBE_SECONDS = 5.0
"""How long the probes may take, and for how long a success counts: the route is open to all."""
WATCH_SECONDS = 10.0
"""Between two looks of the watch."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a disk cannot be written, in words with the folder, and since when it is known."""

    text: str
    since: datetime


@dataclass(frozen=True, slots=True)
class _Reason:
    """`key` stays while the text changes, such as with the bytes that are left."""

    key: tuple[str, str]
    text: str


class Disks:
    """The disks below one data folder."""

    def __init__(self, home: Path, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._home = home
        self._now = now
        self._probe: asyncio.Task[list[_Reason]] | None = None
        self._written_at = float("-inf")
        self._known: dict[tuple[str, str], Trouble] = {}

    async def watch(self) -> None:
        """Look again and again, and log what begins and what is over."""
        while True:
            try:
                await self.trouble()
            except OSError as error:
                log.error("the disks cannot be looked at: %s", error_words(error))
            await asyncio.sleep(WATCH_SECONDS)

    async def trouble(self) -> list[Trouble]:
        """What keeps a disk from being written; empty where all can be."""
        reasons = _shortages(self._home) or await self._probed()
        known, now = self._known, self._now()
        self._known = {
            reason.key: Trouble(reason.text, known[reason.key].since if reason.key in known else now)
            for reason in reasons
        }
        for reason in reasons:
            if reason.key not in known:
                log.error("%s", reason.text)
        for key in known.keys() - self._known.keys():
            # With the cause: where the log is on that disk, its beginning could not be logged.
            seconds = (now - known[key].since).total_seconds()
            log.warning("the disk of the %s can be written again, after %.0f s: %s", key[0], seconds, known[key].text)
        return list(self._known.values())

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

    async def _probed(self) -> list[_Reason]:
        if time.monotonic() - self._written_at < PROBE_SECONDS:
            return []
        if self._probe is None:
            self._probe = asyncio.create_task(asyncio.to_thread(lambda: [*_failed_probes(self._home)]))
        done, _ = await asyncio.wait([self._probe], timeout=PROBE_SECONDS)
        if not done:  # it stays: a disk that hangs holds one thread, whatever the number of requests
            text = f"the disk of the data folder has not answered within {PROBE_SECONDS:g} s: {self._home}"
            return [_Reason(("data folder", "silent"), text)]
        reasons, self._probe = self._probe.result(), None
        if not reasons:
            self._written_at = time.monotonic()
        return reasons


def _shortages(home: Path) -> list[_Reason]:
    """The disks that lack space or are mounted read-only."""
    reasons = []
    for what, folder in _disks(home):
        free = shutil.disk_usage(folder).free
        if free < LEAST_FREE:
            needed = f"{free >> 20} MiB are left, {LEAST_FREE >> 20} are needed"
            reasons.append(_Reason((what, DiskTrouble.FULL), f"the disk of the {what} is full: {needed}"))
        if os.statvfs(folder).f_flag & os.ST_RDONLY:
            reasons.append(_reason(what, DiskTrouble.READ_ONLY, folder))
    return reasons


def _failed_probes(home: Path) -> Iterator[_Reason]:
    for what, folder in _disks(home):
        try:
            write_private(folder / PROBE, b"")
        except OSError as error:
            trouble = disk_trouble(error)
            if trouble is None:
                yield _Reason((what, "unwritable"), f"the {what} cannot be written: {error_words(error)}")
            else:
                yield _reason(what, trouble, folder)


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


def _reason(what: str, trouble: DiskTrouble, folder: Path) -> _Reason:
    text = DISK_WORDS[trouble].replace("the disk", f"the disk of the {what}")
    return _Reason((what, trouble), f"{text}: {folder}")
