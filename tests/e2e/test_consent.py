"""Yes means yes to what was shown, and what still fits stays: on a real server with the fake cloud."""

import os
import pty
import select
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from atoll.client import ApiError
from atoll.wire.api import ChangeAction, SourceFile, Submission
from tests.e2e.conftest import ATOLL, Place, until

FLEET = "type: fleet\nname: shared\nnodes: {nodes}\navailability_zones: [{zones}]\nresources: {{cpu: 2}}\n"
ELASTIC = "type: fleet\nname: shared\nnodes: 0..2\nresources: {{cpu: 2}}\navailability_zones: [{zones}]\n"
VOLUME = "type: volume\nname: shared\nbackend: fake\navailability_zone: fake-1a\nsize: {size}GB\n"
RUN = "type: task\nname: work\ncommands: [work]\nresources: {cpu: 2}\n"
FAKE = "backends:\n- type: fake\n"


def configured(place: Place, text: str) -> None:
    place.home.mkdir(exist_ok=True, mode=0o700)
    (place.home / "config.yml").write_text(text)


def submission(text: str) -> Submission:
    return Submission((SourceFile("f.yml", text),))


def ids(place: Place) -> set[str]:
    return {one.id for one in place.client().fleet("shared").instances if not one.reason}


def prompted(place: Place, *arguments: str) -> tuple[int, "subprocess.Popen[bytes]"]:
    """A command on a terminal of its own: the terminal's other end, and the process."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*ATOLL, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=place.folder,
        env={**os.environ, **place.environment, "NO_COLOR": "1"},
        start_new_session=True,
    )
    os.close(theirs)
    return ours, process


def read_until(terminal: int, text: str) -> str:
    said, limit = "", time.monotonic() + 30
    while text not in said and time.monotonic() < limit:
        if select.select([terminal], [], [], 0.2)[0]:
            with suppress(OSError):
                said += os.read(terminal, 65536).decode(errors="replace")
    assert text in said
    return said


def test_a_yes_to_an_older_plan_changes_nothing_and_the_new_plan_is_shown(project: Place) -> None:
    mine = project.write("mine", FLEET.format(nodes=1, zones="fake-1a"))
    theirs = project.write("theirs", FLEET.format(nodes=3, zones="fake-1b"))
    terminal, process = prompted(project, "apply", "-f", mine)
    read_until(terminal, "Apply? [y/N]")
    project.ok("apply", "-y", "-f", theirs)
    before = ids(project)
    os.write(terminal, b"y\n")
    said = read_until(terminal, "Apply? [y/N]")
    assert "changed since the plan" in said
    assert "replace  fleet shared" in said
    os.write(terminal, b"n\n")
    process.wait(timeout=30)
    os.close(terminal)
    assert ids(project) == before
    assert len(before) == 3


@pytest.mark.parametrize(
    ("used", "changed", "uses"),
    [
        (ELASTIC.format(zones="fake-1a"), ELASTIC.format(zones="fake-1c"), "fleets: [shared]\n"),
        (VOLUME.format(size=2), VOLUME.format(size=1), "volumes: ['shared:/data']\n"),
    ],
)
def test_a_yes_to_a_run_is_bound_to_the_fleet_and_volume_that_it_uses(
    project: Place, used: str, changed: str, uses: str
) -> None:
    project.ok("apply", "-y", "-f", project.write("used", used))
    terminal, process = prompted(project, "apply", "-f", project.write("run", RUN + uses))
    read_until(terminal, "Apply? [y/N]")
    if "volume" in used:
        project.ok("delete", "volume", "shared", "-y")
    project.ok("apply", "-y", "-f", project.write("changed", changed))
    os.write(terminal, b"y\n")
    assert "changed since the plan" in read_until(terminal, "Apply? [y/N]")
    os.write(terminal, b"n\n")
    process.wait(timeout=30)
    os.close(terminal)
    assert project.ok("ps", "-a", "--json").strip() == "[]"


@pytest.mark.parametrize("command", [("drain",), ("evacuate", "--within", "1m")])
def test_a_yes_to_empty_a_zone_is_bound_to_what_was_in_it(project: Place, command: tuple[str, ...]) -> None:
    operation, *options = command
    terminal, process = prompted(project, "zone", operation, "fake-1b", *options)
    assert "nothing is in this zone" in read_until(terminal, "? [y/N]")
    project.ok("apply", "-y", "-f", project.write("theirs", FLEET.format(nodes=1, zones="fake-1b, fake-1c")))
    project.ok("apply", "-y", "-f", project.write("theirs", FLEET.format(nodes=1, zones="fake-1b")))
    before = ids(project)
    os.write(terminal, b"y\n")
    assert "changed since it was shown" in read_until(terminal, "? [y/N]")
    os.write(terminal, b"n\n")
    assert process.wait(timeout=30) == 1
    os.close(terminal)
    assert ids(project) == before
    assert project.json("closure", "--json") == []


@pytest.mark.parametrize("theirs", [FLEET.format(nodes=3, zones="fake-1a"), FLEET.format(nodes=3, zones="fake-1b")])
def test_a_deletion_prompts_again_when_the_fleet_has_grown_or_was_replaced_since_the_question(
    project: Place, theirs: str
) -> None:
    project.ok("apply", "-y", "-f", project.write("mine", FLEET.format(nodes=1, zones="fake-1a")))
    terminal, process = prompted(project, "delete", "fleet", "shared")
    assert "fleet shared (1 node: fake-1a 1)" in read_until(terminal, "? [y/N]")
    project.ok("apply", "-y", "-f", project.write("theirs", theirs))
    before = ids(project)
    os.write(terminal, b"y\n")
    said = read_until(terminal, "? [y/N]")
    assert "is not what was shown" in said
    assert "fleet shared (3 nodes" in said
    os.write(terminal, b"n\n")
    assert process.wait(timeout=30) == 1
    os.close(terminal)
    assert ids(project) == before
    assert len(before) == 3


@pytest.mark.parametrize(
    "command", [("delete", "-f", "both.atoll.yml"), ("delete", "fleet", "--all"), ("stop", "--all")]
)
def test_a_yes_to_all_of_something_is_bound_to_what_was_shown(project: Place, command: tuple[str, ...]) -> None:
    long = RUN + "env: {FAKE_SECONDS: '600'}\n"
    mine = long if "stop" in command else FLEET.format(nodes=1, zones="fake-1a")
    theirs = mine.replace("name: shared", "name: other").replace("name: work", "name: other")
    project.write("both", mine + "---\n" + theirs)
    project.ok("apply", "-y", "-d", "-f", project.write("mine", mine))
    terminal, process = prompted(project, *command)
    assert "other" not in read_until(terminal, "? [y/N]")
    project.ok("apply", "-y", "-d", "-f", project.write("theirs", theirs))
    os.write(terminal, b"y\n")
    said = read_until(terminal, "? [y/N]")
    assert "not shown before: " in said
    assert "other" in said.rpartition("\n")[2]
    os.write(terminal, b"n\n")
    assert process.wait(timeout=30) == 1
    os.close(terminal)
    kept = project.client().runs() if "stop" in command else project.client().fleets()
    assert {one.name for one in kept if one.status not in ("stopping", "deleting")} == {one.name for one in kept}
    assert len(kept) == 2


def test_requests_are_bound_to_what_was_shown(project: Place) -> None:
    client = project.client()
    elastic = "type: fleet\nname: f\nnodes: 0..4\nresources: {cpu: 2}\n"
    client.apply(submission(elastic))
    empty = client.fleet("f")
    task = "type: task\nname: t\nfleets: [f]\ncommands: [sleep {seconds}]\nresources: {{cpu: 2}}\n"
    client.apply(submission(task.format(seconds=0)))
    first = client.run("t")
    client.apply(submission(task.format(seconds=60)))
    requests: dict[str, Callable[[], object]] = {
        "has grown from 0 to 1": lambda: client.delete_fleet("f", empty.version, empty.nodes),
        "`t` is not what was shown": lambda: client.stop_run("t", version=first.version),
        "`t` is not what": lambda: client.delete_run("t", first.version),
    }
    for words, request in requests.items():
        with pytest.raises(ApiError) as refused:
            request()
        assert (refused.value.status, refused.value.problem.code) == (409, "changed-since-shown")
        assert words in refused.value.problem.message
    client.stop_run("t", abort=True, version=client.run("t").version)
    until(lambda: client.run("t").finished_at, "the run to stop")
    until(lambda: not any(each.runs for each in client.fleet("f").instances), "the machines to be free")


def test_an_apply_and_a_deletion_are_bound_to_the_records_that_were_shown(own: Place) -> None:
    configured(own, FAKE)
    own.ok("server", "start")
    client = own.client()
    files = submission(FLEET.format(nodes=1, zones="fake-1a"))
    shown = client.plan(files)
    client.apply(files)
    bound = Submission(files.files, basis=shown.basis)
    with pytest.raises(ApiError) as refused:
        client.apply(bound)
    assert (refused.value.status, refused.value.problem.code) == (409, "changed-since-plan")
    elsewhere = submission(FLEET.format(nodes=1, zones="fake-1a, fake-1b").replace("shared", "other"))
    planned = client.plan(elsewhere)
    [node] = planned.plan.documents[0].nodes
    [zone] = [view.zone for view in client.zones() if view.zone.name == node.zone]
    client.fail_zone(zone)
    with pytest.raises(ApiError) as refused:
        client.apply(Submission(elsewhere.files, basis=planned.basis))
    assert refused.value.problem.code == "changed-since-plan", "a yes to one zone is none to another"
    with pytest.raises(ApiError) as refused:
        client.delete_fleet("shared", "another")
    assert refused.value.problem.code == "changed-since-shown"
    client.delete_fleet("shared", client.fleet("shared").version)
    until(lambda: not client.fleets(), "the fleet to be gone")


@pytest.mark.parametrize(
    ("zones", "action"),
    [
        ("FAKE-1A", ChangeAction.UNCHANGED),
        ("fake-1/fake-1a", ChangeAction.UNCHANGED),
        ("fake-1a, fake-1b", ChangeAction.UPDATE),
        ("'fake-1*'", ChangeAction.UPDATE),
        ("fake-1b", ChangeAction.REPLACE),
    ],
)
def test_a_fleet_whose_machines_still_fit_keeps_them(project: Place, zones: str, action: ChangeAction) -> None:
    project.ok("apply", "-y", "-f", project.write("one", FLEET.format(nodes=2, zones="fake-1a")))
    before = ids(project)
    changed = submission(FLEET.format(nodes=2, zones=zones))
    assert project.client().plan(changed).changes[0].action == action
    if action is not ChangeAction.REPLACE:
        project.client().apply(changed)
        time.sleep(1)
        assert ids(project) == before


LOCAL = "backends:\n- type: local\n  zones: {zones}\n"
KEPT = """
type: fleet
name: f
nodes: 3
placement: spread
backends: [local]
resources: {cpu: 2}
---
type: volume
name: data
backend: local
availability_zone: c
size: 1GB
"""


def test_what_is_in_a_zone_that_is_no_longer_offered_stays_listed_and_can_be_deleted(own: Place) -> None:
    zones = [{"name": name, "cpus": 8, "memory": "32GB"} for name in "abc"]
    configured(own, LOCAL.format(zones=str(zones).replace("'", '"')))
    file = own.write("kept", KEPT)
    own.ok("apply", "-y", "-f", file)
    own.ok("server", "stop")
    configured(own, LOCAL.format(zones=str(zones[:2]).replace("'", '"')))
    assert "no longer offered" in own.ok("zone")
    assert "nothing to change" in own.ok("apply", "-y", "-f", file)
    own.ok("delete", "-y", "-f", file)
    assert own.client().fleets() == []
    assert own.client().volumes() == []


def test_machines_of_a_backend_that_is_not_configured_are_unknown_and_say_so(own: Place) -> None:
    own.ok("apply", "-y", "-f", own.write("kept", KEPT.split("---", maxsplit=1)[0]))
    own.ok("server", "stop")
    configured(own, FAKE)
    listed = own.ok("fleet")
    assert "backend `local` is not configured" in listed
    assert "idle" not in listed
    assert "not configured, and holds instances: 3, volumes: 0" in own.ok("server", "status")
    own.ok("server", "stop")
    (own.home / "config.yml").unlink()
    own.ok("server", "start")


def test_what_is_out_of_reach_says_so_everywhere_and_is_planned_for_nothing(own: Place) -> None:
    zones = [{"name": name, "cpus": 8, "memory": "32GB"} for name in "abc"]
    configured(own, LOCAL.format(zones=str(zones).replace("'", '"')))
    own.ok("apply", "-y", "-f", own.write("kept", KEPT))
    own.ok("server", "stop")
    configured(own, LOCAL.format(zones=str(zones[:2]).replace("'", '"')))
    own.ok("server", "start")
    gone = "zone c is no longer offered"
    assert gone in own.ok("fleet")
    assert gone in own.ok("volume")
    assert f"{gone}, and holds instances: 1, volumes: 1" in own.ok("server", "status")
    assert "zone c takes no new work anyway: no longer offered" in own.refused("zone", "fail", "c")
    own.ok("server", "stop")
    configured(own, FAKE)
    listed = own.ok("volume")
    assert "unknown" in listed
    assert "backend `local` is not configured" in listed
    task = own.write("t", "type: task\nname: t\ncommands: [work]\nvolumes: ['data:/data']\n")
    assert "`data` is out of reach: backend `local` is not configured" in own.refused("plan", "-f", task)
    with_fleet = own.write("u", "type: task\nname: u\ncommands: [work]\nfleets: [f]\n")
    assert "f-0" not in own("plan", "-f", with_fleet).stdout
    own.ok("server", "stop")
    (own.home / "config.yml").unlink()
    own.ok("server", "start")


def test_a_volume_that_a_provider_refused_is_created_when_its_file_is_applied_again(own: Place) -> None:
    text = "type: volume\nname: v\nbackend: fake\nsize: 1GB\n---\n"
    text += "type: task\nname: t\ncommands: [work]\nvolumes: ['v:/v']\nresources: {cpu: 2}\n"
    refusing = "backends:\n- type: fake\n  chances: {create-volume: {invalid-request: 1}}\n"
    configured(own, refusing)
    file = own.write("v", text)
    volume = own.write("alone", text.split("---", maxsplit=1)[0])
    assert own("apply", "-y", "-f", volume).returncode == 1
    assert "retry  volume v" in own.ok("plan", "-f", volume)
    alone = own.write("t", text.split("---\n", maxsplit=1)[1])
    assert "volume `v` failed: create-volume: invalid-request" in own.refused("plan", "-f", alone)
    own.ok("server", "stop")
    configured(own, refusing.replace("1}}", "0}}"))
    own.ok("server", "start")
    until(lambda: own.client().volume("v").status == "available", "the volume to be created on the mended backend")
    own.ok("apply", "-y", "-f", file)
    own.ok("server", "stop")
    configured(own, refusing)
    other = own.write("w", text.split("---", maxsplit=1)[0].replace("name: v", "name: w"))
    assert own("apply", "-y", "-f", other).returncode == 1
    assert own("apply", "-y", "-f", other).returncode == 1
    assert own.client().volume("w").status == "failed"


@pytest.mark.parametrize("limits", ["cpus: 8", "memory: 32", "cpus: 8\n  memory: 32", ""])
def test_zones_are_listed_whatever_limits_they_declare(own: Place, limits: str) -> None:
    configured(own, FAKE + f"  {limits}\n")
    listed = own.ok("zone")
    assert ("0 of 8 CPUs" if "cpus" in limits else "0 CPUs") in listed
    assert ("0 of 32GB" if "memory" in limits else "0GB") in listed
