"""Small worlds written by hand, for tests of one behaviour."""

from collections.abc import Sequence
from datetime import UTC, datetime

from atoll.model.catalog import Catalog
from atoll.model.failure import Failure
from atoll.model.offer import Market, Offer
from atoll.model.quota import Quota
from atoll.model.resources import InstanceType, Range, Resources
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo
from atoll.planning.plan import DocumentPlan, Plan
from atoll.planning.request import Document, Request, Requirements, SpotPolicy
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot, Usage

NOW = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)
SMALL = InstanceType("small", 2, 8)
LARGE = InstanceType("large", 8, 32)
A, B, C = (Zone("aws", "us-east-1", f"us-east-1{letter}") for letter in "abc")
WEST = Zone("aws", "us-west-2", "us-west-2a")

ANYTHING = Resources(Range(), Range())
ANY = Requirements(ANYTHING)
ANY_MARKET = Requirements(ANYTHING, spot_policy=SpotPolicy.AUTO)


def offer(
    zone: Zone, price: float, kind: InstanceType = SMALL, market: Market = Market.ON_DEMAND, count: int | None = None
) -> Offer:
    """An offer that is available."""
    return Offer(zone, kind, market, price, count=count)


def world(
    *offers: Offer,
    capacities: dict[Zone, Capacity] | None = None,
    instances: Sequence[ExistingInstance] = (),
    volumes: Sequence[ExistingVolume] = (),
    usage: Sequence[Usage] = (),
    quotas: Sequence[Quota] = (),
    failures: Sequence[Failure] = (),
    backends: Sequence[BackendInfo] = (),
) -> Snapshot:
    """A snapshot in which every zone of the offers is available."""
    totals = capacities or {}
    zones = sorted({o.zone for o in offers} | set(totals))
    return Snapshot(
        catalog=Catalog.from_offers(offers, NOW),
        zones=tuple(ZoneInfo(zone, capacity=totals.get(zone)) for zone in zones),
        now=NOW,
        backends=tuple(backends),
        instances=tuple(instances),
        volumes=tuple(volumes),
        usage=tuple(usage),
        quotas=tuple(quotas),
        failures=tuple(failures),
    )


def request(*documents: Document, id: str = "request-1") -> Request:
    """These documents, planned as one."""
    return Request(id, documents)


def part(plan: Plan, name: str) -> DocumentPlan:
    """The plan of one document."""
    return next(document for document in plan.documents if document.name == name)


def where(plan: Plan, name: str) -> list[str]:
    """The zones of a document's nodes, in order."""
    return sorted(str(node.zone) for node in part(plan, name).placements)
