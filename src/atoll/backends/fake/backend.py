"""The face of a fake cloud: the protocols of `backends.base`, with the latency and the faults of its script."""

from dataclasses import replace

from atoll.backends.agent_client import AgentClient
from atoll.backends.base import (
    CapacityUnavailable,
    InvalidRequest,
    LaunchRequest,
    Listing,
    Machine,
    MachineState,
    NotFound,
    NotOffered,
    QuotaExceeded,
)
from atoll.backends.fake.agents import FakeAgent
from atoll.backends.fake.cloud import FAILED, INTERRUPTED, Call, Chance, Change, FakeCloud, ended, perform
from atoll.backends.fake.faults import FakeFaults
from atoll.backends.fake.ledger import FakeMachine
from atoll.backends.fake.snapshots import FakeSnapshots
from atoll.backends.fake.volumes import FakeVolumes
from atoll.model.endpoint import SshSocket
from atoll.model.failure import FailureKind, MachineError, Scope
from atoll.model.limits import TimeLimits
from atoll.model.offer import Availability, Market, Offer
from atoll.model.quota import Quota
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo, ZoneState


class FakeBackend:
    """A backend on `cloud`. The zones of its offers bear the same backend name."""

    checks = None

    def __init__(self, cloud: FakeCloud, name: str = "fake") -> None:
        self.cloud = cloud
        self._name = name
        self.volumes = FakeVolumes(cloud, name) if cloud.script.volumes else None
        self.snapshots = FakeSnapshots(cloud) if cloud.script.volumes else None
        self.faults = FakeFaults(cloud)
        self._offers = {(offer.zone, offer.instance_type.name, offer.market): offer for offer in cloud.script.offers}
        self._types = {offer.instance_type.name for offer in cloud.script.offers}
        self._agents: dict[str, FakeAgent] = {}

    @property
    def info(self) -> BackendInfo:
        """What this backend can do."""
        return BackendInfo(self._name, zoned=self.cloud.script.zoned, volumes=self.volumes is not None)

    @property
    def limits(self) -> TimeLimits:
        """The script's; a machine is called four times within a notice."""
        script = self.cloud.script
        return replace(script.limits, notice_seconds=script.notice / 4) if script.notice else script.limits

    async def listing(self) -> Listing:
        """Zones and offers now, with the time that the cloud believes it is."""

        def step(now: float, chance: Chance) -> Change[Listing]:
            zones = tuple(self._zone_info(zone) for zone in self.cloud.script.zones)
            failed = {info.zone for info in zones if info.state is ZoneState.IMPAIRED}
            offers = tuple(
                replace(offer, availability=Availability.UNAVAILABLE) if offer.zone in failed else offer
                for offer in self.cloud.script.offers
            )
            stale = self.cloud.script.stale
            return Change(Listing(zones, offers, self.cloud.told_time(), self._quotas(), stale))

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

    def offer(self, zone: Zone, instance_type: str, market: Market) -> Offer | None:
        """The offer of a type in a zone and market; None where it is not offered."""
        return self._offers.get((zone, instance_type, market))

    def has_type(self, name: str) -> bool:
        """Whether any zone offers an instance type of this name."""
        return name in self._types

    async def close(self) -> None:
        """Close the agents' clients. The cloud and its ledger stay open."""
        self._agents.clear()

    def _quotas(self) -> tuple[Quota, ...]:
        script, places = self.cloud.script, {(offer.zone.region, offer.market) for offer in self.cloud.script.offers}
        if script.quota_cpus is None or not script.lists_quotas:
            return ()
        return tuple(Quota(self._name, region, market, script.quota_cpus) for region, market in sorted(places))

    def _zone_info(self, zone: Zone) -> ZoneInfo:
        capacity = self.cloud.script.capacity.get(zone.name)
        if self.cloud.zone_state(zone.name) == FAILED:
            return ZoneInfo(zone, ZoneState.IMPAIRED, "the zone failed", capacity=capacity)
        return replace(self.cloud.script.states.get(zone.name, ZoneInfo(zone)), capacity=capacity)

    def _admit(self, request: LaunchRequest) -> Offer:
        zone, name, market = request.zone, request.instance_type, request.market
        self.cloud.check_zone(zone)
        if not self.has_type(name):
            raise InvalidRequest(f"{self._name} has no instance type {name}")
        offer = self.offer(zone, name, market)
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
        zone, required, used = offer.zone, offer.instance_type.capacity, self.cloud.ledger.used
        total, quota = self.cloud.script.capacity.get(zone.name), self.cloud.script.quota_cpus
        if total is not None:
            here = sum((each for (where, _), each in used.items() if where == zone), Capacity())
            if not (total - here).covers(required):
                raise CapacityUnavailable(f"{zone} has no room for {offer.instance_type.name}", scope)
        if quota is not None:
            region = (
                each.cpus for (where, how), each in used.items() if (where.region, how) == (zone.region, offer.market)
            )
            if sum(region) + required.cpus > quota:
                limit = Scope(self._name, zone.region, market=offer.market)
                raise QuotaExceeded(f"the limit of {quota:g} CPUs in {zone.region} is reached", limit)

    def _made(self, request: LaunchRequest, offer: Offer, now: float, chance: Chance) -> FakeMachine:
        script, tags = self.cloud.script, request.tags
        rate = script.interruptions.get(request.zone.name, 0) if offer.market == "spot" else 0
        boots = script.boots.get(offer.instance_type.name, ())
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
            ready_at=now + (chance.drawn.choice(boots) if boots else script.boot),
            visible_at=now + script.lag,
            interrupt_at=now + chance.drawn.expovariate(rate / 3600) if rate else None,
            max_price=request.max_price,
            disk_gb=request.disk_gb,
            group=request.group,
            error=self.cloud.boot_error(request.zone, offer.instance_type.name, offer.market, chance),
        )

    def _view(self, found: FakeMachine, now: float) -> Machine:
        booted = now >= found.ready_at
        state = MachineState.READY if booted and found.error is None else MachineState.CREATING
        if found.gone_at is not None:
            state = MachineState.GONE if now >= found.gone_at else MachineState.DELETING
        endpoint = SshSocket(found.id, "/agent.sock") if booted and found.error is None else None
        market, kind, error = found.market, found.instance_type, found.error if booted else None
        if found.reason == INTERRUPTED:
            scope = Scope(self._name, found.zone.region, found.zone.name, kind, market)
            error = MachineError(FailureKind.INTERRUPTED, "the provider took the machine back", scope)
        return Machine(found.id, found.token, found.zone, kind, market, state, endpoint, found.reason, error)
