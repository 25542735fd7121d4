"""What a user gets: from a file to a finished run in a chosen zone, and what can be done with it afterwards."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.e2e.conftest import Place, until

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nplacement: spread\nbackends: [local]\n"
TASK = "type: task\nname: {name}\nfleets: [demo]\ncommands: {commands}\n"


@pytest.fixture(scope="module")
def demo(shared: Place) -> Place:
    """A place where the quickstart has been applied."""
    shutil.copy(EXAMPLES / "quickstart.atoll.yml", shared.folder)
    shutil.copy(EXAMPLES / "read-back.atoll.yml", shared.folder)
    shown = shared("apply", "-f", "quickstart.atoll.yml", "-y")
    assert shown.returncode == 0, shown.stderr
    (shared.folder / "stdout").write_text(shown.stdout)
    (shared.folder / "stderr").write_text(shown.stderr)
    return shared


def task(place: Place, name: str, *commands: str, more: str = "") -> str:
    """A task's file, on the fleet of the quickstart."""
    return place.write(name, TASK.format(name=name, commands=json.dumps(commands)) + more)


def begun(place: Place, run: str) -> None:
    """Wait until a run has printed something."""
    until(lambda: place.client().logs(run).data, f"run {run} to begin")


def test_the_quickstart_shows_its_plan_its_progress_and_its_log(demo: Place) -> None:
    plan = (demo.folder / "stdout").read_text()
    assert " create  fleet demo\n create  volume notes\n create  task write\n" in plan
    assert "local-a 1   local-b 1   local-c 1" in plan
    assert "notes: volume in local-b" in plan
    assert "with volume notes" in plan
    assert "not used" in plan
    assert "volume `notes` is in local-b" in plan
    assert plan.endswith("\nwritten in local-b\n")
    progress = (demo.folder / "stderr").read_text()
    assert "run write is done" in progress
    assert "fleet demo is active: local-a 1, local-b 1, local-c 1" in progress


def test_a_second_task_reads_back_what_the_first_wrote(demo: Place) -> None:
    shown = demo.ok("apply", "-f", "read-back.atoll.yml", "-y")
    assert shown.endswith("\nwritten in local-b\n")
    assert "demo-1" in demo.ok("ps", "-a")


def test_zones_are_shown_with_every_thing(demo: Place) -> None:
    fleet = demo.ok("fleet")
    assert re.search(r"demo +3/3 +spread, skew 0 +local-a 1, local-b 1, local-c 1 +active", fleet)
    assert "local.2x8" in fleet
    assert re.search(r"notes +1GB +local +local-b +available", demo.ok("volume"))
    assert re.search(r"write +task +local-b +demo-1", demo.ok("ps", "-a"))
    assert re.search(r"local-a +local +available +\d+ of 16 CPUs", demo.ok("zone"))
    for command in (("fleet",), ("volume",), ("zone",), ("event",), ("offer",)):
        details = demo.ok(*command, "-v")
        assert "REGION" in details
        assert "ZONE" in details


def test_json_prints_the_objects_of_the_api(demo: Place) -> None:
    [fleet] = [one for one in demo.json("fleet") if one["name"] == "demo"]
    assert sorted(one["zone"]["name"] for one in fleet["instances"]) == ["local-a", "local-b", "local-c"]
    assert demo.json("volume", "get", "notes")["zone"]["region"] == "local"
    assert demo.json("run", "get", "write")["jobs"][0]["zone"]["name"] == "local-b"
    assert {one["kind"] for one in demo.json("event")} >= {"fleet", "instance", "volume", "run", "job", "attachment"}
    assert demo.json("plan", "-f", "quickstart.atoll.yml")["plan"]["complete"]
    assert {one["zone"]["name"] for one in demo.json("zone")} == {"local-a", "local-b", "local-c"}


def test_offers_say_that_the_zones_share_this_machine(demo: Place) -> None:
    assert "share the CPUs and the memory of this machine" in demo.ok("offer")


