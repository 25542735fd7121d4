"""Plan and apply through the real command line."""

import json
import os
import pty
import subprocess
import time

import pytest

from atoll.model.diagnostic import Diagnostic, Span
from atoll.wire.api import (
    ON_HOLD,
    ChangeAction,
    FieldChange,
    PlannedDocument,
    PlannedShortfall,
    Problem,
    Submission,
)
from tests.cli import samples as s
from tests.cli.canned_server import Answer, CannedServer, Request, Script, refusal
from tests.cli.conftest import ATOLL, CommandLine, interrupt

TASK = "type: task\nname: hello\ncommands: [echo hi]\n"
SHORTFALL = PlannedShortfall(
    6, 2, "no-capacity", {}, "2 of 6 nodes fit", (s.cure("drop `availability_zones`: 3 zones fit"),)
)


@pytest.fixture
def task(atoll: CommandLine, server: CannedServer) -> str:
    """A task that is accepted, prints two lines and ends well."""
    server.on("POST", "plan", s.planned(s.change()))
    server.on("POST", "apply", s.accepted(s.change()))
    server.on("GET", "events", [s.event(8, "run", "hello", "running", zone=s.B)], slowly)
    server.on("GET", "runs/hello", s.run(), s.finished())
    server.on("GET", "runs/hello/logs", the_log(s.log("one", "two")))
    return atoll.write(TASK)


def slowly(request: Request) -> Answer:
    """Nothing new, after a while."""
    time.sleep(0.05)
    return Answer([])


def the_log(content: bytes) -> Script:
    """The logs route over this file."""

    def read(request: Request) -> Answer:
        offset = int(request.query["offset"][0])
        return Answer(
            content[offset : offset + 40], headers={"Atoll-Log-End": str(offset + 40 >= len(content)).lower()}
        )

    return read


def test_a_task_prints_its_log_and_ends_with_its_exit_code(atoll: CommandLine, server: CannedServer, task: str) -> None:
    server.on("GET", "runs/hello", s.run(), s.run(), s.finished(exit_code=3))
    server.on("GET", "runs/hello/logs", the_log(s.log("one") + s.log("oops", stream="stderr") + s.log("two")))
    shown = atoll("apply", "-f", task, "-y")
    assert shown.returncode == 3
    assert shown.stdout.endswith("\none\ntwo\n")
    assert "oops\n" in shown.stderr
    assert "run hello: running in local-b" in shown.stderr
    assert "error: run hello failed: exit code 3" in shown.stderr


def test_a_failed_task_without_exit_code_ends_with_1_and_its_reason(
    atoll: CommandLine, server: CannedServer, task: str
) -> None:
    lost = s.finished(exit_code=None, message="its zone local-b was lost")
    server.on("GET", "runs/hello", lost)
    shown = atoll("apply", "-f", task, "-y")
    assert shown.returncode == 1
    assert "error: run hello failed: its zone local-b was lost" in shown.stderr


def test_detached_returns_once_it_is_accepted(atoll: CommandLine, server: CannedServer, task: str) -> None:
    shown = atoll("apply", "-f", task, "-y", "-d")
    assert shown.returncode == 0
    assert server.requests[-1].path.endswith("/apply")


def test_fleet_and_volume_are_followed_until_they_are_ready(atoll: CommandLine, server: CannedServer) -> None:
    changes = (s.change("fleet", "train"), s.change("volume", "data"))
    server.on("POST", "plan", s.planned(*changes))
    server.on("POST", "apply", s.accepted(*changes))
    server.on("GET", "events", [s.event(8, "instance", "train-0", "starting", zone=s.A)], slowly)
    starting = s.fleet(s.instance(0, s.A, status="starting"), message="waits for capacity in local-a")
    server.on("GET", "fleets/train", starting, s.fleet(s.instance(0, s.A)))
    server.on("GET", "volumes/data", s.volume(None, status="submitted"), s.volume())
    shown = atoll("apply", "-f", atoll.write("type: fleet"), "-y")
    assert shown.returncode == 0
    assert "instance train-0: starting in local-a" not in shown.stderr
    assert "fleet train: waits for capacity in local-a" in shown.stderr
    assert "fleet train is active: local-a 1" in shown.stderr
    assert "volume data is available in local-b" in shown.stderr


