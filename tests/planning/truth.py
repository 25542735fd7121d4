"""A checker for each kind of reason and of cure: is the sentence true of its zone, by the rules and by a second plan?

The checkers read the facts that a sentence is made of, and look at the snapshot itself. Where a sentence implies what
would have to change (a higher limit, a larger quota), the document is planned again with the change.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations_with_replacement
from math import inf

from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.model.resources import GpuRequirement, InstanceType, Range
from atoll.model.zone import Capacity, Zone, ZoneState
from atoll.planning import plan
from atoll.planning.plan import Cure, DocumentPlan, Fact, Plan, Refusal, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.reasons.explain import cure_text, shortfall_reason
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.reasons.words import limit, money
from atoll.planning.request import (
    Document,
    FleetRequest,
    Request,
    Requirements,
    RunRequest,
    SpotPolicy,
    Strategy,
    VolumeRequest,
)
from atoll.planning.snapshot import ExistingInstance
from tests.planning import rules
from tests.planning.relief import relieved
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
        return [o for o in self.case.snapshot.catalog if o.zone == self.zone and _offered(o)]

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


def _offered(offer: Offer) -> bool:
    return offer.availability is not Availability.NOT_OFFERED


def untrue(case: Case, answer: Plan) -> Iterator[str]:
    """Every sentence of a plan that is not true."""
    for _, text, holds in sentences(case, answer):
        if not holds:
            yield text


def sentences(case: Case, answer: Plan) -> Iterator[tuple[str, str, bool]]:
    """Every sentence of a plan: its kind, its text, and whether it is true."""
    for document, part in zip(case.request.documents, answer.documents, strict=True):
        for refusal in part.refusals:
            said = Said(case, answer, document, part, refusal)
            text = f"{part.name}, {refusal.zone}: {refusal_text(refusal)}"
            yield refusal.code.value, text, is_true(said)
        if part.shortfall is None:
            continue
        short = part.shortfall
        text = f"{part.name}: {shortfall_reason(part.kind, short)}"
        yield (
            f"shortfall {short.code}",
            text,
            _shortfall(case, answer, document, part, short) and _words(text, short.data),
        )
        for cure in short.cures:
            text = f"{part.name}: {cure_text(cure)}"
            yield (
                f"cure {cure.requirement}",
                text,
                _cure(case, document, cure, text) and _words(text, {"price": cure.price}),
            )


def is_true(said: Said) -> bool:
    """Whether one reason is true, and well said."""
    return REASONS[said.refusal.code](said) and _words(refusal_text(said.refusal), said.refusal.data)


def _words(text: str, data: Mapping[str, Fact]) -> bool:
    """A sentence without holes, wrong plurals and doubled blanks; `$0.00` only of what is free."""
    free = any(data.get(key) == 0 for key in ("price", "chosen", "max_price"))
    if "$0.00" in text.replace("$0.00", "$0.00 ").split() and not free:
        return False
    holes = ("None", "  ", "needs  ", " 1 nodes", " 1 zones", " 1 CPUs", "nan", "inf ")
    return not any(hole in text for hole in holes)


def _planned(case: Case, document: Document, changed: Document) -> DocumentPlan:
    place = case.request.documents.index(document)
    documents = tuple(changed if i == place else d for i, d in enumerate(case.request.documents))
    return plan(Request(case.request.id, documents), case.snapshot).documents[place]


# --- what concerns a zone as a whole ---------------------------------------------------------------------------------


def _backend(said: Said) -> bool:
    if isinstance(said.document, VolumeRequest):
        return said.document.backend not in (None, said.zone.backend)
    return said.requirements.backends is not None and said.zone.backend not in said.requirements.backends


def _region(said: Said) -> bool:
    if isinstance(said.document, VolumeRequest):
        return said.document.region not in (None, said.zone.region)
    return said.requirements.regions is not None and said.zone.region not in said.requirements.regions


def _zone(said: Said) -> bool:
    if isinstance(said.document, VolumeRequest):
        wanted = said.document.availability_zone
        return wanted is not None and not rules.named(said.zone, wanted)
    patterns = [p for p in said.requirements.availability_zones or () if not p.startswith("!")]
    return bool(patterns) and not any(rules.named(said.zone, p) for p in patterns)


def _excluded(said: Said) -> bool:
    return any(rules.named(said.zone, p[1:]) for p in said.requirements.availability_zones or () if p.startswith("!"))


def _no_zones(said: Said) -> bool:
    return not said.zone.name


def _state(state: ZoneState) -> Checker:
    return lambda said: rules.state_of(said.zone, said.case.snapshot) is state


# --- what the offers or the instances of a zone are ------------------------------------------------------------------


def _instance_type(said: Said) -> bool:
    wanted = set(said.requirements.instance_types or ())
    return bool(wanted) and not any(kind.name in wanted for kind in said.types)


def _quantity(value: Callable[[InstanceType], float], wanted: Callable[[Said], Range | None]) -> Checker:
    """The largest has so much, the smallest has so much, none has it, or none has it with the rest."""

    def holds(said: Said) -> bool:
        values, range_ = [value(kind) for kind in said.types], wanted(said)
        data, text = said.refusal.data, refusal_text(said.refusal)
        if range_ is None or any(rules.type_allowed(kind, said.requirements) for kind in said.types):
            return False
        if data["joint"]:
            return True
        if any(v in range_ for v in values):
            return False
        if "largest" in text:
            return bool(values) and max(values) == data["most"]
        if "smallest" in text:
            return bool(values) and min(values) == data["least"]
        return "has" in text

    return holds


def _gpu(said: Said) -> GpuRequirement:
    return said.requirements.resources.gpu or GpuRequirement()


def _gpu_memory(said: Said) -> bool:
    gpu = _gpu(said)
    if said.refusal.data.get("total"):
        return _quantity(
            lambda kind: kind.gpu.memory_gb * kind.gpu.count if kind.gpu else -1, lambda _: gpu.total_memory_gb
        )(said)
    with_gpus = [kind for kind in said.types if kind.gpu]
    if any(rules.type_allowed(kind, said.requirements) for kind in said.types) or gpu.memory_gb is None:
        return False
    if said.refusal.data["joint"]:
        return True
    sizes = [kind.gpu.memory_gb for kind in with_gpus if kind.gpu]
    key, best = ("most", max(sizes)) if "largest" in refusal_text(said.refusal) else ("least", min(sizes))
    return not any(size in gpu.memory_gb for size in sizes) and said.refusal.data[key] == best


def _names(has: Callable[[InstanceType], str | None], wanted: Callable[[Said], Sequence[str]]) -> Checker:
    """The types here have these, and none of those that are wanted."""

    def holds(said: Said) -> bool:
        if any(rules.type_allowed(kind, said.requirements) for kind in said.types):
            return False
        there = {name for kind in said.types if (name := has(kind)) is not None}
        if said.refusal.data["joint"]:
            return True
        told = said.refusal.data["has"]
        return isinstance(told, tuple) and set(told) == there and not there & set(wanted(said))

    return holds


def _any_gpu(said: Said) -> bool:
    if any(rules.type_allowed(kind, said.requirements) for kind in said.types):
        return False
    return bool(said.refusal.data["joint"]) or not any(kind.gpu for kind in said.types)


def _capability(said: Said) -> bool:
    here = [kind.gpu.compute_capability for kind in said.types if kind.gpu and kind.gpu.compute_capability]
    wanted = _gpu(said).compute_capability
    return wanted is not None and (bool(said.refusal.data["joint"]) or all(ability < wanted for ability in here))


def _market(said: Said) -> bool:
    """Nothing as spot here: no spot offer of the zone; or only none of those that would do otherwise."""
    things: Sequence[Offer | ExistingInstance] = said.instances if said.refusal.data.get("reuse") else said.offers
    spot = said.requirements.spot_policy is SpotPolicy.SPOT
    allowed = [thing for thing in things if (thing.market is Market.SPOT) == spot]
    if said.refusal.data["joint"]:
        return not any(rules.type_allowed(thing.instance_type, said.requirements) for thing in allowed)
    text = refusal_text(said.refusal)
    return not allowed and ("spot only" not in text or bool(things)) and ("offered here" not in text or not things)


def _price(said: Said) -> bool:
    """What costs that much is here and above the limit; with the printed price as limit, the zone serves."""
    data, requirements = said.refusal.data, said.requirements
    price = data["price"]
    if not isinstance(price, float) or requirements.max_price is None or price <= requirements.max_price:
        return False
    text = refusal_text(said.refusal)
    if (
        money(price) not in text
        or limit(requirements.max_price) not in text
        or money(price) == limit(requirements.max_price)
    ):
        return False
    raised = replace(requirements, max_price=float(money(price).removeprefix("$")))
    if data.get("reuse"):
        fitting = [i for i in said.instances if rules.machine_allowed(i.instance_type, i.market, i.price, raised)]
        return bool(fitting) and (all(i.busy for i in fitting) == bool(data.get("besides")))
    serves = _one_more(said, raised)
    return (not serves) if data.get("besides") else serves


def _price_unknown(said: Said) -> bool:
    """Nothing that would do here has a known price, and without the limit the zone serves."""
    data, requirements = said.refusal.data, said.requirements
    if data["price"] != UNKNOWN_PRICE or requirements.max_price is None:
        return False
    text, free = refusal_text(said.refusal), replace(requirements, max_price=None)
    if limit(requirements.max_price) not in text:
        return False
    if data.get("reuse"):
        fitting = [i for i in said.instances if rules.machine_allowed(i.instance_type, i.market, i.price, free)]
        known = any(i.price < UNKNOWN_PRICE for i in fitting)
        return bool(fitting) and not known and (all(i.busy for i in fitting) == bool(data.get("besides")))
    serves = _one_more(said, free)
    return (not serves) if data.get("besides") else serves


def _one_more(said: Said, requirements: Requirements) -> bool:
    """Whether one more machine can be had in the zone with these requirements beside all that is planned."""
    case = said.case
    return any(o.zone == said.zone and _left(o, said) for _, o in rules.buyable(requirements, case.snapshot))


def _left(offer: Offer, said: Said) -> bool:
    """Whether one more machine of an offer fits beside the plan."""
    return _fits([offer], said.answer, said.case)


def _new(answer: Plan) -> list[tuple[Zone, InstanceType, Market]]:
    new = [n for d in answer.documents for n in d.placements if n.source.value == "new"]
    return [(n.zone, n.instance_type, n.market) for n in new]


def _fits(offers: Sequence[Offer], answer: Plan, case: Case) -> bool:
    """Whether these machines fit beside the plan: in the offers' numbers, zones' capacities and quotas."""
    machines = [*_new(answer), *((o.zone, o.instance_type, o.market) for o in offers)]
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


# --- what stands in the way now --------------------------------------------------------------------------------------


def _not_offered(said: Said) -> bool:
    kind = said.refusal.data["instance_type"]
    if kind is None:
        return not said.offers
    market = said.refusal.data.get("market")
    failed = [f for f in said.case.snapshot.failures if f.kind.value == "not-offered"]
    here = [o for o in said.offers if o.instance_type.name == kind and market in (None, o.market)]
    return not any(not any(rules.left_out(o, f, said.case.snapshot) for f in failed) for o in here)


def _unavailable(said: Said) -> bool:
    """Nothing of that type and market is to be had; `count` of it are, and the plan uses them all."""
    data = said.refusal.data
    like = [o for o in said.offers if (o.instance_type.name, o.market) == (data["instance_type"], data["market"])]
    if not data.get("count"):
        return bool(like) and all(o.availability is Availability.UNAVAILABLE or o.count == 0 for o in like)
    used = sum((z, k.name, m) == (said.zone, data["instance_type"], data["market"]) for z, k, m in _new(said.answer))
    return sum(o.count or 0 for o in like) == data["count"] == used


def _recent_failure(said: Said) -> bool:
    """A failure of that kind and end keeps the offer out."""
    data, snapshot = said.refusal.data, said.case.snapshot
    like = [o for o in said.offers if (o.instance_type.name, o.market) == (data["instance_type"], data["market"])]
    if (said.zone.backend, said.zone.region, said.zone.name) in rules.dry_zones(snapshot):
        return bool(like)
    kinds = [f for f in snapshot.failures if f.kind.value == data.get("kind")]
    return any(rules.left_out(o, f, snapshot) for o in like for f in kinds)


def _quota(said: Said) -> bool:
    """So much of the quota is left beside the plan, and less than the type needs."""
    data, snapshot = said.refusal.data, said.case.snapshot
    if data.get("kind"):
        return any(f.kind.value == data["kind"] for f in snapshot.failures)
    place = (said.zone.backend, data["region"], data["market"])
    quota = next((q for q in snapshot.quotas if (q.backend, q.region, q.market) == place), None)
    if quota is None:
        return False
    before = quota.limit_cpus - quota.used_cpus
    spent = sum(kind.cpus for z, kind, m in _new(said.answer) if rules.quota_of(z, m, snapshot) == quota)
    cpus = {o.instance_type.cpus for o in said.offers if o.instance_type.name == data["instance_type"]}
    # Beyond the quota alone, or with what this plan takes of it.
    left = {max(0, before), max(0, before - spent)}
    needed = data["needed"]
    return data["free"] in left and isinstance(needed, int | float) and needed in cpus and needed > before - spent


def _capacity(said: Said) -> bool:
    """The zone has so much in all, of which so much is used, and the type needs more than what is left."""
    data = said.refusal.data
    total, free = rules.total_of(said.zone, said.case.snapshot), rules.free_in(said.zone, said.case.snapshot)
    if total is None or free is None:
        return False
    name = str(data["resource"])
    used = sum(getattr(kind.capacity, name) for z, kind, _ in _new(said.answer) if z == said.zone)
    whole, left = getattr(total, name), getattr(free, name) - used
    needed, told = data["needed"], data["used"]
    assert isinstance(needed, int | float)
    assert isinstance(told, int | float)
    kinds = [o.instance_type for o in said.offers if o.instance_type.name == data["instance_type"]]
    if data["total"] != whole or not any(getattr(k.capacity, name) == needed for k in kinds):
        return False
    return bool(needed > whole or (abs(told - (whole - left)) < 1e-9 and needed > left))


# --- volumes and instances -------------------------------------------------------------------------------------------


def _volume_zone(said: Said) -> bool:
    """No volume of this mount is in the zone, nor may be."""
    run = said.document
    assert isinstance(run, RunRequest)
    wanted, homes = said.refusal.data["volumes"], said.refusal.data["zones"]
    assert isinstance(wanted, tuple)
    assert isinstance(homes, tuple)
    existing = {v.name: v.zone for v in said.case.snapshot.volumes if v.name in wanted}
    new = {
        d.name: p.zone
        for d, p in zip(said.case.request.documents, said.answer.documents, strict=True)
        if isinstance(d, VolumeRequest) and d.name in wanted and d.name not in existing
    }
    if said.zone in existing.values():
        return False
    requested = [d for d in said.case.request.documents if isinstance(d, VolumeRequest) and d.name in new]
    possible = {z for d in requested for z in rules.volume_homes(d, said.case.snapshot)}
    placed = {zone for zone in new.values() if zone is not None}
    known = {str(zone) for zone in {*existing.values(), *placed, *possible}}
    if not homes:
        return not known or (not existing and not possible)
    return set(homes) <= known and str(said.zone) not in homes


def _attached(said: Said) -> bool:
    if said.refusal.data.get("run"):
        return _in_use(said, str(said.refusal.data["volume"]))
    volume = next(v for v in said.case.snapshot.volumes if v.name == said.refusal.data["volume"])
    known = {i.id: f"{i.fleet}-{i.node}" for i in said.case.snapshot.instances}
    told = said.refusal.data["instances"]
    if volume.zone != said.zone or not isinstance(told, tuple):
        return False
    return set(told) == {known.get(i, i) for i in volume.attached_to} and bool(told)


def _in_use(said: Said, volume: str) -> bool:
    """Another run of the plan mounts the volume, here, and the document names it."""
    others = [part for part in said.answer.documents if part is not said.part]
    users = [node for part in others for node in part.placements if volume in node.volumes]
    assert isinstance(said.document, RunRequest)
    names = {name for node in said.document.nodes for mount in node.mounts for name in mount.volumes}
    return volume in names and bool(users) and all(node.zone == said.zone for node in users)


def _no_volumes(said: Said) -> bool:
    return any(b.name == said.zone.backend and not b.volumes for b in said.case.snapshot.backends)


def _busy(said: Said) -> bool:
    """All instances here that would do are busy: all of them, or those that meet the requirements."""
    suited = [i for i in said.instances if rules.machine_allowed(i.instance_type, i.market, i.price, said.requirements)]
    same = bool(said.refusal.data["joint"]) == (len(suited) < len(said.instances))
    return bool(suited) and all(i.busy for i in suited) and len(suited) == said.refusal.data["count"] and same


def _no_instance(said: Said) -> bool:
    return not said.instances


# --- how a group lies ------------------------------------------------------------------------------------------------


def most(said: Said, zones: set[Zone], wanted: int) -> int:
    """How many of a fleet's missing nodes fit beside the other documents in these zones: every combination is tried."""
    offers = [o for _, o in rules.buyable(said.requirements, said.case.snapshot) if o.zone in zones]
    parts = tuple(replace(d, placements=()) if d is said.part else d for d in said.answer.documents)
    others = replace(said.answer, documents=parts)
    for count in range(min(wanted, 4), 0, -1):
        if any(_fits(chosen, others, said.case) for chosen in combinations_with_replacement(offers, count)):
            return count
    return 0


