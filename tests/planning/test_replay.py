"""Plans on saved worlds: the same answer every time, through the engine and through the real command and server."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from atoll.configuration import SourceFile as Text
from atoll.configuration import parse
from atoll.engine.parts.refusal import Refused
from atoll.engine.placing.demand import demand_of
from atoll.engine.requests.replay import replay
from atoll.engine.snapshots.saved import digest
from atoll.server.views import plan_view
from atoll.wire.api import SourceFile, Submission
from atoll.wire.snapshot import LARGEST_BYTES, schema
from tests.cli.conftest import CommandLine
from tests.planning.golden.case import cases

ROW: dict[str, Any] = {
    "backend": "aws",
    "region": "us-east-1",
    "zone": "us-east-1a",
    "instance_type": "m7i.large",
    "cpus": 2,
    "memory_gb": 8,
    "price": 0.1,
}
EXAMPLES = Path(__file__).parents[2] / "examples"
FLEET = "type: fleet\nname: train\nbackends: [aws]\nnodes: 2\nresources: {cpu: 2.., memory: 8GB..}\n"


def submission(text: str) -> Submission:
    return Submission((SourceFile("fleet.atoll.yml", text),))


def test_the_same_world_and_files_give_the_same_plan() -> None:
    content = json.dumps([{**ROW, "zone": f"us-east-1{letter}"} for letter in "abcdf"]).encode()
    first, again = (plan_view(replay(content, submission(FLEET))) for _ in range(2))
    assert msgspec.json.encode(first) == msgspec.json.encode(again)


def test_a_seed_decides_between_zones_that_are_equally_good() -> None:
    rows = [{**ROW, "zone": f"us-east-1{letter}"} for letter in "abcdf"]
    chosen = {
        plan_view(replay(json.dumps({"offers": rows, "seed": seed}).encode(), submission(FLEET)))
        .documents[0]
        .nodes[0]
        .zone
        for seed in range(20)
    }
    assert len(chosen) > 1


def test_a_settled_document_requires_nothing_until_it_is_edited() -> None:
    demand = replay_demand(FLEET)
    settled = [{"kind": "fleet", "name": "train", "demand": demand}]
    content = json.dumps({"offers": [ROW], "settled": settled}).encode()
    assert plan_view(replay(content, submission(FLEET))).documents == ()
    edited = plan_view(replay(content, submission(FLEET.replace("nodes: 2", "nodes: 3"))))
    assert len(edited.documents[0].nodes) == 3


def replay_demand(text: str) -> str:
    (document,) = parse([Text("fleet.atoll.yml", text)]).documents
    return digest(demand_of(document, "main"))


def test_a_variable_without_a_value_here_does_not_matter() -> None:
    task = "type: task\nname: t\nbackends: [aws]\ncommands: [ls]\nenv: [HF_TOKEN]\nresources: {cpu: 2}\n"
    plan = plan_view(replay(json.dumps([ROW]).encode(), submission(task)))
    assert plan.complete


def test_a_wrong_snapshot_is_refused_with_its_findings() -> None:
    with pytest.raises(Refused) as refused:
        replay(b"[{}]", submission(FLEET))
    assert (refused.value.code, refused.value.status) == ("invalid-snapshot", 422)
    assert refused.value.diagnostics[0].message == "`[0]`: `backend` is missing"


# The real command, against a real server.


@pytest.fixture(scope="module")
def atoll(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line with a data folder of its own; it starts a server when it needs one."""
    command = CommandLine(tmp_path_factory.mktemp("replay"), None)
    yield command
    assert command("server", "stop").returncode == 0


TRIO = """\
type: fleet
name: train
nodes: 3
placement: spread
resources: {cpu: 2, memory: 1GB..}
---
type: volume
name: data
backend: local
size: 1GB
---
type: task
name: use
commands: [ls]
fleets: [train]
env: [A_TOKEN]
volumes: ["data:/data"]
resources: {cpu: 1.., memory: 1GB..}
"""


def test_a_saved_plan_is_replayed_the_same_and_holds_no_secret(atoll: CommandLine) -> None:
    path = atoll.write(TRIO)
    secret = {"A_TOKEN": "hunter2-and-more"}
    saved = atoll("plan", "-f", path, "--save-snapshot", "S.json", "--json", environment=secret)
    assert saved.returncode == 0, saved.stderr
    content = (atoll.folder / "S.json").read_text()
    assert "hunter2" not in content
    assert (atoll.folder / "S.json").stat().st_mode & 0o777 == 0o600
    again = atoll("plan", "-f", path, "--snapshot", "S.json", "--json")
    assert json.loads(again.stdout)["plan"] == json.loads(saved.stdout)["plan"]


def test_a_world_that_was_applied_is_replayed_the_same(atoll: CommandLine) -> None:
    applied = "type: volume\nname: kept\nbackend: local\navailability_zone: local-b\nsize: 1GB\n"
    assert atoll("apply", "-f", atoll.write(applied, "kept.atoll.yml"), "-y").returncode == 0
    task = "type: task\nname: other\ncommands: [ls]\nvolumes: ['kept:/kept']\nresources: {cpu: 1.., memory: 1GB..}\n"
    path = atoll.write(applied + "---\n" + task, "both.atoll.yml")
    saved = atoll("plan", "-f", path, "--save-snapshot", "applied.json", "--json")
    again = atoll("plan", "-f", path, "--snapshot", "applied.json", "--json")
    plan = json.loads(again.stdout)["plan"]
    assert plan == json.loads(saved.stdout)["plan"]
    assert [(one["name"], one["nodes"][0]["zone"]) for one in plan["documents"]] == [("other", "local-b")]


