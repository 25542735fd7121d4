"""Which archives every database under the store keeps, as tests: subclass with a fixture `url`."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from atoll.model.records import Run
from atoll.model.states import RunState
from atoll.store.archives import Archive
from atoll.store.database import Database
from atoll.testing.store_samples import NOW, opened

LATER = NOW + timedelta(seconds=1)
RUN = Run("r1", "main", "train", "task", RunState.RUNNING, {}, NOW)
FIRST, SECOND, OTHER = Archive("main", "a" * 64, 3), Archive("main", "b" * 64, 4), Archive("team", "a" * 64, 3)


class ArchiveContract:
    """Keeps archives for as long as runs need them."""

    @pytest.fixture
    async def db(self, url: str) -> AsyncIterator[Database]:
        """One server's view, with three archives of two projects."""
        async with opened(url) as [database]:
            async with database.write() as tx:
                for archive in (FIRST, SECOND, OTHER):
                    await tx.archives.add(archive)
                    await tx.archives.add_part(archive.project, archive.digest, 0, b"abc")
            yield database

    async def test_a_project_finds_its_own_archives_alone(self, db: Database) -> None:
        async with db.write() as tx:
            assert await tx.archives.want("main", [FIRST.digest, "c" * 64]) == {FIRST.digest}
            assert await tx.archives.want("team", [SECOND.digest]) == set()
            assert await tx.archives.want("main", []) == set()
            assert await tx.archives.total() == 10
        async with db.read() as tx:
            assert await tx.archives.get("main", SECOND.digest) == SECOND
            assert await tx.archives.get("team", SECOND.digest) is None
            assert await tx.archives.part("team", OTHER.digest, 0) == b"abc"
            assert await tx.archives.part("team", OTHER.digest, 3) == b""

    async def test_an_archive_is_deleted_with_its_content_once_no_unfinished_run_uses_it(self, db: Database) -> None:
        async with db.write() as tx:
            await tx.add(RUN)
            await tx.archives.use(RUN.id, "main", [FIRST.digest, FIRST.digest])
        async with db.write() as tx:
            assert await tx.archives.delete_unused(NOW, 9) == [], "each was wanted a moment ago"
            assert {*await tx.archives.delete_unused(LATER, 9)} == {SECOND, OTHER}
            assert await tx.archives.get("main", SECOND.digest) is None
            assert await tx.archives.part("main", SECOND.digest, 0) == b""
            assert await tx.archives.part("main", FIRST.digest, 0) == b"abc"
        async with db.write() as tx:
            stopping = await tx.step(RUN, RunState.STOPPING)
            await tx.step(stopping, RunState.STOPPED)
        async with db.write() as tx:
            assert await tx.archives.delete_unused(LATER, 9) == [FIRST]
            assert await tx.archives.total() == 0
