"""`atoll offer`: its tables, and its answers from a real server with the local backend."""

import json
from collections.abc import Iterator

import pytest

from atoll.wire.api import OfferGroup, OfferView
from tests.cli import samples as s
from tests.cli.canned_server import CannedServer
from tests.cli.conftest import CommandLine


def test_groups_show_how_many_there_are_and_the_cheapest(atoll: CommandLine, server: CannedServer) -> None:
    groups = [
        OfferGroup("H100:8", "", 40, 38, 12, 98.32, "p5.48xlarge", s.EAST_A, "on-demand"),
        OfferGroup("none", "aws", 7, 0, 1),
    ]
    server.on("GET", "offers/by/gpu", groups)
    shown = atoll("offer", "--group-by", "gpu", "--gpu", "0..8", "--spot", "--limit", "5")
    assert shown.stdout == (
        " GPU     BACKEND  OFFERS  AVAILABLE  ZONES  FROM    AS                     IN\n"
        " H100:8           40      38         12     $98.32  p5.48xlarge on-demand  us-east-1a\n"
        " none    aws      7       0          1\n"
    )
    assert server.requests[-1].query == {"gpu": ["0..8"], "spot": ["spot"], "limit": ["5"]}


def test_a_long_list_says_that_there_is_more(atoll: CommandLine, server: CannedServer) -> None:
    one = OfferView(s.EAST_A, "m7i.large", 2, 8, "", "on-demand", 0.1, "available")
    server.on("GET", "offers", [one] * 4)
    shown = atoll("offer", "--limit", "3", "--on-demand")
    assert shown.stdout.count("m7i.large") == 3
    assert "and more: `--limit` shows them" in shown.stdout
    assert server.requests[-1].query == {"spot": ["on-demand"], "limit": ["4"]}
    assert len(json.loads(atoll("offer", "--limit", "3", "--json").stdout)) == 3
    assert "and more" not in atoll("offer", "--limit", "4").stdout


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-price", "cheap"], "invalid value for '--max-price': 'cheap' is not a valid float range"),
        (["--limit", "0"], "invalid value for '--limit': 0 is not in the range 1<=x<=10000"),
        (["--group-by", "colour"], "invalid value for '--group-by': 'colour' is not one of"),
    ],
)
def test_values_that_no_server_has_to_look_at_are_wrong_usage(
    atoll: CommandLine, server: CannedServer, options: list[str], message: str
) -> None:
    shown = atoll("offer", *options)
    assert shown.returncode == 2
    assert message in shown.stderr
    assert not server.requests


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line with a data folder of its own and the server that it starts."""
    command = CommandLine(tmp_path_factory.mktemp("offer"), None)
    yield command
    assert command("server", "stop").returncode == 0


@pytest.mark.parametrize(
    ("options", "answer"),
    [
        (["--cpu", "many"], "error[wrong-value]: `many` for cpu: expected a whole number or a range such as `4..8`"),
        (["--memory", "16XB"], "error[wrong-value]: `16XB` for memory: "),
        (["--gpu", "H100:::"], "error[wrong-value]: `H100:::` for gpu: expected GPUs such as `H100:8`"),
        (["--zone", "local-z"], "error[unknown-zone]: `local-z` is not a zone of local"),
        (["--zone", "local-aa"], "  = help: did you mean `local-a`?"),
        (["--region", "locale"], "error[wrong-value]: no backend here has the region `locale`"),
        (["--region", "locale"], "  = help: did you mean `local`?"),
        (["--instance-type", "local.2x9"], "  = help: did you mean `local.2x8`?"),
        (["--backend", "aws"], "error[unknown-backend]: backend `aws` is not configured on this server"),
    ],
)
def test_texts_that_mean_nothing_are_answered_with_what_was_expected(
    real: CommandLine, options: list[str], answer: str
) -> None:
    shown = real("offer", *options)
    assert shown.returncode == 1
    assert answer in shown.stderr


def test_requirements_have_the_forms_of_configurations(real: CommandLine) -> None:
    found = json.loads(real("offer", "--cpu", "4..8", "--memory", "16GB..", "--zone", "*-b", "--json").stdout)
    assert found
    assert all(4 <= one["cpus"] <= 8 and one["memory_gb"] >= 16 and one["zone"]["name"] == "local-b" for one in found)


def test_a_failed_zone_says_so_beside_its_offers(real: CommandLine) -> None:
    assert real("zone", "fail", "local-b").returncode == 0
    shown = json.loads(real("offer", "--json").stdout)
    reasons = {one["zone"]["name"]: one["code"] for one in shown}
    assert reasons["local-a"] == ""
    assert reasons["local-b"] != ""
    assert all(bool(one["code"]) == bool(one["message"]) for one in shown)
    groups = json.loads(real("offer", "--group-by", "zone", "--json").stdout)
    assert {one["name"]: one["available"] > 0 for one in groups} == {
        "local-a": True, "local-b": False, "local-c": True,
    }  # fmt: skip
    assert real("zone", "restore", "local-b").returncode == 0
