"""Several real servers on one PostgreSQL and one fake cloud share the work, and take over what one leaves behind."""

import base64
import re
import secrets
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from atoll.backends.fake import Ledger
from atoll.wire.api import FleetView, InstanceView, SourceFile, Submission
from tests.server.process import ServerProcess

FLEET = "type: fleet\nname: {name}\nbackends: [fake]\nnodes: {nodes}\nresources: {{cpu: 2}}\n"
TASK = "type: task\nname: work\nbackends: [fake]\nresources: {cpu: 2}\ncommands: [first, second, third]\n"
NODES = 24


class Replica(ServerProcess):
    """One of several servers: a data folder of its own, and the rest shared."""

    module = "tests.replicas.short_lease"

    def __init__(self, home: Path, database: str, cloud: str) -> None:
        super().__init__(home, {"ATOLL_DATABASE_URL": database, "ATOLL_SECRET_KEY": KEY, "PYTHONPATH": str(ROOT)})
        (home / "config.yml").write_text(f"backends: [{{type: fake, {cloud}}}]\n")

    def stop(self) -> None:
        """End it as users do."""
        self.ask_to_stop()
        self.end(30)

    def start(self) -> None:
        """Start it again."""
        self.__enter__()

    def kill(self) -> None:
        """End it without a word."""
        self._process.kill()
        self._process.wait()

    def turns(self) -> float:
        """How many turns of work on instances this server has done."""
        headers = {"Authorization": f"Bearer {self.token}"}
        text = httpx.get(f"{self.address}/metrics", headers=headers).text
        found = re.findall(r'^atoll_reconcile_seconds_count\{kind="instance".*\} (\S+)$', text, re.MULTILINE)
        return sum(map(float, found))


ROOT = Path(__file__).parents[2]
KEY = base64.b64encode(secrets.token_bytes(32)).decode()


@pytest.fixture
def replicas(tmp_path: Path, postgresql_database: Callable[[], str]) -> Iterator[Callable[[int, str], list[Replica]]]:
    """Starts servers on a new database and a new cloud, which follows a script."""
    database = postgresql_database()
    with ExitStack() as stack:

        def start(count: int, cloud: str) -> list[Replica]:
            script = f"ledger: {tmp_path / 'cloud.jsonl'}, {cloud}"
            found = [Replica(tmp_path / f"home-{number}", database, script) for number in range(count)]
            with ThreadPoolExecutor(count) as pool:
                return list(pool.map(stack.enter_context, found))

        yield start


def test_two_servers_share_the_work_and_do_nothing_twice(
    tmp_path: Path, replicas: Callable[[int, str], list[Replica]]
) -> None:
    first, second = replicas(2, "latency: {launch: 0.2}, boot: 0.5")
    apply(first, FLEET.format(name="a", nodes=NODES))
    apply(second, FLEET.format(name="b", nodes=NODES))
    assert len(settled(first, 2 * NODES)) == 2 * NODES
    assert {fleet.name for fleet in fleets(second)} == {"a", "b"}
    assert first.turns() > NODES / 4
    assert second.turns() > NODES / 4
    exact(tmp_path, first)
    for replica, name in ((second, "a"), (first, "b")):
        replica.client.delete_fleet(name)
    assert settled(second, 0) == []
    exact(tmp_path, second)


def test_what_a_killed_server_had_begun_is_finished_by_the_other(
    tmp_path: Path, replicas: Callable[[int, str], list[Replica]]
) -> None:
    first, second = replicas(2, "latency: {launch: 2.0}, boot: 0.5")
    second.stop()
    apply(first, FLEET.format(name="a", nodes=NODES))
    while not any(instance.status == "launching" for instance in first.client.instances()):
        time.sleep(0.02)
    assert not any(instance.status == "idle" for instance in first.client.instances())
    first.kill()  # all launches are its own, and none has its answer
    second.start()
    assert len(settled(second, NODES)) == NODES
    exact(tmp_path, second)


@pytest.mark.long  # two servers start
def test_a_log_that_one_server_fetched_is_read_from_another_and_after_its_end(
    replicas: Callable[[int, str], list[Replica]],
) -> None:
    first, second = replicas(2, "job_seconds: 0.5")
    apply(first, TASK)
    while second.client.run("work").status not in ("done", "failed"):
        time.sleep(0.05)
    logs = [replica.client.logs("work").data for replica in (first, second)]
    assert logs[0] == logs[1]
    assert b"second" in logs[0]
    first.kill()
    assert second.client.logs("work").data == logs[0]


@pytest.mark.long  # three servers start
def test_servers_that_start_at_once_on_an_empty_database_are_one_installation(
    tmp_path: Path, replicas: Callable[[int, str], list[Replica]]
) -> None:
    started = replicas(3, "boot: 0")
    for number, replica in enumerate(started):
        apply(replica, FLEET.format(name=f"f{number}", nodes=1))
    assert len(settled(started[0], 3)) == 3
    owners = {machine.owner for machine in Ledger.read(tmp_path / "cloud.jsonl").machines.values()}
    assert len(owners) == 1


def apply(replica: Replica, text: str) -> None:
    replica.client.apply(Submission((SourceFile("x.yml", text),)))


def fleets(replica: Replica) -> list[FleetView]:
    return replica.client.fleets()


def settled(replica: Replica, count: int) -> list[InstanceView]:
    """The instances, once this many exist and all are ready for work."""
    while True:
        found = replica.client.instances()
        if len(found) == count and all(instance.status == "idle" for instance in found):
            return found
        time.sleep(0.1)


def exact(tmp_path: Path, replica: Replica) -> None:
    """The cloud holds exactly what the servers say: one living machine for each instance, and never a second one."""
    ledger = Ledger.read(tmp_path / "cloud.jsonl")
    machines = list(ledger.machines.values())
    assert {machine.token for machine in ledger.alive()} == {instance.id for instance in replica.client.instances()}
    assert len({machine.token for machine in machines}) == len(machines)