def test_lines_of_several_runs_are_prefixed_and_the_first_failure_is_the_exit_code(
    atoll: CommandLine, server: CannedServer
) -> None:
    changes = (s.change(name="one"), s.change(name="two"))
    server.on("POST", "plan", s.planned(*changes))
    server.on("POST", "apply", s.accepted(*changes))
    server.on("GET", "events", slowly)
    server.on("GET", "runs/one", s.finished("one"))
    server.on("GET", "runs/two", s.finished("two", exit_code=4))
    server.on("GET", "runs/one/logs", the_log(s.log("hello from here")))
    server.on("GET", "runs/two/logs", the_log(s.log("hello from there")))
    shown = atoll("apply", "-f", atoll.write(TASK), "-y")
    assert shown.returncode == 4
    assert "one | hello from here\n" in shown.stdout
    assert "two | hello from there\n" in shown.stdout


def test_an_unchanged_file_says_so_and_is_not_sent(atoll: CommandLine, server: CannedServer) -> None:
    server.on("POST", "plan", s.planned(s.change(action=ChangeAction.UNCHANGED)))
    server.on("GET", "runs/hello", s.run())
    shown = atoll("apply", "-f", atoll.write(TASK))
    assert shown.returncode == 0
    assert "nothing to change" in shown.stdout
    assert "`atoll logs hello -f`" in shown.stdout
    assert not [request for request in server.requests if request.path.endswith("/apply")]


@pytest.mark.parametrize("command", [("plan",), ("apply", "-y", "-d")])
def test_an_unchanged_fleet_on_hold_and_a_failed_volume_are_noted_with_the_way_out(
    atoll: CommandLine, server: CannedServer, command: tuple[str, ...]
) -> None:
    fleet, volume = (s.change(*one, action=ChangeAction.UNCHANGED) for one in (("fleet", "train"), ("volume", "data")))
    server.on("POST", "plan", s.planned(fleet, volume, s.change()))
    server.on("POST", "apply", s.accepted(fleet, volume, s.change()))
    server.on("GET", "fleets/train", s.fleet(status=ON_HOLD, message="aws refused the request: no such subnet"))
    server.on("GET", "volumes/data", s.volume(status="failed", message="no such key"))
    shown = atoll(*command, "-f", atoll.write(TASK))
    assert shown.returncode == 0
    assert "note: fleet train is on hold: aws refused the request: no such subnet; " in shown.stderr
    assert "`atoll fleet retry train`" in shown.stderr
    assert "note: volume data failed: no such key; `atoll delete volume data`, then apply again" in shown.stderr


def test_without_a_terminal_and_without_y_it_is_wrong_usage(
    atoll: CommandLine, server: CannedServer, task: str
) -> None:
    shown = atoll("apply", "-f", task)
    assert shown.returncode == 2
    assert "pass `-y`" in shown.stderr
    assert not [request for request in server.requests if request.path.endswith("/apply")]


@pytest.mark.parametrize(("answer", "code", "applied"), [(b"n\n", 1, False), (b"y\n", 0, True)])
def test_on_a_terminal_it_prompts(
    atoll: CommandLine, server: CannedServer, task: str, answer: bytes, code: int, applied: bool
) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*ATOLL, "apply", "-f", task, "-d"],
        cwd=atoll.folder, env=atoll.environment, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    shown = b""
    while b"Apply? [y/N]" not in shown:
        shown += os.read(ours, 4096)
    os.write(ours, answer)
    assert process.wait(timeout=20) == code
    os.close(ours)
    assert b"\033[32m" in shown
    assert applied == any(request.path.endswith("/apply") for request in server.requests)


