"""A rebalance replaces what was shown, and no more."""

from atoll.wire.api import Problem
from atoll.wire.rebalance import RebalanceView
from tests.cli.canned_server import CannedServer, refusal
from tests.cli.conftest import CommandLine


def moves(*leaving: str) -> RebalanceView:
    after = {"local-a": 2, "local-b": 1}
    return RebalanceView("web", "moves", leaving, {"local-b": 1}, {"local-a": 3}, after, needed=len(leaving))


CHANGED = refusal(409, Problem("changed-since-shown", "its nodes changed meanwhile"))


def test_a_rebalance_that_replaces_less_than_was_shown_goes_on_and_one_that_replaces_more_is_refused(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("POST", "fleets/web/rebalance/preview", moves("web-1", "web-2"), moves("web-1"), moves("web-3"))
    server.on("POST", "fleets/web/rebalance", CHANGED, moves("web-1"), CHANGED)
    shown = atoll("fleet", "rebalance", "web", "-y")
    assert shown.returncode == 0, shown.stderr
    assert "changed since it was shown; now:" in shown.stderr
    assert "fleet web is being rebalanced" in shown.stdout
    server.on("POST", "fleets/web/rebalance/preview", moves("web-1"), moves("web-3"))
    server.on("POST", "fleets/web/rebalance", CHANGED)
    refused = atoll("fleet", "rebalance", "web", "-y")
    assert refused.returncode == 1
    assert "now it would replace web-3 too" in refused.stderr
