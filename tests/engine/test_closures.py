"""Zones that an operator closes: they take no new work, plans say why, and they open by themselves."""

from collections import Counter

import pytest

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.closing import Closing, close_zone, open_zone
from atoll.model.records import Closure
from atoll.model.zone import Zone
from atoll.planning.plan import RefusalCode
from tests.engine.scene import Scene, play

B = Zone("fake", "fake-1", "fake-1b")
FLEET = "type: fleet\nname: {name}\nnodes: {nodes}\nresources: {{cpu: 2}}\nplacement: spread\n"


def fleet(name: str = "f", nodes: int = 3) -> str:
    return FLEET.format(name=name, nodes=nodes)


def active(scene: Scene) -> Counter[str]:
    """The working nodes that stay, by zone."""
    rows = scene.rows("SELECT zone FROM instances WHERE state = 'active' AND end_reason = ''")
    return Counter(zone for (zone,) in rows)


async def close(scene: Scene, seconds: float = 600, *, project: str = "main", server_wide: bool = True) -> Closure:
    context = scene.replica.engine.context
    return await close_zone(context, project, B, Closing(None, seconds, server_wide, "patch"))


def test_a_closed_zone_takes_nothing_new_until_it_opens_by_itself() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, 60)
        planned = await scene.apply(fleet())
        [document] = planned.plan.documents
        [refusal] = [one for one in document.refusals if one.zone == B]
        assert (refusal.code, refusal.data["reason"]) == (RefusalCode.CLOSED, "patch (-)")
        await scene.until(lambda: active(scene).total() == 3)
        assert "fake-1b" not in active(scene)
        await scene.until(lambda: scene.states("closures") == ["ended"], 61)
        await scene.apply(fleet("g"))
        await scene.until(lambda: active(scene)["fake-1b"] == 1)
        ends = scene.rows("SELECT from_state, to_state, reason, actor FROM events WHERE kind = 'closure'")
        assert ends == [("", "active", "patch", ""), ("active", "ended", "expired", "")]

    play(story)


def test_what_waits_for_a_closed_zone_goes_on_when_it_is_opened() -> None:
    async def story(scene: Scene) -> None:
        closure = await close(scene, 50_000)
        await scene.apply(fleet() + "availability_zones: [fake-1b]\nretry: {on_events: [no-capacity]}\n")
        await scene.until(lambda: any(message for (message,) in scene.rows("SELECT message FROM fleets")))
        [(message,)] = scene.rows("SELECT message FROM fleets")
        assert "closed, until" in message
        assert "patch" in message
        await scene.clock.sleep(3600)
        assert not active(scene)
        await open_zone(scene.replica.engine.context, "main", closure.id)
        await scene.until(lambda: active(scene) == {"fake-1b": 3}, 10)

    play(story)


def test_a_closure_of_another_project_binds_only_that_project() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, project="other", server_wide=False)
        await scene.apply(fleet())
        await scene.until(lambda: active(scene) == {"fake-1a": 1, "fake-1b": 1, "fake-1c": 1})

    play(story)


def test_a_closure_ends_at_its_time_although_no_server_ran_then() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, 100)
        scene.replica.crash()
        await scene.clock.sleep(1000)
        await scene.restart()
        await scene.until(lambda: scene.states("closures") == ["ended"], 20)

    play(story)


def test_a_zone_is_closed_once_for_the_same_projects() -> None:
    async def story(scene: Scene) -> None:
        await close(scene, server_wide=False)
        with pytest.raises(
            Refused, match=r"zone `fake-1b` is closed already for project `main`, until .*, by -: patch"
        ):
            await close(scene, server_wide=False)
        wide = await close(scene)
        with pytest.raises(Refused, match="closed already for"):
            await close(scene, project="other", server_wide=False)
        await open_zone(scene.replica.engine.context, "main", wide.id)
        await close(scene, project="other", server_wide=False)

    play(story)


@pytest.mark.parametrize("seconds", [0, -5, float("nan"), 91 * 86_400])
def test_a_closure_needs_an_end_that_is_near(seconds: float) -> None:
    async def story(scene: Scene) -> None:
        with pytest.raises(Refused, match="more than 0 s and at most 90 days"):
            await close(scene, seconds)

    play(story)