def _can_take(said: Said) -> bool:
    """Exactly so many of the nodes that the fleet is missing fit in the zone."""
    fits, wanted = said.refusal.data["fits"], said.refusal.data["wanted"]
    assert isinstance(fits, int)
    assert isinstance(wanted, int)
    if wanted != _missing(said.document, said.case):
        return False
    return most(said, {said.zone}, min(wanted, fits + 1)) == min(fits, 4)


def _missing(document: Document, case: Case) -> int:
    assert isinstance(document, FleetRequest)
    return max(0, document.nodes - sum(i.fleet == document.name for i in case.snapshot.instances))


def _cluster(said: Said) -> bool:
    data, document = said.refusal.data, said.document
    if isinstance(document, RunRequest):
        if said.part.shortfall is None or data["wanted"] != len(document.nodes):
            return False
        if "fits" in data and not _takes_part(said, document):
            return False
        return data["strategy"] == document.strategy and data["region"] == said.zone.region
    if data.get("home"):
        there = rules.per_zone(i.zone for i in said.case.snapshot.instances if i.fleet == document.name)
        return {str(zone): count for zone, count in there.items()}.get(str(data["home"])) == max(there.values())
    return _can_take(said)


def _region_of(zone: Zone) -> tuple[str, str]:
    return (zone.backend, zone.region)


