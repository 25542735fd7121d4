"""Hosts of one's own from the file to the log, over real SSH: `atoll` as a user runs it."""

import os
import re
import shutil
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.e2e.conftest import until
from tests.e2e.test_attach import Attached, page_at
from tests.hosts.conftest import Site


def test_two_machines_and_a_file_give_a_task_over_both_with_their_addresses_and_zones(site: Site) -> None:
    planned = site.ok("plan", "-f", site.rack(1, 2, more="placement: spread\n"))
    assert "rack-1 1   rack-2 1" in planned
    site.ok("apply", "-f", "rack.atoll.yml", "-y")
    words = ("$ATOLL_NODE_RANK of $DSTACK_NODES_NUM in $ATOLL_ZONE", "$DSTACK_MASTER_NODE_IP", "$(hostname)")
    shown = site.ok("apply", "-f", site.task("hello", *(f"echo {word}" for word in words), more="nodes: 2\n"), "-y")
    master = re.search(r"hello-0 \| 0 of 2 in rack-([12])\n", shown)
    assert master
    lines = set(shown.splitlines())
    assert f"hello-1 | 1 of 2 in rack-{3 - int(master[1])}" in lines
    assert {f"hello-{rank} | {site.lab.address(int(master[1]))}" for rank in (0, 1)} <= lines
    assert "z1h1" in shown
    assert "z2h1" in shown
    assert re.search(r"rack-1 +ssh +available", site.ok("zone"))


