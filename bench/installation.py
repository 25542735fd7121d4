"""An installation of Atoll for load: servers on one fake cloud and one database, in folders that go away with it."""

import base64
import secrets
import shutil
import sqlite3
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Protocol

from atoll.backends.fake import FakeCloud, Ledger, Script
from atoll.testing.postgresql import Cluster
from atoll.wire.api import SourceFile, Submission
from bench.process import Server, family_cpu_seconds

CONFIG = "backends: [{{type: fake, zones: 3, regions: 10, latency: {{launch: {launch}}}, ledger: {ledger}}}]\n"
FLEET = "type: fleet\nname: load-{number}\nnodes: {nodes}\nplacement: spread\nbackends: [fake]\nresources: {{cpu: 2}}\n"
FLEET_NODES = 100
TASK = "type: task\nname: work-{number}\ncommands: [work]\nretry: true\nenv: {{FAKE_SECONDS: '{seconds}'}}\n"
GIVE_UP = 900.0
"""How long anything may take, in seconds."""
POLL = 0.2
ACTIVE = "SELECT count(*) FROM instances WHERE state = 'active'"
TERMINATED = "SELECT count(*) FROM instances WHERE state = 'terminated'"
WORKING = (
    "SELECT count(*) FROM jobs JOIN instances ON instances.id = jobs.instance_id "
    "WHERE jobs.state = 'running' AND instances.state = 'active'"
)


class Tables(Protocol):
    """A database as its administrator sees it: rows of text."""

    def rows(self, statement: str) -> list[list[str]]:
        """The answer to one question."""
        ...


class SqliteTables:
    """The file of one server."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def rows(self, statement: str) -> list[list[str]]:
        """The answer to one question."""
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True, timeout=10)) as connection:
            return [[str(cell) for cell in row] for row in connection.execute(statement)]


class PostgresqlTables:
    """One database of a cluster."""

    def __init__(self, cluster: Cluster, name: str) -> None:
        self._cluster, self._name = cluster, name

    def rows(self, statement: str) -> list[list[str]]:
        """The answer to one question."""
        return [line.split("|") for line in self._cluster.sql(statement, self._name).splitlines()]


class Installation:
    """Servers that share a cloud, and with a cluster a database; without one there is a single server on SQLite.

    A launch takes `launch` seconds.
    """

    def __init__(self, folder: Path, cluster: Cluster | None, launch: float) -> None:
        self.servers: list[Server] = []
        self._folder = folder
        self._launch = launch
        self._environment: dict[str, str] = {}
        self.tables: Tables = SqliteTables(folder / "home-0" / "atoll.db")
        if cluster is not None:
            name = f"load_{secrets.token_hex(4)}"
            key = base64.b64encode(secrets.token_bytes(32)).decode()
            self._environment = {"ATOLL_DATABASE_URL": cluster.database(name), "ATOLL_SECRET_KEY": key}
            self.tables = PostgresqlTables(cluster, name)

    def start(self) -> Server:
        """One more server, once it answers."""
        home = self._folder / f"home-{len(self.servers)}"
        home.mkdir(mode=0o700)
        (home / "config.yml").write_text(CONFIG.format(ledger=self._folder / "cloud.jsonl", launch=self._launch))
        server = Server(home, self._environment)
        self.servers.append(server)
        server.wait_healthy()
        return server

    def apply(self, instances: int) -> None:
        """Apply fleets with this many instances together, in one file."""
        count, rest = divmod(instances, FLEET_NODES)
        sizes = [FLEET_NODES] * count + [rest] * bool(rest)
        text = "---\n".join(FLEET.format(number=number, nodes=nodes) for number, nodes in enumerate(sizes))
        self.servers[0].client.apply(Submission((SourceFile("load.yml", text),)))

    def wait_active(self, instances: int) -> None:
        """Wait until at least this many are active."""
        self.wait_for(ACTIVE, instances)

    def wait_for(self, counted: str, least: int) -> None:
        """Wait until this query counts at least this many. Raises RuntimeError after `GIVE_UP` with what it counts."""
        limit = time.monotonic() + GIVE_UP
        while (found := int(self.tables.rows(counted)[0][0])) < least:
            if time.monotonic() > limit:
                raise RuntimeError(f"after {GIVE_UP:g} s it is {found} in place of {least}: {counted}")
            time.sleep(POLL)

    def run(self, tasks: int) -> None:
        """Apply this many tasks that outlast the benchmark, print nothing, and are retried when lost."""
        text = "---\n".join(TASK.format(number=number, seconds=2 * GIVE_UP) for number in range(tasks))
        self.servers[0].client.apply(Submission((SourceFile("tasks.yml", text),)))

    def fail_zones(self, count: int) -> int:
        """Let the first zones fail, with all that is there; how many instances that were."""
        rows = self.tables.rows(
            "SELECT zone, count(*) FROM instances WHERE state = 'active' GROUP BY zone ORDER BY zone"
        )
        cloud = FakeCloud(Script(()), ledger=Ledger(self._folder / "cloud.jsonl"))
        for zone, _ in rows[:count]:
            cloud.fail_zone(zone)
        return sum(int(instances) for _, instances in rows[:count])

    def cpu_seconds(self) -> float:
        """What all servers have taken so far."""
        return family_cpu_seconds(server.pid for server in self.servers)


@contextmanager
def installation(cluster: Cluster | None = None, launch: float = 2) -> Iterator[Installation]:
    """An installation without servers yet; all that it starts ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="atoll-bench-"))
    made: Installation | None = None
    try:
        made = Installation(folder, cluster, launch)
        yield made
    finally:
        for server in [] if made is None else made.servers:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def postgresql() -> Iterator[Cluster]:
    """A private PostgreSQL that writes as safely as one in use; it ends with the block, or with this process."""
    # It lives as long as a process that it watches: one that ends when this one does, however it ends.
    watched = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    cluster = Cluster(Path(tempfile.gettempdir(), f"atoll-pg-{secrets.token_hex(4)}"), durable=True)
    try:
        cluster.start(watched.pid)
        yield cluster
    finally:
        watched.communicate()
        cluster.wait_gone()
        cluster.folder.with_suffix(".log").unlink(missing_ok=True)


def postgresql_pid(cluster: Cluster) -> int:
    """The process that all others of the cluster come from."""
    return int((cluster.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
