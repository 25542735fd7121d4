"""Archives of several servers on one database, and what a server does without the content that a job needs."""

import hashlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from atoll.engine.engine import Engine, Options
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.archives import find_missing, receive
from atoll.engine.work.job_files import FilesGone, send_files
from atoll.store.archives import Archive
from atoll.store.database import open_database
from atoll.wire.agent import ArchiveState, JobFile

CONTENT = bytes(range(256)) * 10_000
DIGEST = hashlib.sha256(CONTENT).hexdigest()


class Machine:
    """What a machine's agent keeps of archives."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.whole: set[str] = set()

    async def archive(self, digest: str) -> ArchiveState:
        return ArchiveState(digest, len(self.content.get(digest, b"")), digest in self.whole)

    async def send_archive(self, digest: str, offset: int, data: bytes, end: bool) -> ArchiveState:
        assert offset == len(self.content.get(digest, b""))
        self.content[digest] = self.content.get(digest, b"") + data
        self.whole |= {digest} if end else set()
        return await self.archive(digest)


async def parts(content: bytes) -> AsyncIterator[bytes]:
    for offset in range(0, len(content), 65536):
        yield content[offset : offset + 65536]


async def engine_at(url: str, home: Path) -> Engine:
    home.mkdir()
    options = Options()
    return await Engine.over(await open_database(url, options.now), {}, home, options)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_any_server_of_a_database_hands_an_archive_to_a_machine(
    kind: str, tmp_path: Path, postgresql_database: Callable[[], str]
) -> None:
    url = postgresql_database() if kind == "postgresql" else f"sqlite:///{tmp_path}/atoll.db"
    first = await engine_at(url, tmp_path / "first")
    second = await engine_at(url, tmp_path / "second") if kind == "postgresql" else first
    try:
        assert await find_missing(first.context, "main", [DIGEST]) == [DIGEST]
        for _ in range(2):
            assert await receive(first.context, "main", DIGEST, parts(CONTENT)) == len(CONTENT)
        assert await find_missing(second.context, "main", [DIGEST]) == []
        assert await find_missing(second.context, "other", [DIGEST]) == [DIGEST]
        machine = Machine()
        assert await send_files(second.context, "main", [JobFile(DIGEST, "a"), JobFile(DIGEST, "b")], machine)  # type: ignore[arg-type]
        assert machine.content == {DIGEST: CONTENT}
        with pytest.raises(Refused, match="has another SHA-256"):
            await receive(first.context, "main", "0" * 64, parts(CONTENT))
        assert not list((tmp_path / "first" / "archives").glob(".receiving-*"))
    finally:
        await first.close()
        if second is not first:
            await second.close()


async def test_a_job_whose_files_are_gone_says_so(tmp_path: Path) -> None:
    engine = await engine_at(f"sqlite:///{tmp_path}/atoll.db", tmp_path / "home")
    machine = Machine()
    try:
        with pytest.raises(FilesGone, match="no longer has its files"):
            await send_files(engine.context, "main", [JobFile(DIGEST, "a")], machine)  # type: ignore[arg-type]
        await receive(engine.context, "main", DIGEST, parts(CONTENT))
        (tmp_path / "home" / "archives" / "main" / f"{DIGEST}.tar").unlink()
        with pytest.raises(FilesGone, match="copy of its files is missing"):
            await send_files(engine.context, "main", [JobFile(DIGEST, "a")], machine)  # type: ignore[arg-type]
    finally:
        await engine.close()


async def test_an_installation_keeps_archives_up_to_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atoll.engine.parts.archive_storage.MOST_BYTES", 100)
    engine = await engine_at(f"sqlite:///{tmp_path}/atoll.db", tmp_path / "home")
    try:
        with pytest.raises(Refused, match="no more fit"):
            await receive(engine.context, "main", DIGEST, parts(CONTENT))
        assert not any((tmp_path / "home" / "archives" / "main").iterdir())
        with pytest.raises(FileNotFoundError):
            await engine.context.archives.read(Archive("main", DIGEST, len(CONTENT)), 0)
    finally:
        await engine.close()
