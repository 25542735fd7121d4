"""What a provider offers without a price: used last, never within a limit, and shown as unknown to the end."""

from dataclasses import replace

import msgspec

from atoll.backends.fake import grid
from atoll.model.offer import UNKNOWN_PRICE
from atoll.server.views import offer_view, plan_view
from atoll.wire.api import FleetView, OfferQuery, OfferView, PlanView, SourceFile, Submission
from tests.engine.scene import SCRIPT, Scene, play

UNPRICED = replace(SCRIPT, offers=tuple(replace(offer, price=UNKNOWN_PRICE) for offer in grid(1, cpus=(2,))))
FLEET = "type: fleet\nname: f\nnodes: 2\n"


def test_a_fleet_of_unknown_price_becomes_active_and_its_price_is_null_everywhere() -> None:
    async def story(scene: Scene) -> None:
        engine = scene.replica.engine
        found = await engine.offers("main", OfferQuery())
        views = [offer_view(one, ()) for one in found.cheapest(5)]
        (shown,) = msgspec.json.decode(msgspec.json.encode(views), type=list[OfferView])
        assert (shown.price, shown.code) == (None, "")
        planned = plan_view(await scene.apply(FLEET))
        plan = msgspec.json.decode(msgspec.json.encode(planned), type=PlanView)
        assert (plan.price, [node.price for node in plan.documents[0].nodes]) == (None, [None, None])
        await scene.until(lambda: scene.states("instances") == ["active"] * 2)
        fleet = msgspec.json.decode(msgspec.json.encode(await engine.fleets.get("main", "f")), type=FleetView)
        assert (fleet.price, {one.price for one in fleet.instances}) == (None, {None})

    play(story, UNPRICED)


def test_a_limit_keeps_out_what_has_no_known_price_and_says_so() -> None:
    async def story(scene: Scene) -> None:
        engine = scene.replica.engine
        limited = Submission((SourceFile("f.yml", FLEET + "max_price: 0.5\n"),))
        (document,) = plan_view(await engine.plan("main", limited)).documents
        reason = "the price of f.2x8 is not known, so max_price $0.50 cannot be kept"
        assert [(refusal.code, refusal.message) for refusal in document.refusals] == [("price-unknown", reason)]
        assert document.shortfall is not None
        assert [cure.message for cure in document.shortfall.cures] == ["drop `max_price`: fake-1a fits"]
        (offer,) = (await engine.offers("main", OfferQuery(max_price=0.5))).cheapest(5)
        assert offer_view(offer, ()).message == reason

    play(story, UNPRICED)