def _takes_part(said: Said, run: RunRequest) -> bool:
    """So many of the run's nodes fit in the zone, in its region or in all zones, and one more does not."""
    fits = said.refusal.data["fits"]
    assert isinstance(fits, int)
    zones = {
        zone
        for zone in rules.zones_of(said.case.snapshot)
        if (run.strategy is not Strategy.CLUSTER or zone == said.zone)
        and (
            run.strategy is not Strategy.REGION or (zone.backend, zone.region) == (said.zone.backend, said.zone.region)
        )
    }
    return fits < len(run.nodes) and most(said, zones, fits + 1) == min(fits, 4)


def _spread(said: Said) -> bool:
    data, document = said.refusal.data, said.document
    assert isinstance(document, FleetRequest)
    if data.get("min_zones"):
        eligible = rules.eligible(said.requirements, said.case.snapshot)
        least = document.placement.min_zones
        return data["eligible"] == len(eligible) and data["min_zones"] == least and len(eligible) < (least or 0)
    there = rules.per_zone(i.zone for i in said.case.snapshot.instances if i.fleet == document.name)
    if data.get("max_zones"):
        used = {*there, *(node.zone for node in said.part.placements)}
        beyond = said.zone in rules.too_many(document, said.case.snapshot)
        return beyond or (said.zone not in used and len(used) >= (document.placement.max_zones or inf))
    if data.get("allowed"):
        share = document.placement.max_share
        total = max(document.nodes, sum(there.values()))
        return share is not None and there[said.zone] >= rules.share(total, share) == data["allowed"]
    return said.part.shortfall is not None and _can_take(said)