def test_the_same_file_again_changes_nothing_and_says_so(demo: Place) -> None:
    before = demo.facts()
    shown = demo.ok("apply", "-f", "quickstart.atoll.yml")
    assert " unchanged  fleet demo\n unchanged  volume notes\n unchanged  task write\n" in shown
    assert "nothing to change" in shown
    assert "run write is finished: `--rerun` starts it again" in shown
    assert demo.facts() == before


def test_a_changed_file_shows_what_changes_in_place_and_what_is_replaced(demo: Place) -> None:
    file = demo.write("crew", FLEET.format(name="crew", nodes=1))
    demo.ok("apply", "-f", file, "-y")
    [first] = demo.client().fleet("crew").instances
    demo.write("crew", FLEET.format(name="crew", nodes=2))
    shown = demo.ok("apply", "-f", file, "-y")
    assert " update  fleet crew\n" in shown
    assert "nodes: 1 → 2 (in place)" in shown
    assert first.id in {one.id for one in demo.client().fleet("crew").instances}
    others = sorted({"local-a", "local-b", "local-c"} - {first.zone.name})
    demo.write("crew", FLEET.format(name="crew", nodes=2) + f"availability_zones: [{', '.join(others)}]\n")
    planned = demo.ok("plan", "-f", file)
    assert "replace" in planned
    assert "(by replacing)" in planned
    assert len(demo.client().fleet("crew").instances) == 2
    demo.ok("apply", "-f", file, "-y")
    after = demo.client().fleet("crew").instances
    assert first.id not in {one.id for one in after}
    assert sorted(one.zone.name for one in after) == others
    demo.ok("delete", "fleet", "crew", "-y")


def test_apply_ends_with_the_exit_code_of_the_task(demo: Place) -> None:
    file = task(demo, "code", "echo to-out", "echo to-err >&2", "exit 42")
    done = demo("apply", "-f", file, "-y")
    assert done.returncode == 42
    assert done.stdout.endswith("to-out\n")
    assert "\nto-err\n" in done.stderr
    assert "error: run code failed" in done.stderr
    assert "exit code 42" in done.stderr


def test_detached_returns_at_once_and_logs_follow_later(demo: Place) -> None:
    file = task(demo, "later", "echo one", "sleep 1", "echo two")
    done = demo("apply", "-f", file, "-y", "-d")
    assert done.returncode == 0
    assert "accepted" in done.stderr
    assert "one" not in done.stdout
    assert demo.ok("logs", "later", "-f") == "one\ntwo\n"
    assert demo.ok("logs", "later") == "one\ntwo\n"


def test_ctrl_c_leaves_the_run_going_and_says_how_to_come_back(demo: Place) -> None:
    file = task(demo, "patient", "echo begun", "sleep 1000")
    for command in (("apply", "-f", file, "-y"), ("logs", "patient", "-f")):
        with demo.begin(*command) as following:
            assert following.stdout is not None
            assert any(line == "begun\n" for line in following.stdout)
            following.send_signal(signal.SIGINT)
            words = following.stdout.read()
        assert following.returncode == 130
        assert "patient is still running. To reattach:\n  atoll logs patient -f\n  atoll stop patient\n" in words
    assert demo.client().run("patient").status == "running"
    assert "run patient goes on" in demo.ok("apply", "-f", file)
    assert "run patient: stopped" in demo.ok("stop", "patient")
    assert demo.client().run("patient").status == "stopped"


def test_stop_is_polite_and_abort_is_not(demo: Place) -> None:
    deaf = ("trap 'echo leaving; exit 3' TERM", "echo begun", "while true; do sleep 0.05; done")
    for name, options, said in (("polite", (), "begun\nleaving\n"), ("killed", ("--abort",), "begun\n")):
        demo.ok("apply", "-f", task(demo, name, *deaf), "-y", "-d")
        begun(demo, name)
        demo.ok("stop", name, *options)
        assert demo.ok("logs", name) == said
        assert demo.client().run(name).status == "stopped"
    assert not [words for words in demo.agents().values() if "trap" in words]