def test_an_incomplete_plan_is_shown_and_refused_before_asking(atoll: CommandLine, server: CannedServer) -> None:
    document = PlannedDocument("fleet", "train", (s.node(0, s.A),), shortfall=SHORTFALL)
    server.on("POST", "plan", s.planned(s.change("fleet", "train"), documents=(document,), complete=False))
    shown = atoll("apply", "-f", atoll.write("type: fleet"))
    assert shown.returncode == 1
    assert (
        "   does not fit: 2 of 6 nodes fit\n to make it fit\n   drop `availability_zones`: 3 zones fit" in shown.stdout
    )
    assert shown.stderr.startswith("error: fleet `train` does not fit: 2 of 6 nodes fit\n")
    assert "  help: drop `availability_zones`: 3 zones fit\n        nothing was applied" in shown.stderr
    assert atoll("plan", "-f", "hello.atoll.yml").returncode == 1


def test_a_plan_shows_changes_zones_and_reasons(atoll: CommandLine, server: CannedServer) -> None:
    fields = (FieldChange("image", "a", "b", in_place=False),)
    refused = (s.refusal(s.A, "volume-zone", "volume data is in local-b"), s.refusal(s.C, "cpu", "too small"))
    node = s.node(0, s.B, source="planned", fleet="train", fleet_node=1, volumes=("data",))
    document = PlannedDocument("run", "hello", (node,), refusals=refused, price=0.2, notes=("a note",))
    server.on("POST", "plan", s.planned(s.change(action=ChangeAction.REPLACE, fields=fields), documents=(document,)))
    shown = atoll("plan", "-f", atoll.write(TASK)).stdout
    assert shown == (
        " replace  task hello\n"
        "            image: a → b (by replacing)\n"
        "\n"
        " hello: 1 × local-2x8 in local, $0.20/h on train-1 of this plan\n"
        "   local-b 1\n"
        "   with volume data\n"
        "   note: a note\n"
        " not used\n"
        "   local-a  volume data is in local-b\n"
        "   local-c  too small\n"
    )
    verbose = atoll("plan", "-f", "hello.atoll.yml", "-v").stdout
    assert "volume-zone" in verbose
    assert "2 CPUs, 8GB" in verbose


def test_json_prints_the_answers_of_the_api(atoll: CommandLine, server: CannedServer, task: str) -> None:
    planned = json.loads(atoll("plan", "-f", task, "--json").stdout)
    assert planned["changes"][0]["action"] == "create"
    accepted = json.loads(atoll("apply", "-f", task, "--json", "-y").stdout)
    assert accepted["event"] == 7
    assert atoll("apply", "-f", task, "--json").returncode == 2


def test_variables_and_profiles_go_along(atoll: CommandLine, server: CannedServer, task: str) -> None:
    (atoll.folder / ".dstack").mkdir()
    (atoll.folder / ".dstack" / "profiles.yml").write_text("profiles: []\n")
    path = atoll.write("type: task\nenv: [HF_TOKEN]\n")
    shown = atoll("plan", "-f", path, "--profile", "big", environment={"HF_TOKEN": "s3cret", "OTHER": "x"})
    import msgspec

    sent = msgspec.json.decode(server.requests[-1].body, type=Submission)
    assert sent.environment == {"HF_TOKEN": "s3cret"}
    assert sent.profile == "big"
    assert sent.profiles is not None
    assert sent.profiles.name == ".dstack/profiles.yml"
    assert "s3cret" not in shown.stdout + shown.stderr


