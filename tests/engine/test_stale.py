"""What could not be read of a backend's offers is named wherever these are shown."""

from dataclasses import replace
from datetime import UTC, datetime

from atoll.model.market import StalePart
from atoll.server.views import plan_view
from atoll.wire.api import OfferQuery, SourceFile, Submission
from tests.engine.scene import SCRIPT, Scene, play

PART = StalePart("fake", "fake-1", "spot prices", datetime(2026, 11, 28, 14, 2, tzinfo=UTC), "slow down")
ELSEWHERE = StalePart("fake", "fake-2", "quotas", None, "not allowed")
TEXT = "spot prices of 2026-11-28 14:02 UTC: slow down"


def test_zones_offers_and_plans_name_what_is_stale() -> None:
    async def story(scene: Scene) -> None:
        engine = scene.replica.engine
        zones = await engine.zones.all("main")
        assert {zone.stale for zone in zones} == {(TEXT,)}
        await engine.offers("main", OfferQuery())
        assert engine.stale == (PART, ELSEWHERE)
        files = (SourceFile("fleet.yml", "type: fleet\nname: f\nnodes: 1\n"),)
        planned = await engine.plan("main", Submission(files))
        assert plan_view(planned).note == f"fake fake-1: {TEXT}; fake fake-2: quotas unknown: not allowed"

    play(story, replace(SCRIPT, stale=(PART, ELSEWHERE)))
