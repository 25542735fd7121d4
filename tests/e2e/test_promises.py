"""What a plan promises is what happens: files that once had another result, on a real server."""

import time

import pytest

from tests.e2e.conftest import Place, until

FAKE = "backends:\n- type: fake\n  zones: 3\n"
LOCAL = """
backends:
- type: local
  zones:
  - {name: a, cpus: 16, memory: 64GB}
  - {name: b, cpus: 4, memory: 16GB}
"""
ROOMS = """
backends:
- type: local
  zones:
  - {name: a, cpus: 8, memory: 32GB}
  - {name: b, cpus: 8, memory: 32GB}
  - {name: c, cpus: 8, memory: 32GB}
"""


def configured(place: Place, text: str) -> None:
    place.home.mkdir(exist_ok=True, mode=0o700)
    (place.home / "config.yml").write_text(text)


def machines(place: Place, fleet: str) -> set[str]:
    return {one.id for one in place.client().fleet(fleet).instances if not one.reason}


def test_the_skew_of_a_fleet_counts_the_eligible_zones_without_nodes(own: Place) -> None:
    configured(own, LOCAL)
    fleets = "type: fleet\nname: hog\nnodes: 1\navailability_zones: [b]\nresources: {cpu: 4}\n---\n"
    fleets += "type: fleet\nname: web\nnodes: 3\nplacement: {strategy: spread, on_shortage: best-effort}\n"
    own.ok("apply", "-y", "-f", own.write("f", fleets + "resources: {cpu: 2}\n"))
    assert "skew 3 is over max_skew 1: b has 0 nodes" in own.ok("fleet", "get", "web")


def test_wider_zones_end_no_machine_where_no_other_can_be_had(own: Place) -> None:
    configured(own, FAKE)
    fleet = "type: fleet\nname: f\nnodes: 2\navailability_zones: [{}]\n"
    own.ok("apply", "-y", "-f", own.write("one", fleet.format("fake-1a")))
    before = machines(own, "f")
    own.ok("server", "stop")
    configured(own, FAKE + "  chances: {launch: {capacity-unavailable: 1}}\n")
    own.ok("apply", "-y", "-f", own.write("wide", fleet.format("fake-1a, fake-1b")))
    time.sleep(1)
    assert machines(own, "f") == before


def test_the_same_zones_in_another_order_and_spelling_are_no_change(own: Place) -> None:
    configured(own, LOCAL)
    fleet = "type: fleet\nname: f\nnodes: 1\nbackends: [local]\navailability_zones: [{}]\nresources: {{cpu: 2}}\n"
    volume = "---\ntype: volume\nname: v\nbackend: local\navailability_zone: {}\nsize: 1GB\n"
    own.ok("apply", "-y", "-f", own.write("first", fleet.format("b, a") + volume.format("a")))
    again = own.write("again", fleet.format("A, local/b") + volume.format("LOCAL/A"))
    assert "nothing to change" in own.ok("apply", "-y", "-f", again)


def test_runs_that_retry_are_accepted_where_all_is_used_and_start_when_it_is_free(own: Place) -> None:
    configured(own, ROOMS)
    hog = "type: task\nname: hog\nnodes: 3\nresources: {cpu: 8, memory: 32GB}\nidle_duration: 1s\ncommands: [sleep 4]\n"
    own.ok("apply", "-y", "-d", "-f", own.write("hog", hog))
    waiting = "type: task\nname: w\nretry: {on_events: [no-capacity], duration: 2m}\ncommands: [echo got it]\n"
    accepted = own.ok("apply", "-y", "-d", "-f", own.write("w", waiting))
    assert "waits: " in accepted
    listed = own.ok("ps")
    assert "waits: " in listed
    assert "does not fit" not in listed
    until(lambda: own.client().run("w").status == "done", "the waiting run to be done")


def test_a_run_that_names_an_elastic_fleet_gets_machines_of_its_kind_and_zones_only(project: Place) -> None:
    fleet = "type: fleet\nname: f\nnodes: {min: 0, target: 1, max: 3}\navailability_zones: [fake-1c]\n"
    project.ok("apply", "-y", "-f", project.write("f", fleet + "instance_types: [f.8x32]\nidle_duration: 1s\n"))
    run = project.write("u", "type: task\nname: u\nnodes: 3\nfleets: [f]\ncommands: [x]\n")
    nodes = [node for one in project.json("plan", "-f", run)["plan"]["documents"] for node in one["nodes"]]
    assert {(node["zone"], node["instance_type"]) for node in nodes} == {("fake-1c", "f.8x32")}