def _not_needed(said: Said) -> bool:
    """One more machine could be had here, and costs what is said; or the document needs no new one."""
    data = said.refusal.data
    if isinstance(said.document, VolumeRequest):
        if said.zone not in rules.volume_homes(said.document, said.case.snapshot):
            return False
        return data["why"] != "consumer" or str(said.part.zone) == data["home"]
    sources = {node.source.value for node in said.part.placements}
    match data["why"]:
        case "complete":
            return isinstance(said.document, FleetRequest) and _missing(said.document, said.case) == 0
        case "reuse":
            return "existing" in sources
        case "planned":
            return "planned" in sources
        case "unneeded":
            return said.part.shortfall is None
        case "together":
            return said.part.shortfall is None and _is_together(said, str(data["home"]))
    here = [
        o.price
        for _, o in rules.buyable(said.requirements, said.case.snapshot)
        if o.zone == said.zone and _left(o, said)
    ]
    paid = {node.price for node in said.part.placements if node.source.value == "new"}
    if not here or not paid or data["price"] != min(here):
        return False
    return min(here) > max(paid) == data["chosen"] if data["why"] == "dearer" else paid == {min(here)}


def _is_together(said: Said, home: str) -> bool:
    """All nodes are in the zone or region that is named, as the run asks, and this zone is another one or elsewhere."""
    assert isinstance(said.document, RunRequest)
    zones = {node.zone for node in said.part.placements}
    if said.document.strategy is Strategy.CLUSTER:
        return {str(zone) for zone in zones} == {home} and said.zone not in zones
    regions = {(zone.backend, zone.region) for zone in zones}
    return len(regions) == 1 and {region for _, region in regions} == {home} and said.zone not in zones


