"""What all tests share: coroutine tests run on asyncio; a private PostgreSQL for those that want one."""

import asyncio
import gc
import os
import secrets
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atoll.store.database import open_database
from atoll.testing.leftovers import watch_over
from atoll.testing.postgresql import INSTALL, Cluster, binaries

_FOLDER = "ATOLL_TEST_POSTGRESQL"
"""Set by the first process of a test run for all others: the folder of its PostgreSQL, and the process it ends with."""

SOAK_FROM = "ATOLL_SOAK_FROM"
"""The first seed of the storms of `make soak`; a new one each time unless it is set."""

IN_MEMORY = Path("/dev/shm")
IN_MEMORY_BYTES = 4 << 30
"""The free space from which on the tests' files are kept in memory: they never wait for a disk then."""

_WATCHER = pytest.StashKey[subprocess.Popen[bytes]]()


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


def pytest_configure(config: pytest.Config) -> None:
    if binaries() is None and os.environ.get("CI") == "true":
        raise pytest.UsageError(f"tests need PostgreSQL here: {INSTALL}")
    if not hasattr(config, "workerinput"):
        if "TMPDIR" not in os.environ and _keeps_files(IN_MEMORY):
            os.environ["TMPDIR"] = tempfile.tempdir = str(IN_MEMORY)
        name = f"atoll-pg-{secrets.token_hex(4)}"
        os.environ[_FOLDER] = f"{os.getpid()}:{Path(tempfile.gettempdir(), name)}"
        os.environ.setdefault(SOAK_FROM, str(1_000_000 + 1_000 * secrets.randbelow(10**8)))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Servers, agents and jobs of the tests end with the test run, also where that is cut off."""
    if not hasattr(session.config, "workerinput"):
        factory: pytest.TempPathFactory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        session.config.stash[_WATCHER] = watch_over(factory.getbasetemp())


def pytest_collection_finish() -> None:
    """As in the server, the collector passes over what was loaded, and comes less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if binaries() is None:
        left_out = [item for item in items if _wants_postgresql(item)]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """At how many crossings a server was killed, how many storms there were, and what was left out."""
    sums: Counter[str] = Counter()
    for report in terminalreporter.getreports("passed"):
        for name, value in report.user_properties if report.when == "call" else ():
            if name in ("killed", "storms"):
                where, _, number = str(value).rpartition(" ")
                sums[f"{name} {where}"] += int(number)
    for what, total in sorted(sums.items()):
        terminalreporter.write_line(f"{what}: {total}")
    if terminalreporter.config.option.markexpr == "soak":
        terminalreporter.write_line(f"storms from seed {os.environ[SOAK_FROM]} (repeat with {SOAK_FROM}=…)")
    if binaries() is None:
        terminalreporter.write_line(f"left out: all tests with PostgreSQL, which is not installed ({INSTALL})")


@pytest.fixture(scope="session")
def postgresql() -> Cluster:
    """The PostgreSQL of this test run, started by the first test that needs it, with an empty database `empty`."""
    watched, _, folder = os.environ[_FOLDER].partition(":")
    cluster = Cluster(Path(folder))
    cluster.start(int(watched))
    with cluster.once() as first:
        if first:
            asyncio.run(_migrated(cluster.database("empty")))
    return cluster


@pytest.fixture
def postgresql_database(postgresql: Cluster) -> Callable[[], str]:
    """Makes databases of the newest schema; each call the URL of a new one."""
    return lambda: postgresql.database(f"test_{secrets.token_hex(6)}", template="empty")


def _keeps_files(folder: Path) -> bool:
    """Whether programs can be run in a folder in memory, and it has space for all that the tests write."""
    try:
        unfit = os.statvfs(folder).f_flag & (os.ST_NOEXEC | os.ST_RDONLY)
        return not unfit and os.access(folder, os.W_OK) and shutil.disk_usage(folder).free >= IN_MEMORY_BYTES
    except OSError:
        return False


async def _migrated(url: str) -> None:
    database = await open_database(url, lambda: datetime.now(UTC))
    await database.close()


def _wants_postgresql(item: pytest.Item) -> bool:
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return "postgresql" in (*getattr(item, "fixturenames", ()), *parameters.values())
