"""What the engine knows of the world when backends are slow, down, or many."""

import asyncio
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from atoll.backends.fake import FakeBackend, FakeCloud, Fault, Script, grid
from atoll.engine.parts.kept_listings import KeptListings
from atoll.engine.snapshots import world as worlds_module
from atoll.engine.snapshots.world import Worlds
from atoll.model.offer import Availability

DOWN = Fault("listing", times=None, message="connection refused")


class Time:
    def __init__(self) -> None:
        self.late = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.late


async def world_of(script: Script, folder: Path, now: Time | None = None) -> worlds_module.World:
    """What an engine that has just begun knows."""
    worlds = Worlds({"fake": FakeBackend(FakeCloud(script))}, now or Time(), KeptListings(folder))
    try:
        return await worlds.world()
    finally:
        await worlds.close()


async def test_after_a_restart_a_backend_that_is_down_still_has_its_last_offers_and_their_date(tmp_path: Path) -> None:
    before = await world_of(Script(grid()), tmp_path)
    after = await world_of(Script(grid(), faults=(DOWN,)), tmp_path)
    assert list(after.catalog) == list(before.catalog)
    assert after.zones == before.zones
    assert after.as_of == before.as_of
    assert "connection refused" in after.errors["fake"]


async def test_after_a_restart_a_backend_that_answers_is_listed_again(tmp_path: Path) -> None:
    await world_of(Script(grid(zones=3)), tmp_path)
    after = await world_of(Script(grid(zones=2)), tmp_path)
    assert len(after.zones) == 2
    assert after.errors == {}


async def test_what_another_configuration_listed_is_not_used_after_a_restart(tmp_path: Path) -> None:
    former, changed = ({"fake": "former"}, {"fake": "changed"})
    listing = await FakeBackend(FakeCloud(Script(grid(zones=3)))).listing()
    KeptListings(tmp_path, former).keep("fake", listing)
    assert KeptListings(tmp_path, former).last("fake") is not None
    assert KeptListings(tmp_path, changed).last("fake") is None


async def test_a_caller_during_a_refresh_gets_the_new_listing(tmp_path: Path) -> None:
    await world_of(Script(grid(zones=3)), tmp_path)
    backend = FakeBackend(FakeCloud(Script(grid(zones=2), latency={"listing": (0.05, 0.05)})))
    worlds = Worlds({"fake": backend}, Time(), KeptListings(tmp_path))
    worlds.refresh()
    await asyncio.sleep(0)
    assert len((await worlds.world()).zones) == 2
    await worlds.close()


async def test_a_backend_that_hangs_holds_up_its_callers_once_for_each_refresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world_of(Script(grid(zones=3)), tmp_path)
    monkeypatch.setattr(worlds_module, "PATIENCE_SECONDS", 0.01)
    hanging = FakeBackend(FakeCloud(Script(grid(zones=2), latency={"listing": (600, 600)})))
    now = Time()
    worlds = Worlds({"fake": hanging}, now, KeptListings(tmp_path))
    assert "no answer" in (await worlds.world()).errors["fake"]
    now.late = timedelta(hours=1)
    later = [asyncio.create_task(worlds.world()) for _ in range(10)]
    for _ in range(10):  # turns of the event loop, which take no time
        await asyncio.sleep(0)
    assert all(caller.done() for caller in later)
    await worlds.close()


async def test_without_a_kept_listing_a_backend_that_is_down_has_no_offers(tmp_path: Path) -> None:
    world = await world_of(Script(grid(), faults=(DOWN,)), tmp_path)
    assert len(world.catalog) == 0
    assert world.as_of == {}


@pytest.mark.parametrize(
    "damage",
    [lambda data: data[:-1], lambda data: b"", lambda data: b"x" * 40, lambda data: data[::-1]],
    ids=["cut", "empty", "other", "reversed"],
)
async def test_a_damaged_listing_is_ignored_and_replaced(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    before = await world_of(Script(grid()), tmp_path)
    [file] = tmp_path.iterdir()
    file.write_bytes(damage(file.read_bytes()))
    assert len((await world_of(Script(grid(), faults=(DOWN,)), tmp_path)).catalog) == 0
    assert list((await world_of(Script(grid()), tmp_path)).catalog) == list(before.catalog)
    assert list((await world_of(Script(grid(), faults=(DOWN,)), tmp_path)).catalog) == list(before.catalog)


async def test_kept_listings_are_private(tmp_path: Path) -> None:
    await world_of(Script(grid()), tmp_path / "listings")
    [file] = (tmp_path / "listings").iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


async def test_a_folder_that_cannot_be_written_costs_the_cache_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    world = await world_of(Script(grid()), tmp_path / "file" / "listings")
    assert len(world.zones) == 3


async def test_a_backend_that_does_not_answer_is_planned_with_its_last_listing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await world_of(Script(grid()), tmp_path)
    tasks = asyncio.all_tasks()
    monkeypatch.setattr(worlds_module, "PATIENCE_SECONDS", 0.01)
    world = await world_of(Script(grid(), latency={"listing": (3600, 3600)}), tmp_path)
    assert list(world.catalog) == list(before.catalog)
    assert "no answer" in world.errors["fake"]
    assert asyncio.all_tasks() == tasks, "a closed engine asks on"


async def test_a_late_answer_serves_the_next_caller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await world_of(Script(grid(zones=3)), tmp_path)
    monkeypatch.setattr(worlds_module, "PATIENCE_SECONDS", 0.01)
    backend = FakeBackend(FakeCloud(Script(grid(zones=2), latency={"listing": (0.1, 0.1)})))
    worlds = Worlds({"fake": backend}, Time(), KeptListings(tmp_path))
    assert len((await worlds.world()).zones) == 3
    while (await worlds.world()).errors:
        await asyncio.sleep(0.01)
    assert len((await worlds.world()).zones) == 2
    await worlds.close()


async def test_a_world_is_used_until_it_is_old_or_known_to_be_wrong(tmp_path: Path) -> None:
    now = Time()
    cloud = FakeCloud(Script(grid()))
    worlds = Worlds({"fake": FakeBackend(cloud)}, now, KeptListings(tmp_path))
    first = await worlds.world()
    cloud.fail_zone("fake-1a")
    assert await worlds.world() is first
    worlds.invalidate()
    second = await worlds.world()
    assert {offer.availability for offer in second.catalog if offer.zone.name == "fake-1a"} == {
        Availability.UNAVAILABLE
    }
    cloud.restore_zone("fake-1a")
    now.late = timedelta(seconds=61)
    third = await worlds.world()
    assert {offer.availability for offer in third.catalog} == {Availability.AVAILABLE}
    await worlds.close()


async def test_several_backends_make_one_world(tmp_path: Path) -> None:
    backends = {name: FakeBackend(FakeCloud(Script(grid(name=name))), name) for name in ("fake", "other")}
    worlds = Worlds(backends, Time(), KeptListings(tmp_path))
    world = await worlds.world()
    assert sorted(world.catalog, key=lambda offer: (offer.zone, offer.price)) == sorted(
        (*grid(name="fake"), *grid(name="other")), key=lambda offer: (offer.zone, offer.price)
    )
    assert set(world.as_of) == {"fake", "other"}
    await worlds.close()
