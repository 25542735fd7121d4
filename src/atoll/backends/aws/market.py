"""What AWS offers in one region, in parts that are read again at their own pace.

A part that cannot be read keeps its last content, and what is offered for it is unavailable once that is too old. What
depends on a part that was never read is left out, but for prices: what has none is offered at an unknown one.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from atoll.backends.aws.clients import Clients
from atoll.backends.aws.network import Network, read_network
from atoll.backends.aws.prices import LINUX, newest, price_filters, read_prices, read_spot_prices
from atoll.backends.aws.quotas import machines_within, quota_code, read_quotas
from atoll.backends.aws.types import AwsType, read_offered, read_types
from atoll.backends.aws.zones import read_zones
from atoll.backends.base import NotOffered
from atoll.backends.market.part import Part
from atoll.backends.market.region import RegionParts
from atoll.model.failure import Scope
from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.zone import ZoneInfo, ZoneState

DAY, QUARTER, TEN, FIVE = 86400.0, 900.0, 600.0, 300.0


class RegionMarket(RegionParts):
    """The parts of one region."""

    def __init__(self, clients: Clients, region: str, folder: Path | None = None) -> None:
        """`folder` keeps what was read; None: nothing is kept."""
        self._clients = clients
        self.zones: Part[list[Any]] = Part("zones", FIVE, self._read_zones, list[Any])
        self.network: Part[Network] = Part("network", FIVE, lambda: read_network(clients, region), Network)
        self.types: Part[dict[str, AwsType]] = Part("types", DAY, self._read_types, dict[str, AwsType])
        self.offered: Part[list[tuple[str, str]]] = Part("offered", DAY, self._read_offered, list[tuple[str, str]])
        self.prices: Part[dict[str, float]] = Part("prices", DAY, self._read_prices, dict[str, float])
        self.spot: Part[dict[tuple[str, str], float]] = Part(
            "spot prices", TEN, self._read_spot, dict[tuple[str, str], float]
        )
        self.quotas: Part[tuple[Mapping[str, float], Mapping[str, float]]] = Part(
            "quotas", QUARTER, self._read_quotas, tuple[dict[str, float], dict[str, float]]
        )
        parts = (self.zones, self.network, self.types, self.offered, self.prices, self.spot, self.quotas)
        super().__init__("aws", region, parts, folder)

    async def type_of(self, name: str) -> AwsType:
        """What a launch needs to know of a type. Raises NotOffered where the region does not have it."""
        found = await self.types.fresh()
        if name not in found:
            raise NotOffered(f"{self.region} has no instance type {name}", Scope("aws", self.region, None, name))
        return found[name]

    @property
    def zone_infos(self) -> tuple[ZoneInfo, ...]:
        """The zones with their states; none before they were read."""
        if self.zones.content is None or self.network.content is None:
            return ()
        return read_zones(self.region, self.zones.content, self.network.content)

    def offers(self) -> Iterator[Offer]:
        """The offers, as far as their parts are known. It takes a tenth of a second: for threads."""
        by_name = {info.zone.name: info for info in self.zone_infos}
        types = self.types.content or {}
        for name, zone in self.offered.content or ():
            if zone in by_name and name in types:
                yield from self._offers(by_name[zone], types[name])

    def _offers(self, info: ZoneInfo, kind: AwsType) -> list[Offer]:
        """The offers of one type in one zone; `UNKNOWN_PRICE` where a price could not be read, or is not listed."""
        zone, name = info.zone, kind.type.name
        prices = {
            Market.ON_DEMAND: (self.prices.content or {}).get(name),
            Market.SPOT: (self.spot.content or {}).get((zone.name, name)),
        }
        quotas, used = self.quotas.content or ({}, {})
        offers = []
        for market in kind.markets:
            price = prices.get(market)
            count = machines_within(name, kind.type.cpus, market, quotas, used)
            dated = self.spot if market is Market.SPOT else self.prices
            old = dated.expired or self.offered.expired
            usable = count != 0 and info.state is ZoneState.AVAILABLE and not old
            available = Availability.AVAILABLE if usable else Availability.UNAVAILABLE
            offers.append(Offer(zone, kind.type, market, UNKNOWN_PRICE if price is None else price, available, count))
        return offers

    async def _read_zones(self) -> list[Any]:
        reply = await self._clients.call(self.region, "ec2", "describe_availability_zones", AllAvailabilityZones=True)
        return list(reply["AvailabilityZones"])

    async def _read_types(self) -> dict[str, AwsType]:
        found: list[AwsType] = await self._clients.pages(
            self.region, "ec2", "describe_instance_types", "InstanceTypes", read_types
        )
        return {each.type.name: each for each in found}

    async def _read_offered(self) -> list[tuple[str, str]]:
        return await self._clients.pages(
            self.region,
            "ec2",
            "describe_instance_type_offerings",
            "InstanceTypeOfferings",
            read_offered,
            LocationType="availability-zone",
        )

    async def _read_prices(self) -> dict[str, float]:
        found = await self._clients.pages(
            self.region,
            "pricing",
            "get_products",
            "PriceList",
            read_prices,
            ServiceCode="AmazonEC2",
            Filters=price_filters(self.region),
        )
        return dict(found)

    async def _read_spot(self) -> dict[tuple[str, str], float]:
        found = await self._clients.pages(
            self.region,
            "ec2",
            "describe_spot_price_history",
            "SpotPriceHistory",
            read_spot_prices,
            StartTime=datetime.now(UTC),
            ProductDescriptions=[LINUX],
        )
        return newest(found)

    async def _read_quotas(self) -> tuple[Mapping[str, float], Mapping[str, float]]:
        found = await self._clients.pages(
            self.region, "service-quotas", "list_service_quotas", "Quotas", ServiceCode="ec2"
        )
        running = [{"Name": "instance-state-name", "Values": ["pending", "running"]}]
        reservations = await self._clients.pages(
            self.region, "ec2", "describe_instances", "Reservations", Filters=running
        )
        types = await self.types.fresh()
        used: dict[str, float] = {}
        for each in (one for reservation in reservations for one in reservation["Instances"]):
            market = Market.SPOT if each.get("InstanceLifecycle") == "spot" else Market.ON_DEMAND
            code = quota_code(each["InstanceType"], market)
            if code is not None and each["InstanceType"] in types:
                used[code] = used.get(code, 0) + types[each["InstanceType"]].type.cpus
        return read_quotas(found), used
