"""One sentence of a plan with what it is about, and what is left beside the plan."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement

from atoll.model.offer import Availability, Market, Offer
from atoll.model.resources import InstanceType
from atoll.model.zone import Capacity, Zone
from atoll.planning.plan import DocumentPlan, Plan, Refusal
from atoll.planning.request import (
    Document,
    FleetRequest,
    Requirements,
    RunRequest,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance
from tests.planning import rules
from tests.planning.worlds import Case


@dataclass(frozen=True, slots=True)
class Said:
    """One refusal with what it is about: the case, its plan, the document and its part of the plan."""

    case: Case
    answer: Plan
    document: Document
    part: DocumentPlan
    refusal: Refusal

    @property
    def zone(self) -> Zone:
        """The zone that is refused."""
        return self.refusal.zone

    @property
    def requirements(self) -> Requirements:
        """What the document requires of its machines."""
        assert not isinstance(self.document, VolumeRequest)
        return self.document.requirements

    @property
    def offers(self) -> list[Offer]:
        """All that the zone offers."""
        return [o for o in self.case.snapshot.catalog if o.zone == self.zone and offered(o)]

    @property
    def instances(self) -> list[ExistingInstance]:
        """The zone's instances that the run names."""
        run = self.document
        assert isinstance(run, RunRequest)
        here = [i for i in self.case.snapshot.instances if i.zone == self.zone]
        here = [i for i in here if run.fleets is None or i.fleet in run.fleets]
        return [i for i in here if run.instances is None or i.id in run.instances]

    @property
    def types(self) -> list[InstanceType]:
        """The types that the sentence is about: of the zone's instances, or of what it offers."""
        things: Sequence[Offer | ExistingInstance] = self.instances if self.refusal.data.get("reuse") else self.offers
        return [thing.instance_type for thing in things]


Checker = Callable[[Said], bool]


def offered(offer: Offer) -> bool:
    return offer.availability is not Availability.NOT_OFFERED


def new_machines(answer: Plan) -> list[tuple[Zone, InstanceType, Market]]:
    new = [n for d in answer.documents for n in d.placements if n.source.value == "new"]
    return [(n.zone, n.instance_type, n.market) for n in new]


def fits(offers: Sequence[Offer], answer: Plan, case: Case) -> bool:
    """Whether these machines fit beside the plan: in the offers' numbers, zones' capacities and quotas."""
    machines = [*new_machines(answer), *((o.zone, o.instance_type, o.market) for o in offers)]
    for offer in set(offers):
        same = machines.count((offer.zone, offer.instance_type, offer.market))
        if offer.count is not None and same > offer.count:
            return False
    for zone in {o.zone for o in offers}:
        free = rules.free_in(zone, case.snapshot)
        used = sum((kind.capacity for place, kind, _ in machines if place == zone), Capacity())
        if free is not None and not Capacity(free.cpus + 1e-9, free.memory_gb + 1e-9, free.gpus).covers(used):
            return False
    for quota in {rules.quota_of(o.zone, o.market, case.snapshot) for o in offers} - {None}:
        assert quota is not None
        used_cpus = sum(k.cpus for z, k, m in machines if rules.quota_of(z, m, case.snapshot) == quota)
        if used_cpus > max(0, quota.limit_cpus - quota.used_cpus) + 1e-9:
            return False
    return True


def left(offer: Offer, said: Said) -> bool:
    """Whether one more machine of an offer fits beside the plan."""
    return fits([offer], said.answer, said.case)


def missing(document: Document, case: Case) -> int:
    assert isinstance(document, FleetRequest)
    return max(0, document.nodes - sum(i.fleet == document.name for i in case.snapshot.instances))


def most(said: Said, zones: set[Zone], wanted: int) -> int:
    """How many of a fleet's missing nodes fit beside the other documents in these zones: every combination is tried."""
    offers = [o for _, o in rules.buyable(said.requirements, said.case.snapshot) if o.zone in zones]
    parts = tuple(replace(d, placements=()) if d is said.part else d for d in said.answer.documents)
    others = replace(said.answer, documents=parts)
    for count in range(min(wanted, 4), 0, -1):
        if any(fits(chosen, others, said.case) for chosen in combinations_with_replacement(offers, count)):
            return count
    return 0