def test_the_file_of_a_volume_that_waits_can_be_applied_again(own: Place) -> None:
    configured(own, FAKE + "  chances: {create-volume: {capacity-unavailable: 1}}\n")
    file = own.write("v", "type: volume\nname: v\nbackend: fake\nregion: fake-1\nsize: 1GB\n")
    own.ok("apply", "-y", "-d", "-f", file)
    until(lambda: own.client().volume("v").message.startswith("waits: "), "the zones to be dry")
    assert "nothing to change" in own.ok("apply", "-y", "-d", "-f", file)
    own.ok("server", "stop")
    configured(own, FAKE)
    own.ok("server", "start")
    until(lambda: own.client().volume("v").status == "available", "the volume to be created")


def test_an_apply_follows_the_spare_nodes_too(own: Place) -> None:
    configured(own, FAKE + "  boot: 1\n")
    fleet = "type: fleet\nname: s\nnodes: 4\nplacement: {strategy: spread, survive_zones: 1}\nresources: {cpu: 2}\n"
    own.ok("apply", "-y", "-f", own.write("s", fleet))
    assert "4/4 + 2 spare" in own.ok("fleet")


def test_changes_show_times_with_their_unit_and_the_events_of_retry(project: Place) -> None:
    task = "type: task\nname: t\ncommands: [work]\nresources: {cpu: 2}\n"
    project.ok("apply", "-y", "-f", project.write("t", task + "retry: true\n"))
    planned = project.ok("plan", "-f", project.write("t", task + "idle_duration: 7200\n"))
    assert "idle_duration: unset → 2h" in planned
    assert "retry: every event → unset" in planned
    again = project.write("t", task + "retry: {on_events: [error], duration: 90}\nidle_duration: -1\n")
    planned = project.ok("plan", "-f", again)
    assert "retry: every event → error, for 90s" in planned
    assert "idle_duration: unset → off" in planned


REFUSED = {
    "a disk that does not exist": (
        "type: volume\nname: d\nbackend: local\nvolume_id: vol-1\n",
        "vol-1 cannot be used: there is no disk vol-1",
    ),
    "a variable too long": (f"type: task\nname: t\ncommands: [x]\nenv: {{BIG: '{'x' * 140_000}'}}\n", "`BIG`"),
    "a mount's key elsewhere": (
        "type: task\nname: t\ncommands: [x]\nvolumes: [{name: v, path: /v, optional: true}]\n",
        "it belongs to another form of this part",
    ),
    "a command with a colon": ("type: task\nname: t\ncommands:\n- echo note: this\n", "in quotes"),
    "a number that begins with 0": ("type: fleet\nname: v\nnodes: 010\n", "a number does not begin with 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_file_that_cannot_mean_what_it_says_is_refused_with_the_reason(shared: Place, case: str) -> None:
    text, words = REFUSED[case]
    assert words in shared.refused("apply", "-y", "-f", shared.write("refused", text))


READ = {
    "zones as numbers": "type: fleet\nbackends: [azure]\nregions: [eastus]\navailability_zones: [1, 2]\nnodes: 1\n",
    "an anchor under x-": "x-c: &c {cpu: 2..}\ntype: task\nname: t\nresources: {<<: *c}\ncommands: [x]\n",
    "a GPU with a space": "type: task\nname: t\ncommands: [x]\nresources: {gpu: 'RTX 4090'}\n",
    "a switch for inactivity": "type: dev-environment\nide: vscode\ninactivity_duration: true\n",
    "off as -1": "type: task\nname: t\ncommands: [x]\nidle_duration: -1\n",
}


@pytest.mark.parametrize("case", READ)
def test_a_file_that_dstack_reads_is_valid(shared: Place, case: str) -> None:
    assert "error" not in shared.ok("validate", shared.write("read", READ[case]))


def test_validate_counts_the_documents_with_faults(shared: Place) -> None:
    done = shared("validate", shared.write("faulty", "type: task\nbogus: 1\n---\ntype: task\ncommands: [x]\n"))
    assert "checked 2 documents in 1 file" in done.stdout