def test_each_node_has_its_own_log(demo: Place) -> None:
    file = task(demo, "pair", 'echo "rank $ATOLL_NODE_RANK of $DSTACK_NODES_NUM in $ATOLL_ZONE"', more="nodes: 2\n")
    shown = demo.ok("apply", "-f", file, "-y")
    assert "pair-0 | rank 0 of 2 in local-" in shown
    assert "pair-1 | rank 1 of 2 in local-" in shown
    assert demo.ok("logs", "pair", "--job", "1").startswith("rank 1 of 2")
    assert demo.ok("logs", "pair").startswith("rank 0 of 2")


def test_events_are_followed_with_their_zones(demo: Place) -> None:
    with demo.begin("event", "-f", "--last", "1") as following:
        assert following.stdout is not None
        following.stdout.readline()
        demo.ok("apply", "-f", task(demo, "seen", "true"), "-y")
        assert any(
            re.search(r"job seen/0: running → done in local-", line) for line in following.stdout if "seen" in line
        )
        following.send_signal(signal.SIGINT)
        assert following.stdout.read().endswith("interrupted\n")
    assert following.returncode == 130


def test_output_is_plain_in_a_pipe_and_with_no_color(demo: Place) -> None:
    for more in ({}, {"NO_COLOR": "1", "COLUMNS": "20"}, {"LANG": "C", "PYTHONIOENCODING": "ascii"}):
        done = demo("fleet", environment=more)
        assert done.returncode == 0
        assert "\033" not in done.stdout + done.stderr
        assert "local-a 1, local-b 1, local-c 1" in done.stdout


def test_a_reader_that_goes_away_is_no_error(demo: Place) -> None:
    command = [sys.executable, "-m", "atoll.cli", "event", "-v", "--last", "1000"]
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        command, env=demo.environment, stdout=writing, stderr=subprocess.PIPE, text=True, timeout=30, check=False
    )
    os.close(writing)
    assert done.stderr == ""


def test_delete_takes_all_that_a_file_describes(demo: Place) -> None:
    text = (
        "type: fleet\nname: brief\nnodes: 1\nbackends: [local]\navailability_zones: [local-c]\n---\n"
        "type: volume\nname: short\nbackend: local\nregion: local\navailability_zone: local-c\nsize: 1GB\n---\n"
        'type: task\nname: gone\nfleets: [brief]\nvolumes: ["short:/short"]\ncommands: ["true"]\n'
    )
    file = demo.write("brief", text)
    agents = len(demo.agents())
    demo.ok("apply", "-f", file, "-y")
    assert len(demo.agents()) == agents + 1
    shown = demo.ok("delete", "-f", file, "-y")
    assert shown == "run gone is deleted\nfleet brief is deleted\nvolume short is deleted\n"
    assert len(demo.agents()) == agents
    assert "nothing to delete" in demo.ok("delete", "-f", file, "-y")


def test_the_demo_runs_from_nothing_and_leaves_nothing(tmp_path: Path) -> None:
    clone = tmp_path / "a clone with spaces"
    shutil.copytree(EXAMPLES, clone / "examples")
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "ATOLL_SERVER_URL": "http://127.0.0.1:1"}
    done = subprocess.run(
        ["sh", str(clone / "examples" / "demo.sh"), str(Path(sys.executable).parent)],
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.count("\nwritten in local-b\n") == 2
    parts = ("$ atoll fleet\n", "$ atoll volume\n", "$ atoll ps -a\n", "local-a 1, local-b 1, local-c 1", "/atoll web ")
    for part in parts:
        assert part in done.stdout
    assert sorted(path.name for path in clone.iterdir()) == ["examples"]
    place = Place(clone)
    place.home = clone / ".demo"
    until(lambda: not place.processes(), "the demo's processes to end")