REASONS: Mapping[RefusalCode, Checker] = {
    RefusalCode.BACKEND: _backend,
    RefusalCode.REGION: _region,
    RefusalCode.ZONE: _zone,
    RefusalCode.ZONE_EXCLUDED: _excluded,
    RefusalCode.NO_ZONES: _no_zones,
    RefusalCode.NOT_OPTED_IN: _state(ZoneState.NOT_OPTED_IN),
    RefusalCode.GONE: _state(ZoneState.GONE),
    RefusalCode.DRAINED: _state(ZoneState.DRAINED),
    RefusalCode.CLOSED: _state(ZoneState.CLOSED),
    RefusalCode.IMPAIRED: _state(ZoneState.IMPAIRED),
    RefusalCode.INSTANCE_TYPE: _instance_type,
    RefusalCode.ARCH: _names(lambda kind: kind.arch, lambda said: [said.requirements.resources.arch or ""]),
    RefusalCode.CPU: _quantity(lambda kind: kind.cpus, lambda said: said.requirements.resources.cpus),
    RefusalCode.MEMORY: _quantity(lambda kind: kind.memory_gb, lambda said: said.requirements.resources.memory_gb),
    RefusalCode.DISK: _quantity(lambda kind: kind.disk_gb, lambda said: said.requirements.resources.disk_gb),
    RefusalCode.GPU: _any_gpu,
    RefusalCode.GPU_VENDOR: _names(lambda k: k.gpu.vendor if k.gpu else None, lambda s: [_gpu(s).vendor or ""]),
    RefusalCode.GPU_NAME: _names(lambda k: k.gpu.name if k.gpu else None, lambda s: _gpu(s).names),
    RefusalCode.GPU_CAPABILITY: _capability,
    RefusalCode.GPU_COUNT: _quantity(lambda kind: kind.gpu.count if kind.gpu else 0, lambda said: _gpu(said).count),
    RefusalCode.GPU_MEMORY: _gpu_memory,
    RefusalCode.MARKET: _market,
    RefusalCode.PRICE_UNKNOWN: _price_unknown,
    RefusalCode.PRICE: _price,
    RefusalCode.NOT_OFFERED: _not_offered,
    RefusalCode.UNAVAILABLE: _unavailable,
    RefusalCode.RECENT_FAILURE: _recent_failure,
    RefusalCode.QUOTA: _quota,
    RefusalCode.CAPACITY_USED: _capacity,
    RefusalCode.VOLUME_ZONE: _volume_zone,
    RefusalCode.VOLUME_ATTACHED: _attached,
    RefusalCode.NO_VOLUMES: _no_volumes,
    RefusalCode.INSTANCE_BUSY: _busy,
    RefusalCode.FLEET: _no_instance,
    RefusalCode.CLUSTER: _cluster,
    RefusalCode.SPREAD: _spread,
    RefusalCode.NOT_NEEDED: _not_needed,
}


