"""Short ways to make the model's values in tests, with defaults for all that a test does not care about."""

from atoll.backends.base import DiskRequest, LaunchRequest, Tags
from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import Gpu, InstanceType
from atoll.model.zone import Zone, ZoneKind


def zone(name: str = "fake-1a", region: str = "fake-1", backend: str = "fake", zone_id: str | None = None) -> Zone:
    """A zone."""
    return Zone(backend, region, name, zone_id, ZoneKind.AVAILABILITY_ZONE)


def instance_type(
    cpus: float = 2, memory_gb: float = 8, *, name: str | None = None, gpu: Gpu | None = None
) -> InstanceType:
    """An instance type, named after its size unless another one is given."""
    return InstanceType(name or f"t.{cpus:g}x{memory_gb:g}", cpus, memory_gb, 100, gpu=gpu)


def offer(
    where: Zone | None = None,
    what: InstanceType | None = None,
    *,
    price: float = 0.1,
    market: Market = Market.ON_DEMAND,
    availability: Availability = Availability.AVAILABLE,
) -> Offer:
    """An offer."""
    return Offer(where or zone(), what or instance_type(), market, price, availability)


def tags(token: str = "token-1", owner: str = "owner-1", name: str = "test") -> Tags:
    """Tags; resources of one test share an owner and differ by token."""
    return Tags(owner, token, name)


def launch_request(
    where: Zone,
    instance_type: str,
    token: str = "token-1",
    *,
    owner: str = "owner-1",
    market: Market = Market.ON_DEMAND,
) -> LaunchRequest:
    """A request for one machine."""
    return LaunchRequest(where, instance_type, market, tags(token, owner))


def volume_request(
    where: Zone, token: str = "token-1", *, owner: str = "owner-1", size_gb: float = 1, snapshot: str = ""
) -> DiskRequest:
    """A request for one disk."""
    return DiskRequest(where, size_gb, tags(token, owner), snapshot)
