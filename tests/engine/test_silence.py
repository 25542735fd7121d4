"""Agents that fall silent: one machine is replaced, most machines of a backend are left to run."""

from dataclasses import replace

from atoll.model.limits import TimeLimits
from tests.engine.scene import SCRIPT, Scene, play

LIMITS = TimeLimits(start_seconds=600, silent_seconds=90, sweep_seconds=5)
SLOW_TO_JUDGE = replace(SCRIPT, limits=LIMITS)


async def fleet(scene: Scene, nodes: int) -> list[str]:
    """The machines of an active fleet."""
    await scene.apply(f"type: fleet\nname: f\nnodes: {nodes}\n")
    await scene.until(lambda: scene.states("instances") == ["active"] * nodes)
    return [machine.id for machine in scene.ledger.alive()]


def ends(scene: Scene) -> list[str]:
    return [reason for (reason,) in scene.rows("SELECT end_reason FROM instances WHERE end_reason != ''")]


def unreachable(scene: Scene) -> int:
    [(count,)] = scene.rows("SELECT count(*) FROM instances WHERE state = 'active' AND unreachable_since IS NOT NULL")
    return int(count)


def test_a_silent_machine_among_answering_ones_is_ended_after_its_backends_limit() -> None:
    async def story(scene: Scene) -> None:
        machines = await fleet(scene, 4)
        scene.cloud.silence(machines[0])
        await scene.until(lambda: unreachable(scene) == 1)
        await scene.clock.sleep(LIMITS.silent_seconds - 5)
        assert ends(scene) == []
        await scene.until(lambda: ends(scene) == ["unreachable"], 10 + LIMITS.silent_seconds)
        await scene.until(lambda: scene.states("instances").count("active") == 4)

    play(story, SLOW_TO_JUDGE)


def test_a_backends_only_machine_is_ended_when_it_is_silent() -> None:
    async def story(scene: Scene) -> None:
        machines = await fleet(scene, 1)
        scene.cloud.silence(machines[0])
        await scene.until(lambda: ends(scene) == ["unreachable"])

    play(story)


def test_most_machines_silent_at_once_are_left_to_run_and_shown_as_unreachable() -> None:
    async def story(scene: Scene) -> None:
        machines = await fleet(scene, 4)
        for machine in machines[:3]:
            scene.cloud.silence(machine)
        await scene.until(lambda: unreachable(scene) == 3)
        await scene.clock.sleep(3600)
        assert ends(scene) == []
        assert unreachable(scene) == 3
        scene.cloud.hear_all()
        await scene.until(lambda: unreachable(scene) == 0)
        assert ends(scene) == []
        assert [machine.id for machine in scene.ledger.alive()] == machines

    play(story)


def test_machines_of_a_zone_that_is_dark_are_shown_as_unreachable_and_none_is_ended() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply("type: fleet\nname: f\nnodes: 3\nplacement: spread\n")
        await scene.until(lambda: scene.states("instances") == ["active"] * 3)
        scene.cloud.darken_zone("fake-1a")
        await scene.until(lambda: unreachable(scene) == 1)
        await scene.clock.sleep(1800)
        assert (ends(scene), unreachable(scene)) == ([], 1)
        scene.cloud.restore_zone("fake-1a")
        await scene.until(lambda: unreachable(scene) == 0)
        assert ends(scene) == []

    play(story)


def test_machines_that_answer_again_one_by_one_are_not_ended_meanwhile() -> None:
    async def story(scene: Scene) -> None:
        machines = await fleet(scene, 4)
        for machine in machines:
            scene.cloud.silence(machine)
        await scene.until(lambda: unreachable(scene) == 4)
        await scene.clock.sleep(600)
        for machine in machines:
            scene.cloud.silent.discard(machine)
            await scene.clock.sleep(15)
        await scene.until(lambda: unreachable(scene) == 0)
        assert ends(scene) == []

    play(story)


def test_one_machine_that_stays_silent_after_an_outage_of_all_is_ended() -> None:
    async def story(scene: Scene) -> None:
        machines = await fleet(scene, 4)
        for machine in machines:
            scene.cloud.silence(machine)
        await scene.until(lambda: unreachable(scene) == 4)
        await scene.clock.sleep(600)
        scene.cloud.hear_all()
        scene.cloud.silence(machines[0])
        await scene.until(lambda: ends(scene) == ["unreachable"], LIMITS.silent_seconds + 60)

    play(story, SLOW_TO_JUDGE)


def test_a_run_of_a_zone_that_falls_silent_is_not_placed_on_another_silent_instance_there() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(
            "type: fleet\nname: f\nnodes: 6\nplacement: spread\nresources: {cpu: 2}\nidle_duration: off\n"
        )
        await scene.until(lambda: scene.states("instances") == ["active"] * 6)
        await scene.apply(
            "type: task\nname: t\nresources: {cpu: 2}\ncommands: [work]\nenv: {FAKE_SECONDS: 100000}\nretry: true\n"
            "creation_policy: reuse\n"
        )
        await scene.until(lambda: "running" in scene.states("jobs"))
        [(zone,)] = scene.rows("SELECT zone FROM jobs")
        scene.cloud.silent.update(each.id for each in scene.ledger.alive() if each.zone.name == zone)
        await scene.until(lambda: scene.states("jobs") == ["failed", "running"])
        zones = [found for (found,) in scene.rows("SELECT zone FROM jobs ORDER BY submission")]
        assert zones[0] == zone != zones[1]

    play(story)