# --- documents as a whole --------------------------------------------------------------------------------------------


def _shortfall(case: Case, answer: Plan, document: Document, part: DocumentPlan, short: Shortfall) -> bool:
    data = short.data
    if short.code in set(RefusalCode):
        near = next((r for r in part.refusals if r.code == short.code and str(r.zone) == data.get("zone")), None)
        return near is not None or short.code == RefusalCode.VOLUME_ATTACHED
    if isinstance(document, FleetRequest):
        eligible = rules.eligible(document.requirements, case.snapshot)
        if short.code == ShortfallCode.MIN_ZONES:
            few = len(eligible) < (document.placement.min_zones or 0)
            return few and data["zones"] == tuple(str(zone) for zone in eligible)
        if short.code == ShortfallCode.NOT_ENOUGH:
            return _not_enough(Said(case, answer, document, part, part.refusals[0]), short) if part.refusals else True
    names = data.get("volumes")
    known = {v.name for v in case.snapshot.volumes}
    if short.code == ShortfallCode.UNKNOWN_VOLUME:
        requested = {d.name for d in case.request.documents if isinstance(d, VolumeRequest)}
        return isinstance(names, tuple) and not (known | requested) & set(names)
    if short.code == ShortfallCode.UNPLACED_VOLUME:
        failed = {p.name for p in answer.documents if p.kind.value == "volume" and p.shortfall is not None}
        return isinstance(names, tuple) and bool(failed & set(names))
    if short.code == ShortfallCode.VOLUMES_APART:
        one, other = data["one_zones"], data["other_zones"]
        return isinstance(one, tuple) and isinstance(other, tuple) and not set(one) & set(other)
    if short.code == ShortfallCode.NO_OFFERS:
        return not part.refusals
    return True


