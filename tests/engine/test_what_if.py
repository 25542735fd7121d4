"""What is foretold of the loss of a zone is what the engine then does, and asking changes nothing."""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from atoll.backends.fake.script import JobScript
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.whatif import what_if
from atoll.model.zone import Zone
from atoll.planning.outcome import Effect, Outcome
from atoll.planning.whatif import Edits, PriceEdit
from tests.engine.scene import SCRIPT, Scene, play
from tests.engine.test_closures import VOLUME, active, fleet

LONG = replace(SCRIPT, jobs=JobScript(100_000))
ZONES = tuple(Zone("fake", "fake-1", f"fake-1{letter}") for letter in "abc")
TASK = "type: task\nname: {name}\ncommands: [sleep]\nfleets: [{fleet}]\nresources: {{cpu: 2}}\n"
RETRY = "retry: {on_events: [interruption, no-capacity]}\n"
SURVIVE = (
    "type: fleet\nname: {name}\nnodes: {nodes}\nresources: {{cpu: 2}}\n"
    "placement: {{strategy: spread, survive_zones: 1}}\n"
)


async def asked(scene: Scene, edits: Edits) -> Outcome:
    [(_, found)] = await what_if(scene.replica.engine.context, "main", edits, every_zone=False)
    return found


def nodes(scene: Scene, name: str) -> Counter[str]:
    """A fleet's working nodes that stay, by zone."""
    rows = scene.rows(f"SELECT zone FROM instances WHERE state = 'active' AND end_reason = '' AND fleet = '{name}'")
    return Counter(zone for (zone,) in rows)


async def quiet(scene: Scene) -> None:
    """Wait until nothing changes any more."""
    await scene.clock.sleep(300)
    while {"pending", "launching", "starting", "terminating"} & set(scene.states("instances")):
        await scene.clock.sleep(10)


def run_states(scene: Scene) -> dict[str, str]:
    return dict(scene.rows("SELECT name, state FROM runs"))


SEEDS = [*range(12), *(pytest.param(seed, marks=pytest.mark.long) for seed in range(12, 200))]


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_foretold_of_a_lost_zone_is_what_the_engine_does(seed: int) -> None:
    chance = Random(seed)

    async def story(scene: Scene) -> None:
        fleets = {f"f{number}": chance.randint(1, 6) for number in range(chance.randint(1, 3))}
        for name, size in fleets.items():
            text = fleet(name, size) if chance.random() < 0.6 else SURVIVE.format(name=name, nodes=size)
            await scene.apply(text)
        await quiet(scene)
        for number in range(chance.randint(0, 4)):
            name, retry = f"t{number}", chance.random() < 0.5
            try:
                await scene.apply(
                    TASK.format(name=name, fleet=chance.choice(sorted(fleets))) + (RETRY if retry else "")
                )
            except Refused:
                continue
        await quiet(scene)
        zone, before = chance.choice(ZONES), {name: nodes(scene, name) for name in fleets}
        were = run_states(scene)
        foretold = await asked(scene, Edits(lost=frozenset({zone})))
        assert {name: nodes(scene, name) for name in fleets} == before, "asking changed something"
        scene.cloud.fail_zone(zone.name)
        await quiet(scene)
        by_name = {one.name: one for one in foretold.fleets}
        for name in fleets:
            wanted = {str(at): count for at, count in by_name[name].after.items()} if name in by_name else before[name]
            assert nodes(scene, name) == Counter(wanted), f"fleet {name}"
        effects = {one.name: one.effect for one in foretold.runs}
        for name, state in run_states(scene).items():
            effect = effects.get(name)
            assert {
                None: state == were[name],
                Effect.MOVES: state == "running",
                Effect.STARTS: state == "running",
                Effect.STOPS: state == "failed",
                Effect.WAITS: state in ("submitted", "provisioning"),
            }[effect], f"run {name} was {were[name]}, is {state}: {effect}"

    play(story, LONG)


def test_a_run_whose_volume_is_in_the_lost_zone_waits_for_it() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=3))
        await scene.until(lambda: active(scene).total() == 3)
        await scene.apply(VOLUME + TASK.format(name="train", fleet="f") + 'volumes: ["data:/data"]\n' + RETRY)
        await scene.until(lambda: scene.states("runs") == ["running"])
        found = await asked(scene, Edits(lost=frozenset({ZONES[1]})))
        [run] = found.runs
        assert (run.effect, run.before, found.volumes) == (Effect.WAITS, (ZONES[1],), ("data",))
        scene.cloud.fail_zone("fake-1b")
        await scene.clock.sleep(300)
        assert scene.states("runs") == ["provisioning"]
        assert "fake-1b" in scene.rows("SELECT message FROM runs")[0][0]

    play(story, LONG)


def test_two_zones_may_fail_together_and_the_margin_says_what_is_left() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(SURVIVE.format(name="f", nodes=4))
        await scene.until(lambda: active(scene).total() == 6)
        [one] = (await asked(scene, Edits(lost=frozenset({ZONES[0]})))).fleets
        assert (one.lost, sum(one.after.values()), one.margin) == (2, 8, 1)
        [both] = (await asked(scene, Edits(lost=frozenset(ZONES[:2])))).fleets
        assert (both.lost, both.plan is not None and both.plan.shortfall is not None) == (4, True)

    play(story)


def test_other_prices_change_the_cost_and_a_fleet_that_is_gone_ends_its_nodes() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=3))
        await scene.until(lambda: active(scene).total() == 3)
        [(type_, price)] = scene.rows(
            "SELECT json_extract(instance_type, '$.name'), sum(price) FROM instances WHERE state = 'active' GROUP BY 1"
        )
        dearer = await asked(scene, Edits(prices=(PriceEdit(type_, factor=2),)))
        assert dearer.price_before == pytest.approx(price)
        assert dearer.price_after == pytest.approx(2 * price)
        assert not dearer.fleets
        gone = await asked(scene, Edits(fleets=frozenset({"f"})))
        assert (gone.lost, gone.fleets, gone.price_after) == (3, (), 0)
        shut = await asked(scene, Edits(closed=frozenset(ZONES)))
        assert (shut.lost, shut.fleets, shut.runs) == (0, (), ())
        for wrong in (Edits(fleets=frozenset({"x"})), Edits(prices=(PriceEdit("none"),))):
            with pytest.raises(Refused, match="there is no"):
                await asked(scene, wrong)

    play(story)


def test_each_zone_that_holds_something_has_an_outcome() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet(nodes=2))
        await scene.until(lambda: active(scene).total() == 2)
        found = await what_if(scene.replica.engine.context, "main", Edits(), every_zone=True)
        assert [str(zone) for zone, _ in found] == sorted(active(scene))
        assert all(one.lost == 1 and len(one.fleets) == 1 for _, one in found)

    play(story)
