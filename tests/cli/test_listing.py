"""What the listings show, through the real command line."""

import json

from atoll.model.zone import Capacity, ZoneState
from atoll.wire.api import OfferView
from tests.cli import samples as s
from tests.cli.canned_server import Answer, CannedServer
from tests.cli.conftest import CommandLine


def lines(text: str) -> list[list[str]]:
    """Cells of each line: two blanks or more separate them."""
    return [[cell for cell in line.strip().split("  ") if cell] for line in text.splitlines()]


def test_fleets_show_their_zones_and_each_instance(atoll: CommandLine, server: CannedServer) -> None:
    busy = s.instance(1, s.B, status="busy", runs=("llama-ft",))
    server.on("GET", "fleets", [s.fleet(s.instance(0, s.A), busy, s.instance(2, s.C))])
    shown = atoll("fleet")
    assert shown.stderr == ""
    assert shown.returncode == 0
    head, train, first, second, _ = shown.stdout.splitlines()
    assert head.split() == ["NAME", "NODES", "PLACEMENT", "ZONES", "STATUS", "CREATED"]
    assert "train" in train
    assert "3/3" in train
    assert "spread, skew 0" in train
    assert "local-a 1, local-b 1, local-c 1" in train
    assert first.split() == ["0", "local-a", "local-2x8", "$0.2016", "idle"]
    assert second.index("local-b") == head.index("ZONES")
    assert second.endswith("busy    (run llama-ft)")


def test_verbose_puts_the_region_and_zone_id_beside_the_zone(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "fleets/train", s.fleet(s.instance(0, s.EAST_A, message="slow to start")))
    shown = atoll("fleet", "get", "train", "-v").stdout
    for fact in ("REGION", "us-east-1 ", "us-east-1a", "use1-az4", "i-0", "2 CPUs, 8GB", "on-demand", "slow to start"):
        assert fact in shown


def test_json_is_the_object_of_the_api(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "volumes", [s.volume(attached_to=("train-1",))])
    (found,) = json.loads(atoll("volume", "--json").stdout)
    assert found["zone"]["name"] == "local-b"
    assert found["attached_to"] == ["train-1"]


def test_volumes_show_their_zone(atoll: CommandLine, server: CannedServer) -> None:
    server.on(
        "GET",
        "volumes",
        [s.volume(attached_to=("train-1",)), s.volume(None, name="later", backend="", message="no room")],
    )
    head, data, later = lines(atoll("volume", "list").stdout)
    assert [cell.strip() for cell in head] == ["NAME", "SIZE", "BACKEND", "ZONE", "STATUS", "ATTACHED", "ERROR"]
    assert [cell.strip() for cell in data[:6]] == ["data", "100GB", "local", "local-b", "available", "train-1"]
    assert later[3].strip() == "-"


def test_a_run_with_several_jobs_shows_each(atoll: CommandLine, server: CannedServer) -> None:
    failed = s.job(1, s.C, status="failed", exit_code=3, message="the zone local-c was lost")
    server.on("GET", "runs", [s.run(jobs=(s.job(), failed))])
    shown = atoll("ps").stdout
    assert "local-b 1, local-c 1" in shown
    assert "failed (3)" in shown
    assert "the zone local-c was lost" in shown


def test_ps_does_not_show_the_end_of_an_earlier_attempt_while_the_next_one_runs(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "runs", [s.run(reason="retry-error", jobs=(s.job(submission=1, reason="planned"),))])
    shown = atoll("ps").stdout
    assert "running" in shown
    assert "retry-error" not in shown


def test_ps_lists_finished_runs_only_on_request_and_the_newest_of_them(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "runs", [])
    server.on("GET", "runs/old", s.run(name="old", id="r0"))
    for options in ((), ("-a",), ("-n", "1500"), ("-a", "--before", "old"), ("--limit", "5")):
        assert atoll("ps", *options).returncode == 0
    all = {"all": ["1"], "newest": ["1"]}
    assert [request.query for request in server.requests if request.path.endswith("/runs")] == [
        {},
        all | {"limit": ["100"]},
        all | {"limit": ["1000"]},
        all | {"limit": ["100"], "after": ["r0"]},
        all | {"limit": ["5"]},
    ]
    refused = atoll("ps", "-n", "0")
    assert (refused.returncode, "1<=x<=1000000" in refused.stderr) == (2, True)