def _not_enough(said: Said, short: Shortfall) -> bool:
    """So many nodes fit, in the zone named or in all together; that many more do not."""
    data, fleet = short.data, said.document
    assert isinstance(fleet, FleetRequest)
    wanted, fits, lacking = _missing(fleet, said.case), data["fits"], data["missing"]
    assert isinstance(fits, int)
    assert isinstance(lacking, int)
    if lacking != wanted or f"can take the most, {lacking}" in shortfall_reason(said.part.kind, short):
        return False
    if data["strategy"] == Strategy.CLUSTER.value:
        named = {zone for zone in rules.zones_of(said.case.snapshot) if str(zone) == data["zone"]}
        return most(said, named, min(wanted, fits + 1)) == min(fits, 4)
    if fits > 2:
        return True
    return most(said, set(rules.eligible(said.requirements, said.case.snapshot)), min(wanted, fits + 1)) == fits


def _cure(case: Case, document: Document, cure: Cure, text: str) -> bool:
    """The printed change, made, lets the document fit; what is printed of zones and price holds then."""
    value = cure.value
    if cure.requirement == "max_price" and value is not None:
        value = float(text.partition(" to ")[2].partition(":")[0])
    changed = relieved(document, cure.requirement, value)
    part = _planned(case, document, changed)
    if part.shortfall is not None or changed == document:
        return False
    new = [node.price for node in part.placements if node.source.value == "new"]
    if "from $" in text and not new:
        return False
    if isinstance(document, VolumeRequest):
        assert isinstance(changed, VolumeRequest)
        return set(cure.zones) == set(rules.volume_homes(changed, case.snapshot))
    return {node.zone for node in part.placements} <= set(cure.zones) or not part.placements
