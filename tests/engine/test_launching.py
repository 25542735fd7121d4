"""What a backend is given with a launch, and what is learned from a launch that fails later."""

from dataclasses import replace

import pytest

from atoll.backends.fake import Fault, grid
from atoll.model.failure import FailureKind
from tests.engine.scene import SCRIPT, Scene, play

SPOT = replace(SCRIPT, offers=grid(3, cpus=(2,), spot=True))
FLEET = "type: fleet\nname: f\nnodes: 2\nplacement: {placement}\nresources: {{cpu: 2, disk: 40GB..}}\n"
PRICED = "spot_policy: {policy}\nmax_price: 0.9\n"


def test_a_spot_machine_is_launched_with_its_ceiling_and_an_on_demand_machine_without() -> None:
    async def story(scene: Scene) -> None:
        for policy, name in (("spot", "s"), ("on-demand", "d")):
            text = FLEET.format(placement="any").replace("name: f", f"name: {name}")
            await scene.apply(text + PRICED.format(policy=policy))
        await scene.until(lambda: len(scene.ledger.alive()) == 4)
        launched = {(machine.market.value, machine.max_price) for machine in scene.ledger.alive()}
        assert launched == {("spot", 0.9), ("on-demand", None)}

    play(story, SPOT)


def test_a_runs_own_machine_has_the_runs_ceiling_and_disk() -> None:
    async def story(scene: Scene) -> None:
        task = "type: task\nname: t\ncommands: [work]\nresources: {cpu: 2, disk: 30GB..}\n"
        await scene.apply(task + PRICED.format(policy="spot"))
        await scene.until(lambda: len(scene.ledger.machines) == 1)
        [machine] = scene.ledger.machines.values()
        assert (machine.max_price, machine.disk_gb, machine.group) == (0.9, 30, "")

    play(story, SPOT)


def test_the_machines_of_a_cluster_are_launched_as_one_group_with_their_disk_size() -> None:
    async def story(scene: Scene) -> None:
        await scene.apply(FLEET.format(placement="cluster"))
        await scene.apply(FLEET.format(placement="any").replace("name: f", "name: g"))
        await scene.until(lambda: len(scene.ledger.alive()) == 4)
        groups = {machine.name[0]: machine.group for machine in scene.ledger.alive()}
        [(id,)] = scene.rows("SELECT id FROM fleets WHERE name = 'f'")
        assert groups == {"f": id, "g": ""}
        assert {machine.disk_gb for machine in scene.ledger.alive()} == {40}

    play(story)


def test_a_machine_that_fails_when_it_boots_is_terminated_and_its_zone_is_left_out() -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("boot", FailureKind.CAPACITY_UNAVAILABLE, zone="fake-1a", times=None))
        await scene.apply("type: fleet\nname: f\nnodes: 1\navailability_zones: [fake-1a, fake-1b]\n")
        await scene.until(lambda: "active" in scene.states("instances"), 120)
        assert [machine.zone.name for machine in scene.ledger.alive()] == ["fake-1b"]
        [(kind, zone, message)] = scene.rows("SELECT kind, zone, message FROM failures")
        assert (kind, zone, message) == ("capacity-unavailable", "fake-1a", "boot: capacity-unavailable")
        [(reason,)] = scene.rows("SELECT end_reason FROM instances WHERE state = 'terminated'")
        assert reason == "capacity-unavailable"

    play(story)


@pytest.mark.parametrize("kind", [FailureKind.INVALID_REQUEST, FailureKind.ZONE_MISMATCH])
def test_a_request_that_is_found_invalid_when_the_machine_boots_puts_the_fleet_on_hold(kind: FailureKind) -> None:
    async def story(scene: Scene) -> None:
        scene.cloud.inject(Fault("boot", kind, times=None))
        await scene.apply("type: fleet\nname: f\nnodes: 1\n")
        await scene.clock.sleep(600)
        assert len(scene.ledger.machines) == 1
        assert scene.ledger.alive() == ()
        [(message,)] = scene.rows("SELECT message FROM fleets")
        assert message == f"fake refused the request: boot: {kind}"

    play(story)
