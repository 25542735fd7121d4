"""The face of a fake cloud: the protocols of `backends.base`, with the latency and the faults of its script."""

from dataclasses import replace

import msgspec

from atoll.backends.base import (
    AgentClient,
    AttachedDisk,
    CapacityUnavailable,
    Disk,
    InvalidRequest,
    LaunchRequest,
    Listing,
    Machine,
    MachineState,
    NotFound,
    NotOffered,
    QuotaExceeded,
    VolumeRequest,
    ZoneMismatch,
)
from atoll.backends.fake.agents import FakeAgent
from atoll.backends.fake.cloud import FAILED, Call, Chance, Change, FakeCloud, ended, perform
from atoll.backends.fake.ledger import FakeDisk, FakeMachine
from atoll.model.failure import Scope
from atoll.model.offer import Availability, Offer
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo, ZoneState


class FakeBackend:
    """A backend on `cloud`. The zones of its offers bear the same backend name."""

    def __init__(self, cloud: FakeCloud, name: str = "fake") -> None:
        self.cloud = cloud
        self._name = name
        self._zones = set(cloud.script.zones)
        self._offers = {(each.zone, each.instance_type.name, each.market): each for each in cloud.script.offers}
        self._types = {each.instance_type.name for each in cloud.script.offers}
        self._agents: dict[str, FakeAgent] = {}

    @property
    def info(self) -> BackendInfo:
        """What this backend can do."""
        script = self.cloud.script
        return BackendInfo(self._name, zoned=script.zoned, volumes=script.volumes)

    async def listing(self) -> Listing:
        """Zones and offers now, with the time that the cloud believes it is."""

        def step(now: float, chance: Chance) -> Change[Listing]:
            zones = tuple(self._zone_info(zone) for zone in self.cloud.script.zones)
            failed = {info.zone for info in zones if info.state is ZoneState.IMPAIRED}
            offers = tuple(
                replace(each, availability=Availability.UNAVAILABLE) if each.zone in failed else each
                for each in self.cloud.script.offers
            )
            return Change(Listing(zones, offers, self.cloud.told_time()))

        return await perform(self.cloud, Call("listing", reads=True), step)

    async def launch(self, request: LaunchRequest) -> Machine:
        """Start one machine. A token is remembered for ever: one whose machine ended gets that machine, GONE."""

        def step(now: float, chance: Chance) -> Change[Machine]:
            known = self.cloud.ledger.machine_of_token.get(request.tags.token)
            if known is not None:
                return Change(self._view(self.cloud.ledger.machines[known], now))
            made = self._made(request, self._admit(request), now, chance)
            return Change(self._view(made, now), machines=(made,))

        token, market = request.tags.token, request.market
        return await perform(self.cloud, Call("launch", request.zone, token, "", request.instance_type, market), step)

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """The machine as it is now; unknown for the script's lag after its launch."""

        def step(now: float, chance: Chance) -> Change[Machine]:
            found = self.cloud.ledger.machines.get(machine)
            if found is None or found.zone != zone or now < found.visible_at:
                raise NotFound(f"there is no machine {machine} in {zone}")
            return Change(self._view(found, now))

        return await perform(self.cloud, Call("describe", zone, subject=machine, reads=True), step)

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """Every visible machine of this owner that is not gone, in all zones, dark ones too."""

        def step(now: float, chance: Chance) -> Change[tuple[Machine, ...]]:
            mine = (each for each in self.cloud.ledger.seen(now) if each.owner == owner)
            return Change(tuple(self._view(each, now) for each in mine if now >= each.visible_at))

        return await perform(self.cloud, Call("find", reads=True), step)

    async def terminate(self, machine: str, zone: Zone) -> None:
        """End a machine; it is DELETING for the script's deletion time."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self.cloud.ledger.machines.get(machine)
            if found is None or found.zone != zone or found.ended_at is not None:
                return Change(None)
            return Change(None, machines=(ended(found, now, "terminated", self.cloud.script.deletion),))

        await perform(self.cloud, Call("terminate", zone, subject=machine), step)
        self._agents.pop(machine, None)

    def agent(self, machine: Machine) -> AgentClient:
        """The simulated agent of this machine."""
        return self._agents.setdefault(machine.id, FakeAgent(self.cloud, machine.id))

    async def close(self) -> None:
        """Close the agents' clients. The cloud and its ledger stay open."""
        self._agents.clear()

    async def create_volume(self, request: VolumeRequest) -> Disk:
        """Create a disk; a token is remembered while its disk exists."""

        def step(now: float, chance: Chance) -> Change[Disk]:
            known = self.cloud.ledger.disks.get(self.cloud.ledger.disk_of_token.get(request.tags.token, ""))
            if known is not None and known.deleted_at is None:
                return Change(self._view_disk(known))
            self._check_zone(request.zone)
            if not self.cloud.script.volumes:
                raise InvalidRequest(f"{self._name} has no volumes")
            if request.size_gb <= 0:
                raise InvalidRequest(f"a disk needs a size above 0 GB, not {request.size_gb:g}")
            if self.cloud.zone_state(request.zone.name) == FAILED:
                scope = Scope(self._name, request.zone.region, request.zone.name)
                raise CapacityUnavailable(f"{request.zone} is failed", scope)
            made = self._made_disk(request, now)
            return Change(self._view_disk(made), disks=(made,))

        return await perform(self.cloud, Call("create-volume", request.zone, request.tags.token), step)

    async def describe_volume(self, disk: str, zone: Zone) -> Disk:
        """The disk as it is now; unknown for the script's lag after its creation."""

        def step(now: float, chance: Chance) -> Change[Disk]:
            found = self._disk(disk)
            if found.zone != zone or now < found.visible_at:
                raise NotFound(f"there is no disk {disk} in {zone}")
            return Change(self._view_disk(found))

        return await perform(self.cloud, Call("describe-volume", zone, subject=disk, reads=True), step)

    async def find_volumes(self, owner: str) -> tuple[Disk, ...]:
        """Every visible disk of this owner."""

        def step(now: float, chance: Chance) -> Change[tuple[Disk, ...]]:
            mine = (each for each in self.cloud.ledger.alive_disks() if each.owner == owner)
            return Change(tuple(self._view_disk(each) for each in mine if now >= each.visible_at))

        return await perform(self.cloud, Call("find-volumes", reads=True), step)

    async def delete_volume(self, disk: str, zone: Zone) -> None:
        """Delete a disk."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self.cloud.ledger.disks.get(disk)
            if found is None or found.zone != zone or found.deleted_at is not None:
                return Change(None)
            if holder := self._holder(found):
                raise InvalidRequest(f"{disk} is attached to {holder}")
            return Change(None, disks=(msgspec.structs.replace(found, deleted_at=now),))

        await perform(self.cloud, Call("delete-volume", zone, subject=disk), step)

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """Attach a disk to one machine of its zone."""

        def step(now: float, chance: Chance) -> Change[AttachedDisk]:
            found, target = self._disk(disk), self.cloud.ledger.machines.get(machine)
            if target is not None and target.zone != found.zone:
                raise ZoneMismatch(f"{disk} is in {found.zone} and {machine} in {target.zone}")
            if target is None or target.ended_at is not None:
                raise NotFound(f"there is no machine {machine}")
            holder = self._holder(found)
            if holder not in (None, machine):
                raise InvalidRequest(f"{disk} is attached to {holder}")
            answer = AttachedDisk(disk, machine, f"/fake/volumes/{disk}")
            return Change(answer, disks=(msgspec.structs.replace(found, attached_to=machine),))

        return await perform(self.cloud, Call("attach", zone, subject=f"{disk}/{machine}"), step)

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """Detach a disk."""

        def step(now: float, chance: Chance) -> Change[None]:
            found = self.cloud.ledger.disks.get(disk)
            if found is None or found.deleted_at is not None or found.attached_to != machine:
                return Change(None)
            return Change(None, disks=(msgspec.structs.replace(found, attached_to=None),))

        await perform(self.cloud, Call("detach", zone, subject=f"{disk}/{machine}"), step)

    async def fail_zone(self, zone: Zone) -> None:
        """Take the zone down: its machines end."""
        self._check_zone(zone)
        self.cloud.fail_zone(zone.name)

    async def restore_zone(self, zone: Zone) -> None:
        """Let the zone, failed or dark, be as before."""
        self._check_zone(zone)
        self.cloud.restore_zone(zone.name)

    def _zone_info(self, zone: Zone) -> ZoneInfo:
        capacity = self.cloud.script.capacity.get(zone.name)
        if self.cloud.zone_state(zone.name) == FAILED:
            return ZoneInfo(zone, ZoneState.IMPAIRED, "the zone failed", capacity=capacity)
        return replace(self.cloud.script.states.get(zone.name, ZoneInfo(zone)), capacity=capacity)

    def _check_zone(self, zone: Zone) -> None:
        if zone not in self._zones:
            raise InvalidRequest(f"{self._name} has no zone {zone.backend}/{zone.region}/{zone.name}")

    def _admit(self, request: LaunchRequest) -> Offer:
        zone, name, market = request.zone, request.instance_type, request.market
        self._check_zone(zone)
        if name not in self._types:
            raise InvalidRequest(f"{self._name} has no instance type {name}")
        offer = self._offers.get((zone, name, market))
        if offer is None or offer.availability is Availability.NOT_OFFERED:
            raise NotOffered(f"{name} is not offered in {zone}", Scope(self._name, zone.region, zone.name, name))
        scope = Scope(self._name, zone.region, zone.name, name, market)
        if request.max_price is not None and offer.price > request.max_price:
            raise CapacityUnavailable(f"{name} in {zone} costs ${offer.price:g}", scope)
        closed = self.cloud.zone_state(zone.name) == FAILED or zone.name in self.cloud.script.states
        if closed or offer.availability is Availability.UNAVAILABLE:
            raise CapacityUnavailable(f"{zone} takes no machines now", scope)
        self._check_room(offer, scope)
        return offer

    def _check_room(self, offer: Offer, scope: Scope) -> None:
        zone, asked, used = offer.zone, offer.instance_type.capacity, self.cloud.ledger.used
        total, quota = self.cloud.script.capacity.get(zone.name), self.cloud.script.quota_cpus
        if total is not None:
            here = sum((each for (where, _), each in used.items() if where == zone), Capacity())
            if not (total - here).covers(asked):
                raise CapacityUnavailable(f"{zone} has no room for {offer.instance_type.name}", scope)
        if quota is not None:
            region = (
                each.cpus for (where, how), each in used.items() if (where.region, how) == (zone.region, offer.market)
            )
            if sum(region) + asked.cpus > quota:
                limit = Scope(self._name, zone.region, market=offer.market)
                raise QuotaExceeded(f"the limit of {quota:g} CPUs in {zone.region} is reached", limit)

    def _made(self, request: LaunchRequest, offer: Offer, now: float, chance: Chance) -> FakeMachine:
        script, tags = self.cloud.script, request.tags
        rate = script.interruptions.get(request.zone.name, 0) if offer.market == "spot" else 0
        return FakeMachine(
            f"i-{len(self.cloud.ledger.machines) + 1:06d}",
            tags.token,
            tags.owner,
            tags.name,
            offer.zone,
            offer.instance_type.name,
            offer.market,
            offer.instance_type.capacity,
            created_at=now,
            ready_at=now + script.boot,
            visible_at=now + script.lag,
            interrupt_at=now + chance.drawn.expovariate(rate / 3600) if rate else None,
        )

    def _made_disk(self, request: VolumeRequest, now: float) -> FakeDisk:
        number, tags = len(self.cloud.ledger.disks) + 1, request.tags
        visible = now + self.cloud.script.lag
        return FakeDisk(
            f"vol-{number:06d}", tags.token, tags.owner, tags.name, request.zone, request.size_gb, now, visible
        )

    def _disk(self, disk: str) -> FakeDisk:
        found = self.cloud.ledger.disks.get(disk)
        if found is None or found.deleted_at is not None:
            raise NotFound(f"there is no disk {disk}")
        return found

    def _holder(self, disk: FakeDisk) -> str | None:
        machine = self.cloud.ledger.machines.get(disk.attached_to or "")
        return machine.id if machine is not None and machine.ended_at is None else None

    def _view(self, found: FakeMachine, now: float) -> Machine:
        state = MachineState.READY if now >= found.ready_at else MachineState.CREATING
        if found.gone_at is not None:
            state = MachineState.GONE if now >= found.gone_at else MachineState.DELETING
        url = f"fake:{found.id}" if now >= found.ready_at else None
        market, kind = found.market, found.instance_type
        return Machine(found.id, found.token, found.zone, kind, market, state, url, found.reason)

    def _view_disk(self, disk: FakeDisk) -> Disk:
        holder = self._holder(disk)
        attached = () if holder is None else (holder,)
        return Disk(disk.id, disk.token, disk.zone, disk.size_gb, MachineState.READY, attached)
