"""The contract suites catch backends that break the contract: each planted fault fails the test made for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from atoll.backends.base import AttachedDisk, Disk, DiskRequest, LaunchRequest, Listing, Machine
from atoll.backends.fake import FakeBackend, FakeCloud, Script, grid
from atoll.backends.fake.volumes import FakeVolumes
from atoll.model.offer import Availability
from atoll.model.zone import BackendInfo, Capacity, Zone
from atoll.rehearsal.clock import VirtualClock
from atoll.testing.backend_contract import BackendContract, ContractCase
from atoll.testing.volume_contract import VolumeContract


class Sound(FakeBackend):
    """No fault."""


class ForgetsTokens(FakeBackend):
    count = 0

    async def launch(self, request: LaunchRequest) -> Machine:
        self.count += 1
        token = f"{request.tags.token}-{self.count}"
        return replace(await super().launch(replace(request, tags=replace(request.tags, token=token))), token="token-1")


class ChoosesItsZone(FakeBackend):
    async def launch(self, request: LaunchRequest) -> Machine:
        return await super().launch(replace(request, zone=self.cloud.script.zones[0]))


class NeverFull(FakeBackend):
    def _check_room(self, offer: Any, scope: Any) -> None:
        pass


class ShowsEveryonesMachines(FakeBackend):
    async def find(self, owner: str) -> tuple[Machine, ...]:
        return await super().find("owner-1")


class TerminatesInName(FakeBackend):
    async def terminate(self, machine: str, zone: Zone) -> None:
        pass


class HidesAFailedZone(FakeBackend):
    async def listing(self) -> Listing:
        listing = await super().listing()
        offers = tuple(replace(offer, availability=Availability.AVAILABLE) for offer in listing.offers)
        return replace(listing, offers=offers)


class AttachesAcrossZones(FakeVolumes):
    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        return AttachedDisk(disk, machine, "/somewhere")


class DeletesWhatIsAttached(FakeVolumes):
    async def delete(self, disk: str, zone: Zone) -> None:
        for machine in self.cloud.ledger.alive():
            await self.detach(disk, machine.id, zone)
        await super().delete(disk, zone)


class MakesDisksTwice(FakeVolumes):
    count = 0

    async def create(self, request: DiskRequest) -> Disk:
        self.count += 1
        token = f"{request.tags.token}-{self.count}"
        return await super().create(replace(request, tags=replace(request.tags, token=token)))


class DeniesItsVolumes(FakeBackend):
    @property
    def info(self) -> BackendInfo:
        return replace(super().info, volumes=False)


def on(volumes: type[FakeVolumes]) -> Callable[[FakeCloud], FakeBackend]:
    """A sound backend with these volumes."""

    def make(cloud: FakeCloud) -> FakeBackend:
        backend = Sound(cloud)
        backend.volumes = volumes(cloud, "fake")
        return backend

    return make


OFFERS = grid(zones=3, cpus=(2, 8))
SCRIPT = Script(OFFERS, {offer.zone.name: Capacity(16, 64) for offer in OFFERS})

PLANTED: list[tuple[Callable[[FakeCloud], FakeBackend], type[ContractCase], str]] = [
    (ForgetsTokens, BackendContract, "test_the_same_token_gets_the_same_machine"),
    (ForgetsTokens, BackendContract, "test_the_same_token_at_the_same_time_starts_one_machine"),
    (ChoosesItsZone, BackendContract, "test_a_launched_machine_is_in_the_zone_asked_for_and_becomes_ready"),
    (ChoosesItsZone, BackendContract, "test_a_zone_that_is_not_there_is_refused"),
    (NeverFull, BackendContract, "test_a_full_zone_refuses_with_its_scope_and_its_siblings_do_not"),
    (ShowsEveryonesMachines, BackendContract, "test_find_tells_the_machines_of_its_owner_alone"),
    (TerminatesInName, BackendContract, "test_a_terminated_machine_is_gone_and_no_longer_found"),
    (HidesAFailedZone, BackendContract, "test_a_failed_zone_loses_its_machines_and_takes_none_until_restored"),
    (DeniesItsVolumes, BackendContract, "test_its_abilities_are_those_that_it_declares"),
    (on(AttachesAcrossZones), VolumeContract, "test_a_disk_does_not_reach_a_machine_of_another_zone"),
    (on(AttachesAcrossZones), VolumeContract, "test_attaching_shows_on_the_disk_and_again_is_the_same"),
    (on(DeletesWhatIsAttached), VolumeContract, "test_an_attached_disk_is_not_deleted"),
    (on(MakesDisksTwice), VolumeContract, "test_the_same_token_gets_the_same_disk_even_at_the_same_time"),
]


def case(contract: type[ContractCase], name: str, backend: Callable[[FakeCloud], FakeBackend]) -> Callable[[], None]:
    """One test of a contract over one backend, in virtual time."""
    clock = VirtualClock()
    suite = type("Suite", (contract,), {"full_after": 2, "run": lambda self, work: clock.run(work)})()
    return lambda: getattr(suite, name)(backend(FakeCloud(SCRIPT, clock)))


@pytest.mark.parametrize(("backend", "contract", "name"), PLANTED)
def test_a_planted_fault_is_caught(
    backend: Callable[[FakeCloud], FakeBackend], contract: type[ContractCase], name: str
) -> None:
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        case(contract, name, backend)()


@pytest.mark.parametrize(("contract", "name"), list(dict.fromkeys((contract, name) for _, contract, name in PLANTED)))
def test_a_sound_backend_passes(contract: type[ContractCase], name: str) -> None:
    case(contract, name, Sound)()
