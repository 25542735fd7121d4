"""Why something is where it is, or waits: the reason of every other zone, as of now."""

import pytest

from atoll.backends.fake import Script, grid
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.planned import Planned
from atoll.model.records import Kind
from atoll.model.zone import Capacity
from tests.engine.scene import Scene, play

FULL = Script(grid(3, cpus=(2,)), capacity={f"fake-1{letter}": Capacity(2, 64) for letter in "abc"}, boot=1)
FLEET = "type: fleet\nname: f\nnodes: 3\nplacement: spread\nresources: {cpu: 2}\n"
WAITING = (
    "type: task\nname: late\nresources: {cpu: 2}\nretry: {on_events: [no-capacity], duration: 1h}\n"
    "availability_zones: [fake-1b]\ncommands: ['true']\n"
)


def zones(found: Planned) -> list[str]:
    [document] = found.plan.documents
    return [placement.zone.name for placement in document.placements]


def reasons(found: Planned) -> dict[str, str]:
    [document] = found.plan.documents
    return {str(refusal.zone): refusal.code.value for refusal in document.refusals}


def test_a_fleet_that_fills_its_zones_fits_them_again_without_itself() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET)
        await scene.until(lambda: scene.states("instances") == ["active"] * 3)
        before = scene.rows("SELECT * FROM instances")
        found = await scene.replica.engine.explain_place("main", Kind.FLEET, "f")
        assert sorted(zones(found)) == ["fake-1a", "fake-1b", "fake-1c"]
        assert scene.rows("SELECT * FROM instances") == before

    play(story, FULL)


def test_a_fleet_that_lacks_a_node_says_what_it_lacks() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: fleet\nname: other\nnodes: 1\nresources: {cpu: 2}\navailability_zones: [fake-1b]\n")
        await scene.until(lambda: scene.states("instances") == ["active"])
        await scene.apply(FLEET.replace("spread", "any") + "retry: {on_events: [no-capacity], duration: 1h}\n")
        await scene.until(lambda: bool(scene.rows("SELECT 1 FROM fleets WHERE message != ''")))
        found = await scene.replica.engine.explain_place("main", Kind.FLEET, "f")
        [document] = found.plan.documents
        assert document.shortfall is not None
        assert found.waits(document)
        assert reasons(found)["fake-1b"] == "capacity-used"

    play(story, FULL)


def test_a_waiting_run_has_a_reason_for_each_zone() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.replace("nodes: 3", "nodes: 3..3"))
        await scene.until(lambda: scene.states("instances") == ["active"] * 3)
        await scene.apply("type: task\nname: first\navailability_zones: [fake-1b]\ncommands: ['sleep 900']\n")
        await scene.until(lambda: scene.states("jobs") == ["running"])
        await scene.apply(WAITING)
        await scene.until(lambda: scene.states("runs")[-1] == "submitted")
        found = await scene.replica.engine.explain_place("main", Kind.RUN, "late")
        assert zones(found) == []
        assert reasons(found)["fake-1a"] == reasons(found)["fake-1c"] == "zone"
        assert "fake-1b" in reasons(found)
        running = await scene.replica.engine.explain_place("main", Kind.RUN, "first")
        assert zones(running) == ["fake-1b"]

    play(story, FULL)


def test_a_volume_is_explained_and_what_does_not_exist_is_refused() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: volume\nname: v\nbackend: fake\nregion: fake-1\nsize: 10GB\n")
        await scene.until(lambda: bool(scene.rows("SELECT 1 FROM volumes WHERE zone IS NOT NULL")))
        found = await scene.replica.engine.explain_place("main", Kind.VOLUME, "v")
        [document] = found.plan.documents
        assert document.zone is not None
        assert len(reasons(found)) == 2
        for kind in (Kind.RUN, Kind.FLEET, Kind.VOLUME):
            with pytest.raises(Refused, match="there is no"):
                await scene.replica.engine.explain_place("main", kind, "none")

    play(story)


def test_machines_that_were_bought_for_a_run_are_explained_by_the_run() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: task\nname: own\ncommands: ['sleep 900']\n")
        await scene.until(lambda: scene.states("jobs") == ["running"])
        with pytest.raises(Refused, match="bought for runs"):
            await scene.replica.engine.explain_place("main", Kind.FLEET, "own")
        found = await scene.replica.engine.explain_place("main", Kind.RUN, "own")
        assert len(zones(found)) == 1
        assert set(reasons(found).values()) == {"not-needed"}

    play(story, FULL)
