"""Machines in blocks: several jobs share one, each with its part."""

import json
from dataclasses import replace

from atoll.backends.fake import grid
from tests.engine.scene import SCRIPT, Scene, play

SIZES = replace(SCRIPT, offers=grid(3, cpus=(2, 8)))
FLEET = "type: fleet\nname: f\nnodes: {nodes}\nblocks: {blocks}\ninstance_types: [f.8x32]\nidle_duration: 60s\n"
TASK = "type: task\nname: {name}\nfleets: [f]\ncommands: [work]\nenv: {{FAKE_SECONDS: '{seconds}'}}\n"


def fleet(nodes: str = "1", blocks: str = "4") -> str:
    return FLEET.format(nodes=nodes, blocks=blocks)


def task(name: str, seconds: int = 1000, rest: str = "") -> str:
    return TASK.format(name=name, seconds=seconds) + rest


def claims(scene: Scene) -> list[tuple[str, int, list[int]]]:
    """The run, its instance's node and its blocks, of each job that holds some."""
    rows = scene.rows(
        "SELECT j.run, i.node, j.blocks FROM jobs j JOIN instances i ON i.id = j.instance_id "
        "WHERE j.state NOT IN ('done', 'failed', 'stopped') ORDER BY j.run, j.rank"
    )
    return [(run, node, json.loads(blocks)) for run, node, blocks in rows]


def running(scene: Scene, count: int) -> bool:
    return scene.states("jobs").count("running") == count


def test_runs_share_a_machine_each_with_a_block_of_its_own_and_the_next_one_waits_for_a_block() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        for number in range(4):
            await scene.apply(task(f"t{number}", seconds=30 if number == 2 else 1000))
        await scene.until(lambda: running(scene, 4), 60)
        assert claims(scene) == [("t0", 0, [0]), ("t1", 0, [1]), ("t2", 0, [2]), ("t3", 0, [3])]
        await scene.apply(task("t4", rest="retry: {on_events: [no-capacity], duration: 1h}\n"))
        await scene.until(lambda: ("t4", 0, [2]) in claims(scene), 120)
        await scene.until(lambda: running(scene, 4), 60)
        assert len(scene.states("instances")) == 1

    play(story, SIZES)


def test_a_run_takes_as_many_blocks_as_have_what_it_requires() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        await scene.apply(task("large", rest="resources: {cpu: 4.., memory: 16GB..}\n"))
        await scene.apply(task("small", rest="resources: {cpu: 1..2, memory: 1GB..}\n"))
        await scene.until(lambda: running(scene, 2), 60)
        assert claims(scene) == [("large", 0, [0, 1]), ("small", 0, [2])]

    play(story, SIZES)


def test_a_file_with_a_fleet_and_its_runs_fills_the_machines_that_it_plans() -> None:
    async def story(scene: Scene) -> None:
        runs = [task(f"t{number}", rest="resources: {cpu: 2..}\n") for number in range(3)]
        large = task("large", rest="resources: {cpu: 4..}\n")
        await scene.apply("---\n".join([fleet("2"), *runs, large]))
        await scene.until(lambda: running(scene, 4), 60)
        held = claims(scene)
        assert [len(blocks) for _, _, blocks in held] == [2, 1, 1, 1]
        blocks = [(node, block) for _, node, numbers in held for block in numbers]
        assert len(set(blocks)) == len(blocks) == 5

    play(story, SIZES)


def test_an_elastic_fleet_grows_by_a_machine_for_as_many_runs_as_it_has_blocks() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("0..3"))
        await scene.apply("---\n".join(task(f"t{number}", seconds=20) for number in range(5)))
        assert len(scene.states("instances")) == 2
        await scene.until(lambda: set(scene.states("runs")) == {"done"}, 120)
        await scene.until(lambda: set(scene.states("instances")) == {"terminated"}, 200)

    play(story, SIZES)


def test_a_run_of_several_nodes_takes_whole_machines() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("2"))
        await scene.apply(task("one"))
        await scene.until(lambda: running(scene, 1), 60)
        await scene.apply(task("two", rest="nodes: 2\nretry: {on_events: [no-capacity], duration: 1h}\n"))
        await scene.clock.sleep(30)
        assert scene.states("jobs") == ["running", "submitted", "submitted"]
        await scene.replica.engine.stop_run("main", "one", abort=True)
        await scene.until(lambda: running(scene, 2), 120)
        assert sorted(claims(scene)) == [("two", 0, []), ("two", 1, [])]

    play(story, SIZES)


def test_a_machine_that_is_shared_ends_when_its_last_run_has_ended() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet("0..1"))
        await scene.apply("---\n".join([task("short", seconds=5), task("long", seconds=300)]))
        await scene.clock.sleep(200)
        assert scene.states("instances") == ["active"]
        await scene.until(lambda: scene.states("instances") == ["terminated"], 400)
        assert set(scene.states("runs")) == {"done"}

    play(story, SIZES)


def test_other_blocks_mean_other_machines() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(fleet())
        await scene.until(lambda: scene.states("instances") == ["active"], 60)
        await scene.apply(fleet(blocks="2"))
        await scene.until(lambda: scene.states("instances") == ["terminated", "active"], 120)
        assert scene.rows("SELECT blocks FROM instances ORDER BY rowid") == [(4,), (2,)]

    play(story, SIZES)


def test_a_volume_of_one_run_is_not_that_of_another_run_on_the_same_machine() -> None:
    async def story(scene: Scene) -> None:
        mount = "volumes: ['v:/data']\n"
        await scene.apply("type: volume\nname: v\nbackend: fake\nregion: fake-1\nsize: 10GB\n---\n" + fleet())
        await scene.apply(task("first", rest=mount))
        await scene.until(lambda: running(scene, 1), 60)
        await scene.apply(task("second", rest=mount + "retry: {on_events: [no-capacity], duration: 1h}\n"))
        await scene.clock.sleep(30)
        assert scene.states("jobs") == ["running", "submitted"]

    play(story, SIZES)
