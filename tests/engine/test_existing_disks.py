"""Volumes of existing disks: their zone is known before anything is created, and the disk outlives the volume."""

from typing import Any

import pytest

from atoll.backends.fake.ledger import Entry, FakeDisk
from atoll.engine.parts.refusal import Refused
from atoll.model.zone import Zone
from tests.engine.scene import Scene, play

VOLUME = "type: volume\nname: data\nbackend: fake\nvolume_id: vol-theirs\n"
TASK = "type: task\nname: t\ncommands: [x]\nresources: {cpu: 2}\nvolumes: ['data:/data']\n"


def existing(scene: Scene, zone: str = "fake-1b", **fields: Any) -> None:
    """A disk that somebody has created at the provider."""
    disk = FakeDisk("vol-theirs", **{"token": "", "owner": "", "name": "", **fields}, zone=Zone("fake", "fake-1", zone),
                    size_gb=10, created_at=0, visible_at=0)  # fmt: skip
    scene.ledger.append(Entry(len(scene.ledger.entries), 0, "elsewhere", disks=(disk,)))


def test_a_run_is_planned_in_the_zone_of_an_existing_disk_which_outlives_the_volume() -> None:
    async def story(scene: Scene) -> None:
        existing(scene)
        planned = await scene.apply(VOLUME + "---\n" + TASK)
        zones = {placed.zone.name for document in planned.plan.documents for placed in document.placements}
        assert zones == {"fake-1b"}
        await scene.until(lambda: scene.states("runs") == ["done"] and scene.states("attachments") == ["detached"])
        [row] = scene.rows("SELECT backend_id, size_gb FROM volumes")
        assert tuple(row) == ("vol-theirs", 10)
        assert (await scene.apply(VOLUME)).changes[0].action == "unchanged"
        await scene.replica.engine.delete_volume("main", "data")
        await scene.until(lambda: scene.states("volumes") == ["deleted"])
        assert [disk.id for disk in scene.ledger.alive_disks()] == ["vol-theirs"]
        assert scene.ledger.calls("create-volume") == scene.ledger.calls("delete-volume") == ()

    play(story)


@pytest.mark.parametrize(
    ("fields", "more", "words"),
    [
        ({}, "availability_zone: fake-1a\n", "vol-theirs is in fake-1b, and not in fake-1a"),
        ({}, "size: 20GB\n", "vol-theirs has 10GB, and not 20GB"),
        ({"token": "another"}, "", "vol-theirs was created by Atoll"),
        ({"deleted_at": 1}, "", "there is no disk vol-theirs"),
    ],
)
def test_an_existing_disk_that_cannot_be_used_is_refused_in_the_plan(fields: Any, more: str, words: str) -> None:
    async def story(scene: Scene) -> None:
        existing(scene, **fields)
        with pytest.raises(Refused) as refused:
            await scene.apply(VOLUME + more)
        assert words in str([(one.code, one.message) for one in refused.value.diagnostics])
        assert scene.states("volumes") == []

    play(story)


def test_an_existing_disk_is_one_volume() -> None:
    async def story(scene: Scene) -> None:
        existing(scene)
        await scene.apply(VOLUME)
        with pytest.raises(Refused) as refused:
            await scene.apply(VOLUME.replace("name: data", "name: more"))
        assert "vol-theirs is the disk of volume `data`" in str(refused.value.diagnostics)

    play(story)
