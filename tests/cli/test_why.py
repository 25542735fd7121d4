"""`atoll why` through the real command line."""

from atoll.wire.api import PlannedDocument, PlannedShortfall, PlanView
from tests.cli import samples as s
from tests.cli.canned_server import CannedServer
from tests.cli.conftest import CommandLine


def test_a_placed_run_says_where_and_why_not_elsewhere(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "runs/hello", s.run(jobs=(s.job(0, s.B, instance="train-1", instance_type="m7i.large"),)))
    document = PlannedDocument("run", "hello", (s.node(0, s.B),), None, (s.refusal(s.A, "price", "costs more"),))
    server.on("GET", "why/run/hello", PlanView((document,), 0, True))
    shown = atoll("why", "hello")
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert lines[0] == " run hello: running in local-b"
    assert lines[1] == "   0  local-b  train-1  m7i.large"
    assert " planned again as of now, as if it had no place" in lines
    assert "   local-a  costs more" in lines


def test_what_waits_says_what_would_change_it(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "runs/hello", s.run(status="submitted", jobs=(s.job(0, None),), message="waits: no capacity"))
    short = PlannedShortfall(1, 0, "no-capacity", {}, "no capacity", (s.cure("drop `regions`: local-a fits"),), True)
    server.on("GET", "why/run/hello", PlanView((PlannedDocument("run", "hello", shortfall=short),), 0, True))
    shown = atoll("why", "hello").stdout
    assert "   waits: no capacity\n" in shown
    assert shown.endswith(" it would fit now with\n   drop `regions`: local-a fits\n")


def test_a_name_of_several_things_and_of_none(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "runs/train", s.run("train"))
    server.on("GET", "fleets/train", s.fleet(s.instance(0, s.A)))
    shown = atoll("why", "train")
    assert shown.stderr == "error: `train` is a run and fleet\n  help: pass `--kind run`\n"
    assert atoll("why", "none").stderr.startswith("error: there is no run, fleet or volume `none`\n")
    assert atoll("why", "none", "--kind", "volume").stderr.startswith("error: there is no volume `none`\n")


def test_machines_that_were_bought_for_a_run_of_that_name_are_the_runs(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "runs/hello", s.run())
    server.on("GET", "fleets/hello", s.fleet(s.instance(0, s.A), name="hello", auto_created=True))
    server.on("GET", "why/run/hello", PlanView((), 0, True))
    assert atoll("why", "hello").stdout.startswith(" run hello: running")
