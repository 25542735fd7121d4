"""`python -m atoll.server.backup backup|restore`: the SQLite database of a data folder to a file, and back.

A backup is a whole database of one moment, taken by SQLite's online backup while the server works. A restore needs the
data folder for itself; it checks the file first, and keeps the previous database next to the new. ATOLL_DATABASE_URL
names another database than the folder's own.
"""

import argparse
import os
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from atoll.model.system_error import error_words
from atoll.server.home import Home, HomeError
from atoll.store import migrations
from atoll.store.address import DatabaseError, DatabaseUrl, database_url, place
from atoll.store.sqlite import sqlite_url


class BackupError(Exception):
    """A backup or restore cannot be done: what is wrong, and what to do about it."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.help = help


def backup(database: Path, target: Path, *, force: bool = False) -> str:
    """Write the database to a new file, readable by its owner only; returns a summary. Raises BackupError."""
    if not database.exists():
        raise BackupError(f"there is no database at {database}", "it is made when the server first starts")
    if target.exists() and (not force or target.is_dir() or target.samefile(database)):
        raise BackupError(f"{target} exists", None if target.is_dir() else "choose another name, or use `--force`")
    with _draft(target) as draft:
        _copy(database, draft)
        version = _version(draft, target)
        if force:
            draft.replace(target)
        else:
            os.link(draft, target)  # unlike a rename, this never replaces a file created meanwhile
        _sync(target.parent)
    return f"kept the database (schema {version}, {target.stat().st_size / 1e6:.1f} MB) in {target}"


def restore(folder: Path, database: Path, source: Path) -> str:
    """Replace the database with a backup; returns a summary. Raises BackupError, HomeError."""
    if not source.is_file():
        raise BackupError(f"there is no file {source}")
    home = Home(folder)
    try:
        version = _version(source, source)
        with _draft(database) as draft:
            _copy(source, draft)
            kept = _put_aside(database)
            draft.replace(database)
            _sync(database.parent)
    finally:
        home.close()
    former = f"; the former one is {kept}" if kept else ""
    return f"restored the database (schema {version}) from {source}{former}"


def _copy(source: Path, target: Path) -> None:
    try:
        with closing(_open(source)) as reading, closing(sqlite3.connect(target)) as writing:
            reading.backup(writing)
            writing.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
    except sqlite3.Error as error:
        raise BackupError(f"{source} cannot be copied: {error}") from error
    _sync(target)


def _version(path: Path, shown: Path) -> str:
    """The schema of a sound database of Atoll that this version can use."""
    try:
        with closing(_open(path)) as connection:
            faults = [row[0] for row in connection.execute("PRAGMA integrity_check(1)")]
            if faults != ["ok"]:
                raise BackupError(f"{shown} is damaged: {faults[0]}", "take another backup")
            version = str(connection.execute("SELECT version_num FROM alembic_version").fetchone()[0])
    except (sqlite3.Error, TypeError) as error:
        raise BackupError(f"{shown} is not a database of Atoll: {error}") from error
    if version not in migrations.revisions():
        raise BackupError(f"{shown} is of a newer Atoll (schema {version})", "restore it with that Atoll")
    return version


def _put_aside(database: Path) -> Path | None:
    """Give the database a second name; it keeps its own until it is replaced."""
    if not database.exists():
        return None
    with suppress(sqlite3.Error), closing(sqlite3.connect(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    kept = database.with_name(f"{database.name}.before-{moment}")
    os.link(database, kept)
    for suffix in ("-wal", "-shm"):  # still there only where the database could not be read
        with suppress(FileNotFoundError):
            database.with_name(database.name + suffix).rename(kept.with_name(kept.name + suffix))
    return kept


def _open(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


@contextmanager
def _draft(target: Path) -> Iterator[Path]:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        yield draft
    finally:
        draft.unlink(missing_ok=True)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _file(url: DatabaseUrl, action: str, file: Path) -> Path:
    """Returns the SQLite file; for PostgreSQL raises BackupError with the commands of its own tools."""
    if url.drivername.startswith("sqlite"):
        return Path(url.database or "")
    words = {
        "backup": f"`pg_dump --format=custom --file={file} '{place(url)}'`",
        "restore": "stop every server, then `pg_restore --clean --if-exists --single-transaction "
        f"--dbname='{place(url)}' {file}`",
    }
    raise BackupError("the database is PostgreSQL, which has tools of its own for this", words[action])


def main() -> None:
    """Do it; exits 1 with what is wrong and what to do."""
    parser = argparse.ArgumentParser(prog="atoll.server.backup")
    parser.add_argument("action", choices=("backup", "restore"))
    parser.add_argument("file", type=Path)
    parser.add_argument("--home", type=Path, required=True, help="the data folder")
    parser.add_argument("--force", action="store_true", help="replace the file")
    given = parser.parse_args()
    try:
        url = database_url(os.environ.get("ATOLL_DATABASE_URL") or str(sqlite_url(given.home / "atoll.db")))
        database = _file(url, given.action, given.file)
        if given.action == "backup":
            print(backup(database, given.file, force=given.force))  # noqa: T201
        else:
            print(restore(given.home, database, given.file))  # noqa: T201
    except (BackupError, DatabaseError, HomeError, OSError) as error:
        help = getattr(error, "help", None)
        print(f"error: {error_words(error)}" + (f"\n  help: {help}" if help else ""), file=sys.stderr)  # noqa: T201
        sys.exit(1)


if __name__ == "__main__":
    main()
