"""Rehearsed outages: what is lost, replaced and waited for, as the engine then does it; nothing real changes."""

import pickle
from collections.abc import Sequence
from dataclasses import replace

import pytest

from atoll.backends.fake import JobScript
from atoll.model.zone import Zone
from atoll.rehearsal.course import Course
from atoll.rehearsal.material import Material, gather
from atoll.rehearsal.outage import Manner, Outage, rehearse
from atoll.rehearsal.report import report
from tests.engine.scene import SCRIPT, Scene, play

LONG_JOBS = replace(SCRIPT, jobs=JobScript(seconds=1e6))
FILE = """
type: fleet
name: web
nodes: 6
placement: spread
resources: {cpu: 2}
---
type: fleet
name: safe
nodes: 2
placement: {strategy: spread, survive_zones: 1}
resources: {cpu: 2}
---
type: volume
name: data
backend: fake
size: 10GB
availability_zone: fake-1b
---
type: task
name: train
commands: [work]
env: {TOKEN: no-one-reads-this}
volumes: ['data:/data']
retry: true
---
type: task
name: once
commands: [work]
availability_zones: [fake-1b]
"""


def world() -> Material:
    """Two fleets and two runs, which work."""
    found: list[Material] = []

    async def story(scene: Scene) -> None:
        await scene.apply(FILE)
        await scene.until(lambda: scene.states("jobs") == ["running"] * 2)
        await scene.until(lambda: set(scene.states("instances")) == {"active"})
        calls = len(scene.ledger.entries)
        found.append(await gather(scene.replica.engine.context))
        assert len(scene.ledger.entries) == calls

    play(story, LONG_JOBS)
    return found[0]


@pytest.fixture(scope="module")
def material() -> Material:
    return world()


def zone(material: Material, name: str) -> Zone:
    [found] = [info.zone for provider in material.providers for info in provider.zones if info.zone.name == name]
    return found


def course(material: Material, *names: str, manner: Manner = Manner.DEAD, seed: int = 0) -> Course:
    return rehearse(material, "main", Outage(tuple(zone(material, name) for name in names), 300, manner), seed)


def texts(found: Course) -> Sequence[str]:
    return [moment.text for moment in found.moments]


def test_a_lost_zone_is_noticed_and_its_nodes_come_back_in_the_others(material: Material) -> None:
    found = course(material, "fake-1a")
    assert found.noticed is not None
    assert found.healed is not None
    assert 0 < found.noticed < found.healed < 60
    web, safe = sorted(found.fleets, key=lambda fleet: fleet.name, reverse=True)
    assert (web.nodes, web.lowest, web.after) == (6, 4, {"fake-1b": 3, "fake-1c": 3})
    assert safe.lowest >= safe.nodes
    assert any(text.startswith("fleet web: ") and "ended in fake-1a: lost" in text for text in texts(found))
    assert dict(found.ready[0][1])["fake-1a"] > 0
    assert "fake-1a" not in {name for name, count in found.ready[-1][1].items() if count}


def test_a_run_whose_volume_is_in_the_lost_zone_waits_and_one_without_a_retry_ends(material: Material) -> None:
    found = course(material, "fake-1b")
    runs = {run.name: run for run in found.runs}
    assert runs["once"].ended
    assert not runs["train"].ended
    assert runs["train"].away > 250
    assert [(kind, name) for kind, name, _ in found.waits] == [("run", "train")]
    assert "fake-1b" in found.waits[0][2]
    assert found.healed is not None
    assert found.healed > 300, "the run comes back with its zone"


def test_a_dark_zone_ends_nothing(material: Material) -> None:
    found = course(material, "fake-1b", manner=Manner.DARK)
    assert (found.noticed, found.healed, found.runs) == (None, 0.0, ())
    assert found.silent > 0


def test_a_dry_zone_loses_nothing(material: Material) -> None:
    found = course(material, "fake-1b", manner=Manner.DRY)
    assert (found.noticed, found.healed, found.runs, found.silent) == (None, 0.0, (), 0)


def test_two_zones_are_out_together(material: Material) -> None:
    found = course(material, "fake-1a", "fake-1b")
    assert {fleet.name: fleet.after for fleet in found.fleets}["web"] == {"fake-1c": 6}


def test_the_same_seed_has_the_same_course_and_another_seed_another_one(material: Material) -> None:
    assert course(material, "fake-1a", seed=3) == course(material, "fake-1a", seed=3)
    assert course(material, "fake-1a", seed=3) != course(material, "fake-1a", seed=4)


def test_nothing_private_is_copied(material: Material) -> None:
    assert b"no-one-reads-this" not in pickle.dumps(material)


@pytest.mark.parametrize("name", ["fake-1a", "fake-1b", "fake-1c"])
def test_what_is_rehearsed_is_what_the_engine_then_does(name: str) -> None:
    """The same zone fails for real afterwards: the same nodes by zone, and the same runs end and wait."""
    copies: list[Material] = []
    happened: list[dict[tuple[str, str], int]] = []
    ended: list[set[str]] = []

    async def story(scene: Scene) -> None:
        await scene.apply(FILE)
        await scene.until(lambda: scene.states("jobs") == ["running"] * 2)
        await scene.until(lambda: set(scene.states("instances")) == {"active"})
        copies.append(await gather(scene.replica.engine.context))
        scene.cloud.fail_zone(name)
        await scene.clock.sleep(120)
        rows = scene.rows(
            "SELECT fleet, zone, count(*) FROM instances"
            " WHERE state = 'active' AND fleet IN ('web', 'safe') GROUP BY fleet, zone"
        )
        happened.append({(fleet, place): count for fleet, place, count in rows})
        ended.append({run for (run,) in scene.rows("SELECT name FROM runs WHERE state = 'failed'")})

    play(story, LONG_JOBS)
    rehearsed = course(copies[0], name)
    foretold = {(fleet.name, place): n for fleet in rehearsed.fleets for place, n in fleet.after.items()}
    assert foretold == happened[0]
    assert {run.name for run in rehearsed.runs if run.ended} == ended[0]


def test_a_report_sums_up_all_rehearsals(material: Material) -> None:
    courses = [course(material, "fake-1b", seed=seed) for seed in range(3)]
    found = report(courses, material)
    assert found.seeds == 3
    assert found.noticed is not None
    assert found.noticed.p50 == sorted(round(one.noticed or 0, 1) for one in courses)[1]
    assert found.noticed.p95 == max(round(one.noticed or 0, 1) for one in courses)
    runs = {run.name: run for run in found.runs}
    assert (runs["once"].stopped, runs["once"].ended, runs["once"].away) == (3, 3, None)
    assert (runs["train"].stopped, runs["train"].ended) == (3, 0)
    assert [(wait.name, wait.seeds) for wait in found.waits] == [("train", 3)]
    assert any("launches of the last seven days" in text for text in found.assumptions)
