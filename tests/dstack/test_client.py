"""dstack's own command line, unchanged, against a real server. `make test-dstack` installs it."""

import os
import re
import subprocess
import time
from pathlib import Path

import pytest

from tests.dstack.conftest import Site

pytestmark = [pytest.mark.dstack, pytest.mark.timeout(300)]
DSTACK = Path(os.environ.get("DSTACK", ".dstack/bin/dstack")).absolute()
FLEET = "type: fleet\nname: crew\nnodes: 2\nresources: {cpu: 1.., memory: 100MB.., disk: 1GB..}\n"
TASK = """\
type: task
name: hello
nodes: 2
commands: ['echo "hello from $ATOLL_NODE_RANK"']
resources: {cpu: 1.., memory: 100MB.., disk: 1GB..}
"""
VOLUME = "type: volume\nname: disk\nbackend: aws\nregion: local\navailability_zone: local-b\nsize: 1GB\n"


class Client:
    """dstack's command line in a folder of its own, with its own configuration."""

    def __init__(self, folder: Path, site: Site) -> None:
        self.folder = folder
        self.site = site
        assert DSTACK.exists(), "run `make test-dstack`, which installs dstack"
        self.ok("project", "add", "--name", "main", "--url", site.server.address, "--token", site.tokens["admin"], "-y")

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        environment = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "200", "NO_COLOR": "1"}
        return subprocess.run(
            [str(DSTACK), *arguments],
            cwd=self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def ok(self, *arguments: str) -> str:
        done = self.run(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def until(self, pattern: str, *arguments: str) -> str:
        """The output of a command, once it matches."""
        limit = time.monotonic() + 90
        while not re.search(pattern, shown := self.ok(*arguments)):
            assert time.monotonic() < limit, shown
        return shown


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Client:
    return Client(tmp_path_factory.mktemp("client"), site)


def test_a_fleet_is_applied_listed_updated_and_deleted(client: Client) -> None:
    shown = client.ok("apply", "-f", client.write("crew.dstack.yml", FLEET), "-y", "-d")
    assert "local.2x8" in shown or "aws" in shown
    client.until(r"instance=1 .*idle", "fleet")
    client.ok("apply", "-f", client.write("crew.dstack.yml", FLEET.replace("nodes: 2", "nodes: 1")), "-y", "-d")
    client.until(r"(?s)instance=0 .*idle(?!.*instance=1)", "fleet")
    assert "crew" in [one.name for one in client.site.client.fleets()]
    client.ok("fleet", "delete", "crew", "-y")
    client.until(r"^(?!(?s:.*crew))", "fleet")


def test_a_task_of_two_nodes_runs_and_its_logs_and_events_are_shown(client: Client) -> None:
    client.ok("apply", "-f", client.write("hello.dstack.yml", TASK), "-y", "-d")
    assert "local-" in client.ok("event", "--target-run", "hello") or "hello" in client.ok("event")
    client.until(r"hello .*done", "ps", "-a")
    assert "hello from 0" in client.ok("logs", "hello")
    assert "hello from 1" in client.ok("logs", "hello", "--job", "1")
    client.ok("delete", "-f", "hello.dstack.yml", "-y")


def test_a_running_task_is_stopped(client: Client) -> None:
    text = TASK.replace("name: hello", "name: long").replace("nodes: 2", "nodes: 1")
    text = re.sub(r"commands: .*", "commands: [sleep 300]", text)
    client.ok("apply", "-f", client.write("long.dstack.yml", text), "-y", "-d")
    client.until(r"long .*running", "ps")
    client.ok("stop", "long", "-y")
    client.until(r"long .*(terminated|stopped)", "ps", "-a")


def test_a_volume_is_applied_listed_and_deleted(client: Client) -> None:
    client.ok("apply", "-f", client.write("disk.dstack.yml", VOLUME), "-y", "-d")
    client.until(r"disk .*active", "volume")
    client.ok("volume", "delete", "disk", "-y")


def test_offers_are_shown(client: Client) -> None:
    assert "local" in client.ok("offer", "--cpu", "1..", "--memory", "0.1GB..")


def test_a_zone_that_does_not_exist_is_explained_on_its_terminal(client: Client) -> None:
    text = TASK + "availability_zones: [local-x]\n"
    done = client.run("apply", "-f", client.write("wrong.dstack.yml", text), "-y", "-d")
    assert done.returncode != 0
    assert "local-x" in done.stdout + done.stderr


def test_a_wrong_token_and_a_wrong_project_are_refused(client: Client) -> None:
    address = client.site.server.address
    wrong = client.run("project", "add", "--name", "main", "--url", address, "--token", "wrong", "-n", "-y")
    assert wrong.returncode != 0 or "denied" in wrong.stdout + wrong.stderr
    missing = client.run(
        "project", "add", "--name", "nothing", "--url", address, "--token", client.site.tokens["admin"], "-n", "-y"
    )
    assert "no project `nothing`" in missing.stdout + missing.stderr
