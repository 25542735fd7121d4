"""Quotas that a backend lists: plans keep them, and the instances of all projects count."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from atoll.backends.base import Listing
from atoll.backends.fake import grid
from atoll.engine.parts.kept_listings import KeptListings
from atoll.engine.parts.refusal import Refused
from atoll.model.offer import Market
from atoll.model.quota import Quota, with_own_use
from atoll.model.resources import InstanceType
from atoll.model.zone import Zone
from atoll.planning.reasons.sentences import sentence
from tests.engine.scene import SCRIPT, Scene, play

TASK = (
    "type: task\nname: g\ncommands: [work]\nresources: {cpu: 8}\n"
    "retry: {on_events: [no-capacity]}\nenv: {FAKE_SECONDS: '9000'}\n"
)
FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nresources: {{cpu: 2}}\n"
LIMITED = replace(SCRIPT, offers=grid(3, cpus=(2, 8)), quota_cpus=8, lists_quotas=True)


def test_what_is_beyond_a_quota_for_ever_is_refused_and_no_launch_is_tried() -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(Refused, match="4 of 5 nodes"):
            await scene.apply(FLEET.format(name="f", nodes=5))
        await scene.apply(FLEET.format(name="f", nodes=4))
        await scene.until(lambda: scene.states("instances") == ["active"] * 4)
        assert [entry.outcome for entry in scene.ledger.calls("launch")] == ["ok"] * 4
        view = await scene.replica.engine.zones.get("main", Zone("fake", "fake-1", "fake-1a"))
        assert view.quotas == (Quota("fake", "fake-1", Market.ON_DEMAND, 8, 8),)

    play(story, LIMITED)


def test_a_run_waits_for_the_quota_that_a_fleet_uses_and_starts_when_that_is_deleted() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(name="f", nodes=2))
        await scene.until(lambda: scene.states("instances") == ["active"] * 2)
        planned = await scene.apply(TASK)
        sentences = [sentence(one.code, one.data) for one in planned.plan.documents[0].refusals]
        assert any("quota of fake-1 has 4 of 8 vCPUs left" in each for each in sentences), sentences
        await scene.clock.sleep(30)
        assert len(scene.ledger.calls("launch")) == 2, "no launch is tried beyond the quota"
        await scene.replica.engine.delete_fleet("main", "f")
        await scene.until(lambda: scene.states("instances").count("active") == 1, 400)
        assert {entry.outcome for entry in scene.ledger.calls("launch")} == {"ok"}

    play(story, LIMITED)


def test_quotas_are_kept_with_the_listing(tmp_path: Path) -> None:
    quotas = (Quota("fake", "fake-1", Market.SPOT, 32, 4),)
    KeptListings(tmp_path).keep("fake", Listing((), grid(1), datetime.now(UTC), quotas))
    found = KeptListings(tmp_path).last("fake")
    assert found is not None
    assert found.quotas == quotas


@pytest.mark.parametrize(("market", "used"), [(Market.SPOT, 20), (Market.ON_DEMAND, 4)])
def test_only_instances_of_the_quotas_region_and_market_count(market: Market, used: float) -> None:
    quotas = (Quota("fake", "fake-1", Market.SPOT, 32, 4),)
    machine = InstanceType("f.8x32", 8, 32, 100)
    taken = [(Zone("fake", "fake-1", "fake-1a"), machine, market, 2), (Zone("fake", "fake-2", "x"), machine, market, 5)]
    assert with_own_use(quotas, taken)[0].used_cpus == used