@pytest.mark.parametrize(
    "name", ["zones/by-zone-id", "volumes/two-mounts-in-two-zones", "zones/unknown", "price/spot-only"]
)
def test_golden_cases_come_out_of_the_real_command(atoll: CommandLine, name: str) -> None:
    (case,) = [one for one in cases() if one.name == name]
    atoll.write(case.expected("request.atoll.yml"), "request.atoll.yml")
    (atoll.folder / "snapshot.json").write_bytes((case.folder / "snapshot.json").read_bytes())
    shown = atoll("plan", "-f", "request.atoll.yml", "--snapshot", "snapshot.json")
    assert (shown.stdout or shown.stderr) == case.expected("plan.txt")
    printed = atoll("plan", "-f", "request.atoll.yml", "--snapshot", "snapshot.json", "--json")
    expected = json.loads(case.expected("plan.json"))
    assert "plan" not in expected or json.loads(printed.stdout) == expected
    assert shown.returncode == (0 if expected.get("plan", {}).get("complete") else 1)


def test_a_plan_names_every_placement_and_refusal_in_json(atoll: CommandLine) -> None:
    (atoll.folder / "offers.json").write_text(json.dumps([ROW, {**ROW, "zone": "us-east-1b", "cpus": 1}]))
    path = atoll.write(FLEET, "fleet.atoll.yml")
    plan = json.loads(atoll("plan", "-f", path, "--snapshot", "offers.json", "--json").stdout)["plan"]
    (document,) = plan["documents"]
    assert plan["price"] == 0.2
    assert [
        (n["document"], n["node"], n["backend"], n["region"], n["zone"], n["instance_type"], n["market"], n["price"])
        for n in document["nodes"]
    ] == [("train", i, "aws", "us-east-1", "us-east-1a", "m7i.large", "on-demand", 0.1) for i in (0, 1)]
    (refusal,) = document["refusals"]
    assert refusal["scope"]["zone"] == "us-east-1b"
    assert (refusal["code"], refusal["data"]["most"]) == ("cpu", 1)


def test_wrong_snapshots_are_answered_with_their_place_and_file(atoll: CommandLine) -> None:
    path = atoll.write(FLEET, "fleet.atoll.yml")
    (atoll.folder / "wrong.json").write_text(json.dumps({"offers": [ROW, {**ROW, "price": "dear"}]}))
    for file, message in (
        (
            "wrong.json",
            "error[wrong-snapshot]: `offers[1].price`: expected a number or null, not text\n   = note: in wrong.json",
        ),
        ("none.json", "error[missing-file]: there is no file `none.json`"),
        (".", "error[unreadable-file]: cannot read `.`: Is a directory"),
        (path, "error[not-json]: the snapshot is not JSON"),
    ):
        shown = atoll("plan", "-f", path, "--snapshot", file)
        assert shown.returncode == 1
        assert shown.stderr.startswith(message), shown.stderr


def test_a_snapshot_that_is_too_large_is_not_sent(atoll: CommandLine) -> None:
    with (atoll.folder / "large.json").open("wb") as file:
        file.truncate(LARGEST_BYTES + 1)
    shown = atoll("plan", "-f", atoll.write(FLEET, "fleet.atoll.yml"), "--snapshot", "large.json")
    assert shown.stderr.startswith("error[snapshot-too-large]: `large.json` is larger than 64 MiB")


def test_many_offers_pass_the_limit_of_other_requests(atoll: CommandLine) -> None:
    rows = [
        {
            **ROW,
            "region": f"region-{i}",
            "zone": f"region-{i}a",
            "instance_type": "m7i.large" + "-flex" * 20,
            "price": 1 + i,
        }
        for i in range(10_000)
    ]
    content = json.dumps(rows)
    assert len(content) > 2 << 20
    (atoll.folder / "many.json").write_text(content)
    shown = atoll("plan", "-f", atoll.write(FLEET, "fleet.atoll.yml"), "--snapshot", "many.json")
    assert "   region-0a 2\n" in shown.stdout
    assert len(shown.stdout.splitlines()) < 20


def test_reading_and_writing_at_once_is_wrong_usage(atoll: CommandLine) -> None:
    path = atoll.write(FLEET, "fleet.atoll.yml")
    assert atoll("plan", "-f", path, "--snapshot", "a", "--save-snapshot", "b").returncode == 2


def test_a_snapshot_that_cannot_be_written_leaves_nothing(atoll: CommandLine) -> None:
    shown = atoll("plan", "-f", atoll.write(TRIO), "--save-snapshot", "nowhere/S.json", environment={"A_TOKEN": "x"})
    assert shown.stderr.startswith("error: cannot write `nowhere/S.json`: No such file or directory")


def test_the_schema_is_exported(atoll: CommandLine) -> None:
    assert json.loads(atoll("export", "schema", "--snapshot").stdout) == schema()


def test_the_example_world_serves_the_example_fleet(atoll: CommandLine) -> None:
    for name in ("spread.atoll.yml", "snapshot.json"):
        (atoll.folder / name).write_bytes((EXAMPLES / name).read_bytes())
    shown = atoll("plan", "-f", "spread.atoll.yml", "--snapshot", "snapshot.json")
    assert shown.returncode == 0, shown.stderr
    assert "so that 6 remain after the loss of any one zone" in shown.stdout
    assert "us-east-1e  excluded by availability_zones" in shown.stdout