def test_a_page_of_runs_has_the_oldest_first_and_says_how_to_see_older_ones(
    atoll: CommandLine, server: CannedServer
) -> None:
    newest_first = [s.run(name="third", id="r3"), s.run(name="second", id="r2")]
    server.on("GET", "runs", Answer(newest_first, headers={"Atoll-Next": "r2"}))
    shown = atoll("ps", "-n", "2")
    assert shown.stdout.index("second") < shown.stdout.index("third")
    assert shown.stderr == "older runs follow: `atoll run list -a --before second`\n"
    found = atoll("ps", "-n", "2", "--json")
    assert [run["name"] for run in json.loads(found.stdout)] == ["second", "third"]


def test_zones_show_what_they_hold_and_why_they_are_out(atoll: CommandLine, server: CannedServer) -> None:
    impaired = s.zone_view(s.B, state=ZoneState.IMPAIRED, reason="failed on purpose")
    server.on("GET", "zones", [s.zone_view(s.A), impaired, s.zone_view(s.EAST_A, capacity=None, used=Capacity())])
    shown = atoll("zone").stdout
    assert "2 of 16 CPUs, 8 of 64GB" in shown
    assert "failed on purpose" in shown
    assert "use1-az4" not in shown
    assert "use1-az4" in atoll("zone", "-v").stdout


def test_a_zone_is_failed_by_its_name(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "zones", [s.zone_view(s.A), s.zone_view(s.B)])
    server.on("POST", "zones/local/local/local-b/fail", s.zone_view(s.B, state=ZoneState.IMPAIRED))
    shown = atoll("zone", "fail", "LOCAL-B")
    assert shown.returncode == 0
    assert "zone local-b: impaired" in shown.stdout


def test_an_unknown_zone_is_answered_with_the_nearest_name(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "zones", [s.zone_view(s.A), s.zone_view(s.B)])
    shown = atoll("zone", "fail", "local-bb")
    assert shown.returncode == 1
    assert shown.stderr == "error: there is no zone `local-bb`\n  help: did you mean `local-b`?\n"


def test_offers_pass_their_filters_on_and_say_that_local_zones_share(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "offers", [OfferView(s.A, "local-2x8", 2, 8, "", "on-demand", 0.1, "unavailable", "none left")])
    shown = atoll("offer", "--cpu", "2..", "--zone", "local-a", "--zone", "local-b", "--max-price", "0.5")
    assert "none left" in shown.stdout
    assert "share the CPUs and the memory of this machine" in shown.stdout
    assert server.requests[-1].query == {
        "cpu": ["2.."], "zone": ["local-a", "local-b"], "max_price": ["0.5"], "limit": ["101"],
    }  # fmt: skip


def test_events_are_filtered_and_shown_with_their_zone(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "events", [s.event(4, "instance", "train-0", "lost", from_state="busy", zone=s.B)])
    shown = atoll("event", "--name", "train-0")
    assert "busy → lost" in shown.stdout
    assert "local-b" in shown.stdout
    assert server.requests[-1].query == {"last": ["50"], "name": ["train-0"]}
    assert atoll("event", "get", "4").returncode == 0
    assert atoll("event", "get", "5").stderr.startswith("error: there is no event 5\n")


def test_events_of_a_time_have_their_local_date_and_are_requested_with_all_that_they_concern(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "events", [s.event(4, "instance", "train-0", "lost", from_state="busy", zone=s.B)])
    shown = atoll("event", "--for", "train", "--since", "2026-11-28T14:00", "--until", "2026-11-29")
    assert s.NOW.strftime("%Y-%m-%d %H:%M:%S") in shown.stdout
    query = server.requests[-1].query
    assert query["related"] == ["train"]
    assert query["since"] == ["2026-11-28T14:00:00+00:00"]
    assert query["until"] == ["2026-11-29T00:00:00+00:00"]
    assert query["last"] == ["1000"]
    backwards = atoll("event", "--since", "1h", "--until", "2h")
    assert (backwards.returncode, "`--since` is not before `--until`" in backwards.stderr) == (2, True)
    assert "without `--until`" in atoll("event", "-f", "--until", "1h").stderr
    assert "is no time" in atoll("event", "--since", "yesterday").stderr


def test_an_event_of_a_request_says_so_once(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "events", [s.event(4, "run", "work", "running", from_state="running", reason="stop-asked")])
    [_, shown] = atoll("event").stdout.splitlines()
    assert "running" not in shown
    assert shown.count("stop-asked") == 1


def test_an_instance_is_found_by_its_name(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "instances", [s.instance(0, s.A), s.instance(1, s.B)])
    assert "local-b" in atoll("instance", "get", "train-1").stdout
    assert atoll("instance", "get", "train-7").returncode == 1
    assert "FLEET" in atoll("instance").stdout