def test_a_fleet_that_is_deleted_leaves_nothing_on_its_hosts(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    assert "owner" in site.lab.on(1, 1, "ls /root/.atoll")
    site.ok("delete", "fleet", "rack", "-y")
    until(lambda: site.lab.on(1, 1, "ls -A /root") == "", "the host to be clean")


def test_hosts_serve_only_the_fleet_that_declares_them(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    greedy = site.write("greedy", "type: fleet\nname: greedy\nnodes: 1\nbackends: [ssh]\n")
    assert "its hosts belong to the fleets that declare them" in site("plan", "-f", greedy).stdout
    twice = site.fleet("other", f"{{hostname: {site.lab.address(1)}}}")
    assert "belongs to fleet `rack`" in site.refused("apply", "-f", twice, "-y")
    plain = site.write("plain", "type: fleet\nname: plain\nnodes: 1\nresources: {cpu: 1.., memory: 1GB..}\n")
    assert "local.2x8 in local" in site.ok("plan", "-f", plain)


def test_placement_holds_for_hosts(site: Site) -> None:
    apart = site.rack(1, 2, more="placement: cluster\n")
    assert "does not fit" in site.refused("apply", "-f", apart, "-y")
    hosts = [f"{{hostname: {site.lab.address(z, h)}, availability_zone: rack-{z}}}" for z in (1, 2, 3) for h in (1, 2)]
    survives = site.fleet("rack", *hosts, more="nodes: 4\nplacement: {strategy: spread, survive_zones: 1}\n")
    assert "rack-1 2   rack-2 2   rack-3 2" in site.ok("plan", "-f", survives)


def test_a_host_is_added_in_place_under_a_running_job(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    site.ok("apply", "-f", site.task("long", "sleep 60"), "-y", "-d")
    until(lambda: "busy" in site.row("0"), "the job to run")
    assert "in place" in site.ok("apply", "-f", site.rack(1, 2), "-y")
    assert "busy" in site.row("0")
    assert "idle" in site.row("1")


@pytest.mark.long  # jobs of 12 s run to their end
def test_a_host_that_is_removed_ends_when_its_job_is_over_and_the_others_keep_theirs(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1, 2, 3), "-y")
    for name, zone in (("one", 1), ("two", 2)):
        long = site.task(name, "sleep 12; echo over", more=f"availability_zones: [rack-{zone}]\n")
        site.ok("apply", "-f", long, "-y", "-d")
    until(lambda: site.ok("fleet").count("busy") == 2, "the jobs to run")
    assert "removes rack-2 (rack-3), rack-1 (rack-2, busy)" in site.ok("plan", "-f", site.rack(1))
    site.ok("apply", "-f", "rack.atoll.yml", "-y", "-d")
    until(lambda: "rack-3" not in site.ok("fleet"), "the idle host to go")
    assert site.ok("fleet").count("busy") == 2
    until(lambda: "done" in site.ok("run", "get", "two"), "the job on the removed host to end")
    assert "over" in site.ok("logs", "two")
    until(lambda: "rack-2" not in site.ok("fleet"), "the removed host to go")
    until(lambda: site.lab.on(2, 1, "ls -A /root") == "", "the removed host to be clean")
    assert "done" in site.ok("run", "get", "one") or "busy" in site.row("0")
    assert re.search(r"rack +1/1", site.ok("fleet"))


def test_a_host_whose_zone_changes_starts_again_there_and_the_others_keep_their_jobs(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1, 2), "-y")
    long = site.task("long", "sleep 40", more="availability_zones: [rack-1]\n")
    site.ok("apply", "-f", long, "-y", "-d")
    until(lambda: "busy" in site.ok("fleet"), "the job to run")
    hosts = [
        f"{{hostname: {site.lab.address(zone)}, availability_zone: {name}}}"
        for zone, name in ((1, "rack-1"), (2, "barn"))
    ]
    moved = site.fleet("rack", *hosts)
    planned = site.ok("plan", "-f", moved)
    assert "   barn 1" in planned
    assert "ends rack-1 (rack-2) first" in planned
    site.ok("apply", "-f", moved, "-y")
    shown = site.ok("fleet")
    assert re.search(r"rack +2/2 .* barn 1, rack-1 1 +active", shown)
    assert "busy" in site.row("0")
    until(lambda: "rack-2" not in site.ok("zone"), "the former zone to go")


@pytest.mark.long  # a job of 8 s runs to its end
def test_a_host_that_is_reached_otherwise_keeps_its_job(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    site.ok("apply", "-f", site.task("long", "sleep 8; echo over"), "-y", "-d")
    until(lambda: "busy" in site.row("0"), "the job to run")
    other = site.folder / "other-key"
    shutil.copy(site.lab.identity, other)
    jump = f"proxy_jump: {{hostname: {site.lab.address(1, 2)}, user: root, identity_file: {site.lab.identity}}}"
    address = site.lab.address(1)
    host = f"{{hostname: {address}, availability_zone: rack-1, internal_ip: {address}, {jump}}}"
    changed = site.fleet("rack", host, identity=other)
    assert "in place" in site.ok("apply", "-f", changed, "-y")
    assert "busy" in site.row("0")
    until(lambda: "done" in site.ok("run", "get", "long"), "the job to end")
    assert "over" in site.ok("logs", "long")


@pytest.mark.long  # real hosts, whose agents start and end
def test_another_ssh_port_of_a_host_is_planned_as_its_replacement_and_the_former_agent_ends(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    before = site.client().fleet("rack").instances[0].id
    site.lab.listen(1, 1, 2222)
    same = site.fleet("rack", f"{{hostname: {site.lab.address(1)}, port: 2222, availability_zone: rack-1}}")
    assert "replaces rack-0 (rack-1) once the new nodes are active" in site.ok("plan", "-f", same)
    site.ok("apply", "-f", same, "-y")
    until(lambda: before not in {each.id for each in site.client().fleet("rack").instances}, "the former node to go")
    assert len(site.client().fleet("rack").instances) == 1
    assert site.ok("apply", "-f", site.task("hello", "echo it runs"), "-y").count("it runs") == 1
    assert not site.client().status().notes


@pytest.mark.parametrize("how", ["drop", pytest.param("cut", marks=pytest.mark.long)])  # each takes 20 s
def test_a_zone_that_is_cut_off_is_noticed_retried_elsewhere_and_taken_back(site: Site, how: str) -> None:
    site.ok("apply", "-f", site.rack(1, 2, more="placement: spread\n"), "-y")
    starts = site.folder / "starts"
    commands = (f"echo $(hostname) >> {starts}", "while [ ! -e $GO ]; do sleep 0.1; done")
    more = f"retry: true\nenv: {{GO: {site.folder}/go}}\n"
    site.ok("apply", "-f", site.task("stubborn", *commands, more=more), "-y", "-d")
    until(starts.exists, "the first start")
    first = 1 if "z1h1" in starts.read_text() else 2
    second = 3 - first
    site.lab.zone(how, first)
    since = time.monotonic()
    until(lambda: "unreachable" in site.row(str(first - 1)), "the zone to be noticed")
    assert time.monotonic() - since < 25  # a bound against hanging, not a measurement
    impaired = rf"rack-{first} +ssh +impaired.*not answered since"
    until(lambda: re.search(impaired, site.ok("zone")), "the zone to be impaired")
    until(lambda: len(starts.read_text().splitlines()) == 2, "the retry")
    assert f"z{second}h1" in starts.read_text().splitlines()[1]
    shown = site.ok("event", "--name", "stubborn/0")
    assert re.search(rf"instance rack-{first - 1} in zone rack-{first} has not answered for \d+ s", shown)
    assert len(_copies(site)) == 2, "the old copy runs on, out of reach"
    site.lab.zone({"drop": "undrop", "cut": "heal"}[how], first)
    until(lambda: "idle" in site.row(str(first - 1)), "the host to be taken back")
    until(lambda: len(_copies(site)) == 1, "the old copy to end")
    (site.folder / "go").touch()
    until(lambda: "done" in site.ok("run", "-a"), "the run to be done")
    assert len(starts.read_text().splitlines()) == 2


def test_without_retry_the_run_fails_and_names_the_zone(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    site.ok("apply", "-f", site.task("once", "sleep 100"), "-y", "-d")
    until(lambda: "busy" in site.row("0"), "the job to run")
    site.lab.zone("cut", 1)
    until(lambda: "failed" in site.ok("run", "-a"), "the run to fail")
    assert "in zone rack-1 has not answered" in site.ok("event", "--name", "once/0")
    assert "unreachable" in site.row("0")


def test_an_agent_that_is_killed_is_started_again_and_its_job_goes_on(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    commands = ("echo begun", f"while [ ! -e {site.folder}/go ]; do sleep 0.1; done", "echo over")
    site.ok("apply", "-f", site.task("long", *commands), "-y", "-d")
    until(lambda: "begun" in site.ok("logs", "long"), "the job to begin")
    pid = int(site.lab.on(1, 1, "cat /root/.atoll/*/pid"))
    os.kill(pid, signal.SIGKILL)
    (site.folder / "go").touch()
    until(lambda: "done" in site.ok("run", "-a"), "the run to be done")
    assert site.ok("logs", "long") == "begun\nover\n"


def test_a_server_that_is_killed_takes_its_hosts_and_jobs_up_again(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    commands = ("echo begun", f"while [ ! -e {site.folder}/go ]; do sleep 0.1; done", "echo over")
    site.ok("apply", "-f", site.task("long", *commands), "-y", "-d")
    until(lambda: "begun" in site.ok("logs", "long"), "the job to begin")
    os.kill(site.server_pid(), signal.SIGKILL)
    (site.folder / "go").touch()
    until(lambda: "done" in site.ok("run", "-a"), "the run to be done")
    assert site.ok("logs", "long") == "begun\nover\n"


def test_a_host_behind_a_jump_host_is_reached(site: Site) -> None:
    jump = f"proxy_jump: {{hostname: {site.lab.address(1, 2)}, user: root, identity_file: {site.lab.identity}}}"
    host = f"{{hostname: {site.lab.address(1)}, {jump}, availability_zone: inside}}"
    site.ok("apply", "-f", site.fleet("rack", host), "-y")
    assert "hello\n" in site.ok("apply", "-f", site.task("through", "echo hello"), "-y")


def _copies(site: Site) -> list[int]:
    """The live shells of the task that waits for the file `go`, without what they have forked and not yet executed."""
    parents = {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and b"/script\0" in (entry / "cmdline").read_bytes():
                environment = (entry / "environ").read_bytes().split(b"\0")
                if b"ATOLL_RUN_NAME=stubborn" in environment and f"GO={site.folder}/go".encode() in environment:
                    parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return [pid for pid, parent in parents.items() if parent not in parents]


@pytest.mark.long  # real hosts, whose loss and return take seconds
def test_a_removed_host_that_is_away_is_cleaned_up_when_it_is_back_although_the_server_restarted(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1, 2), "-y")
    site.lab.zone("cut", 2)
    until(lambda: "impaired" in site.ok("zone"), "the zone to be noticed")
    site.ok("apply", "-f", site.rack(1), "-y", "-d")
    until(lambda: "rack-2" not in site.ok("fleet"), "the removed host to go")
    site.ok("server", "stop")
    kept = site.home / "backends" / "ssh" / "agents.json"
    assert kept.stat().st_mode & 0o077 == 0
    site.ok("server", "start")
    until(lambda: f"host {site.lab.address(2)} does not answer" in site.ok("server", "status"), "the note")
    site.lab.zone("heal", 2)
    until(lambda: site.lab.on(2, 1, "ls -A /root") == "", "the removed host to be clean")
    until(lambda: site.lab.address(2) not in kept.read_text(), "its log-in to be forgotten")
    assert "does not answer" not in site.ok("server", "status")
    assert "idle" in site.row("0")


@pytest.mark.long  # real hosts, whose loss and return take seconds
def test_a_fleet_that_is_deleted_while_the_server_is_killed_leaves_nothing_on_its_hosts(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    client = site.client()
    pid = site.server_pid()
    client.delete_fleet("rack")
    os.kill(pid, signal.SIGKILL)
    site.ok("fleet")
    until(lambda: "rack" not in site.ok("fleet"), "the fleet to go")
    until(lambda: site.lab.on(1, 1, "ls -A /root") == "", "the host to be clean")


@pytest.mark.long  # real hosts, whose loss and return take seconds
def test_another_user_of_a_host_is_planned_as_its_replacement_and_the_former_agent_ends(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    before = site.client().fleet("rack").instances[0].id
    same = site.fleet("rack", f"{{hostname: {site.lab.address(1)}, availability_zone: rack-1}}")
    changed = site.folder / same
    changed.write_text(changed.read_text().replace("  user: root\n", ""))
    planned = site.ok("plan", "-f", same)
    assert "ends rack-0 (rack-1) first" in planned
    site.ok("apply", "-f", same, "-y")
    [now] = site.client().fleet("rack").instances
    assert now.id != before
    assert site.ok("apply", "-f", site.task("hello", "echo it runs"), "-y").count("it runs") == 1


@pytest.mark.long  # a cut link and ten commands
def test_a_port_of_a_job_on_a_host_is_reached_at_this_computer(site: Site) -> None:
    site.ok("apply", "-f", site.rack(1), "-y")
    serve = "echo far > page; echo serving; python3 -m http.server 8000 --bind 127.0.0.1"
    site.ok("apply", "-f", site.task("web", serve), "-y", "-d")
    until(lambda: "serving" in site.ok("logs", "web"), "the job to serve")
    attached = Attached(site, "web", "-p", "*:8000")
    try:
        here = attached.port(8000)
        until(lambda: page_at(here) == "far\n", "the job to listen")
        site.lab.zone("cut", 1)
        until(lambda: page_at(here) is None, "the lost host to end the connections")
        until(lambda: "warning: " in attached.text, "the reason to be printed")
    finally:
        attached.end()