def test_findings_of_the_server_point_into_the_file(atoll: CommandLine, server: CannedServer) -> None:
    path = atoll.write("type: fleet\navailability_zones: [local-z]\n")
    finding = Diagnostic("unknown-zone", "`local-z` is not a zone", span=Span(path, 2, 22, 2, 29))
    server.on("POST", "plan", refusal(422, Problem("invalid", "the files have errors", None, (finding,))))
    shown = atoll("apply", "-f", path, "-y")
    assert shown.returncode == 1
    assert "error[unknown-zone]: `local-z` is not a zone" in shown.stderr
    assert "hello.atoll.yml:2" in shown.stderr


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "there is no file `x.yml`"),
        (b"", "`x.yml` is empty"),
        (b" \n\n", "`x.yml` is empty"),
        (b"\xff\xfe\x00", "`x.yml` is not text in UTF-8"),
        (b"a" * (1024 * 1024 + 1), "`x.yml` is larger than 1 MiB"),
    ],
    ids=["missing", "empty", "blank", "binary", "large"],
)
def test_a_file_that_is_none_is_answered_without_a_server(
    atoll: CommandLine, server: CannedServer, content: bytes | None, expected: str
) -> None:
    if content is not None:
        (atoll.folder / "x.yml").write_bytes(content)
    for command in ("apply", "plan"):
        shown = atoll(command, "-f", "x.yml")
        assert shown.returncode == 1
        assert expected in shown.stderr
    assert not server.requests


def test_a_server_that_goes_away_half_way_leaves_a_way_back(
    atoll: CommandLine, server: CannedServer, task: str
) -> None:
    server.on("GET", "runs/hello", s.run())
    server.on("GET", "events", [s.event(8, "run", "hello", "running")], Answer(drop=True))
    shown = atoll("apply", "-f", task, "-y")
    assert shown.returncode == 1
    assert "went away; what was accepted goes on when it is back" in shown.stderr
    assert "help: run the same command again" in shown.stderr
    assert "Traceback" not in shown.stderr


def test_ctrl_c_leaves_it_running_and_says_how_to_come_back(
    atoll: CommandLine, server: CannedServer, task: str
) -> None:
    server.on("GET", "runs/hello", s.run())
    process = atoll.begin("apply", "-f", task, "-y")
    while not any(request.path.endswith("/logs") for request in server.requests):
        assert process.poll() is None
        time.sleep(0.01)
    _, said = interrupt(process)
    assert process.returncode == 130
    assert "hello is still running" in said
    assert "atoll logs hello -f" in said
    assert "atoll stop hello" in said


def test_progress_counts_what_is_ready_and_v_shows_every_step(atoll: CommandLine, server: CannedServer) -> None:
    changes = (s.change("fleet", "train"),)
    events = [
        s.event(8, "instance", "train-0", "starting", zone=s.A),
        s.event(9, "instance", "train-1", "launching", zone=s.B, message="no capacity for m7i.large"),
        s.event(10, "instance", "train-1", "terminated", zone=s.B, reason="launch-failed"),
    ]
    two = s.fleet(s.instance(0, s.A), s.instance(1, s.B, status="starting"), nodes=2)
    file = atoll.write("type: fleet")

    def lines(*options: str) -> list[str]:
        server.on("POST", "plan", s.planned(*changes))
        server.on("POST", "apply", s.accepted(*changes))
        server.on("GET", "events", events, slowly)
        server.on("GET", "fleets/train", two, two, s.fleet(s.instance(0, s.A), s.instance(1, s.B), nodes=2))
        shown = atoll("apply", file, "-y", *options)
        assert shown.returncode == 0, shown.stderr
        return [line.split("  ")[-1].strip() for line in shown.stderr.splitlines()]

    short = lines()
    assert short.count("fleet train: 1 of 2 nodes active, local-a 1") == 1
    assert "instance train-1: launching in local-b: no capacity for m7i.large" in short
    assert "instance train-1: terminated in local-b: launch-failed" in short
    assert not any("starting" in line for line in short)
    whole = lines("-v")
    assert "instance train-0: starting in local-a" in whole
    assert not any("of 2 nodes" in line for line in whole)
