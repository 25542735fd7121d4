"""`atoll server backup` and `restore`, through the command line, against a real server and its real database."""

import json
import shutil
import sqlite3
import stat
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import CommandLine

FLEET = "type: fleet\nname: {name}\nbackends: [fake]\nnodes: 1\nresources: {{cpu: 1..}}\n"


@pytest.fixture
def atoll(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line of a machine with a server of its own."""
    line = CommandLine(tmp_path, None)
    (tmp_path / "home").mkdir(mode=0o700)
    (tmp_path / "home" / "config.yml").write_text("backends: [{type: fake}]\n")
    yield line
    line("server", "stop")


def apply(atoll: CommandLine, name: str) -> None:
    """A fleet of this name, known to the server."""
    file = atoll.write(FLEET.format(name=name), f"{name}.atoll.yml")
    done = atoll("apply", "-f", file, "-y", "-d")
    assert done.returncode == 0, done.stderr


def fleets(atoll: CommandLine) -> set[str]:
    """The names of the fleets that the server knows."""
    done = atoll("fleet", "list", "--json")
    assert done.returncode == 0, done.stderr
    return {fleet["name"] for fleet in json.loads(done.stdout)}


def test_a_backup_restores_what_there_was_and_keeps_what_came_after_beside_it(atoll: CommandLine) -> None:
    apply(atoll, "first")
    kept = atoll("server", "backup", "kept.db")
    assert kept.returncode == 0, kept.stderr
    assert "in kept.db" in kept.stdout
    apply(atoll, "second")
    assert atoll("server", "stop").returncode == 0
    restored = atoll("server", "restore", "kept.db")
    assert restored.returncode == 0, restored.stderr
    assert fleets(atoll) == {"first"}
    atoll("server", "stop")
    former = Path(restored.stdout.split("the former one is ")[1].strip())
    (atoll.folder / "home" / "atoll.db").unlink()
    assert atoll("server", "restore", str(former)).returncode == 0
    assert fleets(atoll) == {"first", "second"}


def test_a_backup_is_for_its_owner_and_one_whole_file(atoll: CommandLine) -> None:
    apply(atoll, "first")
    assert atoll("server", "backup", "kept.db").returncode == 0
    path = atoll.folder / "kept.db"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("SELECT name FROM fleets").fetchall() == [("first",)]
    assert [name.name for name in atoll.folder.iterdir() if "kept" in name.name] == ["kept.db"]


@pytest.mark.long  # writes for as long as three backups take
def test_a_backup_in_the_midst_of_writes_is_of_one_moment(atoll: CommandLine) -> None:
    apply(atoll, "first")
    database = atoll.folder / "home" / "atoll.db"
    over = threading.Event()

    def write() -> None:
        with closing(sqlite3.connect(database, timeout=30)) as connection:
            number = 0
            while not over.is_set():
                number += 1
                connection.execute("BEGIN IMMEDIATE")
                for key in ("left", "right"):
                    connection.execute("INSERT OR REPLACE INTO settings VALUES (?, ?)", (key, str(number)))
                connection.commit()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for number in range(3):
            done = atoll("server", "backup", f"kept-{number}.db")
            assert done.returncode == 0, done.stderr
    finally:
        over.set()
        writer.join()
    for number in range(3):
        with closing(sqlite3.connect(atoll.folder / f"kept-{number}.db")) as connection:
            pair = connection.execute("SELECT value FROM settings WHERE key IN ('left', 'right')").fetchall()
        assert len(pair) == 2
        assert pair[0] == pair[1]


@pytest.mark.long  # several servers start
def test_a_file_is_overwritten_only_with_force(atoll: CommandLine) -> None:
    apply(atoll, "first")
    (atoll.folder / "kept.db").write_text("precious")
    refused = atoll("server", "backup", "kept.db")
    assert (refused.returncode, refused.stderr) == (
        1,
        "error: kept.db exists\n  help: choose another name, or use `--force`\n",
    )
    assert (atoll.folder / "kept.db").read_text() == "precious"
    assert atoll("server", "backup", "--force", "kept.db").returncode == 0
    assert (atoll.folder / "kept.db").read_bytes().startswith(b"SQLite format 3")
    own = atoll("server", "backup", "--force", "home/atoll.db")
    assert own.returncode == 1
    assert fleets(atoll) == {"first"}


def test_restore_waits_for_no_running_server(atoll: CommandLine) -> None:
    apply(atoll, "first")
    assert atoll("server", "backup", "kept.db").returncode == 0
    refused = atoll("server", "restore", "kept.db")
    assert refused.returncode == 1
    assert "stop it with `atoll server stop`" in refused.stderr
    assert fleets(atoll) == {"first"}


@pytest.mark.long  # many commands
def test_what_is_no_sound_database_of_this_atoll_is_refused_and_nothing_changes(atoll: CommandLine) -> None:
    apply(atoll, "first")
    assert atoll("server", "backup", "kept.db").returncode == 0
    atoll("server", "stop")
    shutil.copy(atoll.folder / "kept.db", atoll.folder / "newer.db")
    with closing(sqlite3.connect(atoll.folder / "newer.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    content = bytearray((atoll.folder / "kept.db").read_bytes())
    content[8192:40960] = b"\xff" * (40960 - 8192)
    (atoll.folder / "damaged.db").write_bytes(content)
    (atoll.folder / "text.db").write_text("a shopping list" * 1000)
    with closing(sqlite3.connect(atoll.folder / "foreign.db")) as connection:
        connection.execute("CREATE TABLE notes (text)")
    for name, said in (
        ("newer.db", "newer.db is of a newer Atoll (schema 9999)"),
        ("damaged.db", "damaged.db is"),
        ("text.db", "text.db is not a database of Atoll"),
        ("foreign.db", "foreign.db is not a database of Atoll"),
        ("missing.db", "there is no file missing.db"),
    ):
        refused = atoll("server", "restore", name)
        assert refused.returncode == 1
        assert said in refused.stderr
        assert "Traceback" not in refused.stderr
    assert not [path for path in (atoll.folder / "home").iterdir() if ".before-" in path.name]
    assert fleets(atoll) == {"first"}


@pytest.mark.parametrize("action", ["backup", "restore"])
def test_postgresql_has_its_own_tools_and_the_command_says_which(atoll: CommandLine, action: str) -> None:
    address = {"ATOLL_DATABASE_URL": "postgresql://someone:hidden@example.org:5433/atoll"}
    refused = atoll("server", action, "kept.db", environment=address)
    assert refused.returncode == 1
    assert {"backup": "`pg_dump ", "restore": "`pg_restore "}[action] in refused.stderr
    assert "postgresql://example.org:5433/atoll" in refused.stderr
    assert "hidden" not in refused.stderr + refused.stdout
    assert not (atoll.folder / "kept.db").exists()


def test_there_is_nothing_to_back_up_before_the_first_start(atoll: CommandLine) -> None:
    refused = atoll("server", "backup", "kept.db")
    assert refused.returncode == 1
    assert "there is no database at" in refused.stderr
    assert not (atoll.folder / "kept.db").exists()


def test_a_server_elsewhere_is_backed_up_where_it_runs(atoll: CommandLine) -> None:
    elsewhere = {"ATOLL_SERVER_URL": "http://example.org", "ATOLL_TOKEN": "t"}
    refused = atoll("server", "backup", "kept.db", environment=elsewhere)
    assert refused.returncode == 1
    assert "run `atoll server backup` where it runs" in refused.stderr
