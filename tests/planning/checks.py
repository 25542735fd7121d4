"""What every plan must keep, each as a plain function that tells what it found broken.

The properties hold the planner to them over random cases, and the planted faults show that each of them sees what it is
there for. They look at the typed plan alone and use the rules, not the planner.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations

from atoll.model.offer import Offer
from atoll.model.zone import Capacity, Zone
from atoll.planning.plan import DocumentKind, DocumentPlan, NodePlacement, Plan, Source
from atoll.planning.request import (
    Binding,
    Document,
    FleetRequest,
    OnShortage,
    Requirements,
    RunRequest,
    Strategy,
    VolumeRequest,
)
from tests.planning import rules
from tests.planning.worlds import Case

Check = Callable[[Case, Plan], Iterator[str]]

KINDS = {FleetRequest: DocumentKind.FLEET, RunRequest: DocumentKind.RUN, VolumeRequest: DocumentKind.VOLUME}


def violations(case: Case, plan: Plan) -> Iterator[str]:
    """What any of the checks finds."""
    for check in ALL:
        yield from (f"{check.__name__}: {found}" for found in check(case, plan))


@dataclass(frozen=True, slots=True)
class Part:
    """A document with its plan."""

    document: Document
    plan: DocumentPlan


def parts(case: Case, plan: Plan) -> Iterator[Part]:
    """Each document of the request with its plan."""
    yield from (Part(d, p) for d, p in zip(case.request.documents, plan.documents, strict=True))


def bought(plan: Plan) -> Iterator[tuple[DocumentPlan, NodePlacement]]:
    """Every new machine with the document that it is for."""
    yield from ((d, n) for d in plan.documents for n in d.placements if n.source is Source.NEW)


def offers_like(node: NodePlacement, case: Case) -> list[tuple[int, Offer]]:
    """The offers that this machine may be of."""
    return [
        (number, offer)
        for number, offer in enumerate(case.snapshot.catalog)
        if (offer.zone, offer.instance_type, offer.market, offer.price)
        == (node.zone, node.instance_type, node.market, node.price)
    ]


def answers_every_document(case: Case, plan: Plan) -> Iterator[str]:
    """The plan has a part for each document, in order, and prices that add up."""
    asked = [(KINDS[type(d)], d.name) for d in case.request.documents]
    got = [(d.kind, d.name) for d in plan.documents]
    if asked != got:
        yield f"asked {asked}, answered {got}"
    for document in plan.documents:
        if abs(document.price - sum(node.price for node in document.placements)) > 1e-9:
            yield f"{document.name} costs {document.price}, its nodes something else"
    if abs(plan.price - sum(document.price for document in plan.documents)) > 1e-9:
        yield f"the plan costs {plan.price}, its documents something else"


def only_allowed_offers(case: Case, plan: Plan) -> Iterator[str]:
    """No placement outside the allowed zones, nor on an offer that is refused for any other reason."""
    for part in parts(case, plan):
        if isinstance(part.document, VolumeRequest):
            continue
        allowed = {number for number, _ in rules.buyable(part.document.requirements, case.snapshot)}
        for node in part.plan.placements:
            if node.source is Source.NEW and not any(n in allowed for n, _ in offers_like(node, case)):
                yield f"{part.plan.name}/{node.node} may not be bought: {node.instance_type.name} in {node.zone}"
            if not rules.zone_allowed(node.zone, part.document.requirements, case.snapshot):
                yield f"{part.plan.name}/{node.node} stands outside its zones: {node.zone}"


def _final(fleet: FleetRequest, plan: DocumentPlan, case: Case) -> dict[Zone, int]:
    there = [i.zone for i in case.snapshot.instances if i.fleet == fleet.name]
    return rules.per_zone([*there, *(node.zone for node in plan.placements)])


def fleets_have_their_nodes(case: Case, plan: Plan) -> Iterator[str]:
    """A fleet without a shortfall has its nodes, under numbers of their own; one with a shortfall has fewer."""
    for part in parts(case, plan):
        if not isinstance(part.document, FleetRequest):
            continue
        there = [i.node for i in case.snapshot.instances if i.fleet == part.document.name]
        total = len(there) + len(part.plan.placements)
        exact = not part.document.placement.survive_zones
        enough = total == max(part.document.nodes, len(there)) if exact else total >= part.document.nodes
        if part.plan.shortfall is None and not enough:
            yield f"{part.plan.name} has {total} of {part.document.nodes} nodes and says that it is whole"
        if part.plan.shortfall is not None and exact and len(there) < part.document.nodes <= total:
            yield f"{part.plan.name} has all its nodes and says that it has not"
        numbers = [*there, *(node.node for node in part.plan.placements)]
        if len(set(numbers)) < len(numbers) and len(set(there)) == len(there):
            yield f"{part.plan.name} uses a node's number twice"


def runs_have_their_nodes(case: Case, plan: Plan) -> Iterator[str]:
    """A run is placed with all its ranks or not at all."""
    for part in parts(case, plan):
        if not isinstance(part.document, RunRequest):
            continue
        ranks = sorted(node.rank for node in part.document.nodes) if part.plan.shortfall is None else []
        if sorted(node.node for node in part.plan.placements) != ranks:
            yield f"{part.plan.name} has ranks {[node.node for node in part.plan.placements]}, not {ranks}"
        zones = {node.zone for node in part.plan.placements}
        strategy = part.document.placement.strategy
        if strategy is Strategy.CLUSTER and len(zones) > 1:
            yield f"{part.plan.name} lies in {len(zones)} zones"
        if strategy is not Strategy.ANY and len({(zone.backend, zone.region) for zone in zones}) > 1:
            yield f"{part.plan.name} lies in several regions"


def runs_are_spread(case: Case, plan: Plan) -> Iterator[str]:
    """The nodes of a run with `spread` are even over the eligible zones of its region."""
    for part in parts(case, plan):
        run = part.document
        several = isinstance(run, RunRequest) and len(run.nodes) > 1 and bool(part.plan.placements)
        if not isinstance(run, RunRequest) or not several or run.placement.strategy is not Strategy.SPREAD:
            continue
        counts = Counter(node.zone for node in part.plan.placements)
        home = {(zone.backend, zone.region) for zone in counts}
        zones = rules.spread_over(run, case.request.documents, case.snapshot)
        least = min(counts[zone] for zone in zones if (zone.backend, zone.region) in home)
        if max(counts.values()) - least > run.placement.max_skew:
            yield f"{part.plan.name} has {max(counts.values())} nodes in one zone and {least} in another"


def clusters_stay_together(case: Case, plan: Plan) -> Iterator[str]:
    """New nodes of a cluster lie in one zone, with those that are there."""
    for part in parts(case, plan):
        if isinstance(part.document, FleetRequest) and part.document.placement.strategy is Strategy.CLUSTER:
            new = {node.zone for node in part.plan.placements}
            there = rules.per_zone(i.zone for i in case.snapshot.instances if i.fleet == part.document.name)
            if len(new) > 1 or (new and there and max(there.values()) > max(there.get(zone, 0) for zone in new)):
                yield f"{part.plan.name} is apart: {sorted(map(str, new))} beside {there}"


def few_zones_are_used(case: Case, plan: Plan) -> Iterator[str]:
    """No node goes to a zone without nodes where the fleet has as many zones as it may use, or to one beyond these."""
    for part in parts(case, plan):
        fleet = part.document
        if not isinstance(fleet, FleetRequest) or fleet.placement.max_zones is None:
            continue
        there = rules.per_zone(i.zone for i in case.snapshot.instances if i.fleet == fleet.name)
        final = _final(fleet, part.plan, case)
        if len(final) > max(fleet.placement.max_zones, len(there)):
            yield f"{part.plan.name} is in {len(final)} zones of at most {fleet.placement.max_zones}"
        beyond = {node.zone for node in part.plan.placements}.intersection(rules.too_many(fleet, case.snapshot))
        if beyond:
            yield f"{part.plan.name} gets nodes in {sorted(map(str, beyond))}, beyond {fleet.placement.max_zones} zones"


def shares_are_kept(case: Case, plan: Plan) -> Iterator[str]:
    """No zone that gets a node ends with more than its share."""
    for part in parts(case, plan):
        fleet = part.document
        if not isinstance(fleet, FleetRequest) or fleet.placement.max_share is None:
            continue
        final = _final(fleet, part.plan, case)
        most = rules.share(max(fleet.nodes, sum(final.values())), fleet.placement.max_share)
        for zone in {node.zone for node in part.plan.placements}:
            if final[zone] > most:
                yield f"{part.plan.name} has {final[zone]} nodes in {zone}, allowed {most}"


def skew_is_kept(case: Case, plan: Plan) -> Iterator[str]:
    """No eligible zone that gets a node ends more than the allowed skew above another one."""
    for part in parts(case, plan):
        fleet = part.document
        if not isinstance(fleet, FleetRequest) or fleet.placement.strategy is not Strategy.SPREAD:
            continue
        final = _final(fleet, part.plan, case)
        eligible = rules.eligible(fleet.requirements, case.snapshot)
        counts = sorted((final.get(zone, 0) for zone in eligible), reverse=True)
        if fleet.placement.max_zones is not None:
            apart = sum(zone not in eligible for zone, count in final.items() if count)
            counts = counts[: max(1, fleet.placement.max_zones - apart)]
        least = min(counts, default=0)
        for zone in {node.zone for node in part.plan.placements}:
            skew = final[zone] - least
            allowed = fleet.placement.on_shortage is OnShortage.BEST_EFFORT
            if skew > fleet.placement.max_skew and not (allowed and (part.plan.shortfall or part.plan.notes)):
                yield f"{part.plan.name} has skew {skew} in {zone}, allowed {fleet.placement.max_skew}"
        required = rules.least_zones(fleet)
        serving = len(rules.serving(fleet, case.snapshot))
        if part.plan.placements and serving < required:
            yield f"{part.plan.name} is placed over {serving} zones, and asked for {fleet.placement.min_zones}"
        before = [i.zone for i in case.snapshot.instances if i.fleet == fleet.name]
        further = {node.zone for node in part.plan.placements}.difference(before)
        least = min((fleet.placement.min_zones or 0) - len(set(before)), fleet.nodes - len(before))
        if len(further) < min(least if before else required, len(part.plan.placements)):
            yield f"{part.plan.name} gets {len(further)} further zones, and is to hold {fleet.placement.min_zones}"


def enough_survive(case: Case, plan: Plan) -> Iterator[str]:
    """After the loss of any k zones enough nodes are left."""
    for part in parts(case, plan):
        fleet = part.document
        if not isinstance(fleet, FleetRequest) or not fleet.placement.survive_zones:
            continue
        final = _final(fleet, part.plan, case)
        if part.plan.shortfall is not None:
            if part.plan.placements:
                yield f"{part.plan.name} does not survive and yet buys"
            continue
        for lost in combinations(final, min(fleet.placement.survive_zones, len(final))):
            left = sum(count for zone, count in final.items() if zone not in lost)
            if left < fleet.nodes:
                yield f"{part.plan.name} has {left} nodes after the loss of {[str(zone) for zone in lost]}"


def volumes_lie_with_their_nodes(case: Case, plan: Plan) -> Iterator[str]:
    """Each mount of a placed node has one of its volumes, and it lies in the node's zone and may be had there."""
    homes = {volume.name: volume.zone for volume in case.snapshot.volumes}
    new = {p.document.name: p for p in parts(case, plan) if isinstance(p.document, VolumeRequest)}
    homes |= {name: part.plan.zone for name, part in new.items() if part.plan.zone is not None and name not in homes}
    for name, part in new.items():
        assert isinstance(part.document, VolumeRequest)
        if part.plan.zone is not None and part.plan.zone not in rules.volume_homes(part.document, case.snapshot):
            yield f"{name} lies where it may not: {part.plan.zone}"
    for part in parts(case, plan):
        if not isinstance(part.document, RunRequest):
            continue
        mounts = {node.rank: node.mounts for node in part.document.nodes}
        for node in part.plan.placements:
            if len(node.volumes) != len(mounts[node.node]):
                yield f"{part.plan.name}/{node.node} has {node.volumes} for {len(mounts[node.node])} mounts"
            for name, mount in zip(node.volumes, mounts[node.node], strict=False):
                if name not in mount.volumes:
                    yield f"{part.plan.name}/{node.node} mounts {name}, which it did not ask for"
                if homes.get(name) != node.zone:
                    yield f"{part.plan.name}/{node.node} is in {node.zone} and its volume {name} in {homes.get(name)}"


def volumes_wait_if_they_shall(case: Case, plan: Plan) -> Iterator[str]:
    """A volume that waits for its first consumer has a zone when a node mounts it; any other has one anyway."""
    mounted = {name for d in plan.documents for node in d.placements for name in node.volumes}
    existing = {volume.name for volume in case.snapshot.volumes}
    for part in parts(case, plan):
        volume = part.document
        if not isinstance(volume, VolumeRequest) or volume.name in existing or part.plan.shortfall is not None:
            continue
        waits = volume.binding is Binding.WAIT and volume.availability_zone is None and volume.name not in mounted
        if waits != (part.plan.zone is None):
            yield f"{volume.name} waits: {waits}, and has the zone {part.plan.zone}"


def volumes_are_not_shared(case: Case, plan: Plan) -> Iterator[str]:
    """A volume that serves one instance at a time is mounted once, and where it is attached."""
    existing = {volume.name: volume for volume in case.snapshot.volumes}
    users = Counter(name for d in plan.documents for node in d.placements for name in node.volumes)
    where = {name: node for d in plan.documents for node in d.placements for name in node.volumes}
    for name, count in users.items():
        volume = existing.get(name)
        multi = volume.multi_attach if volume else rules.shares(where[name].zone.backend, case.snapshot)
        if count > 1 and not multi:
            yield f"{name} is mounted {count} times"
        if volume and volume.attached_to and not multi and where[name].instance not in volume.attached_to:
            yield f"{name} is attached to {volume.attached_to} and mounted elsewhere"


def limits_are_kept(case: Case, plan: Plan) -> Iterator[str]:
    """Offers' numbers, zones' capacities and quotas are never exceeded by all documents together."""
    nodes = [node for _, node in bought(plan)]
    for key, count in Counter((n.zone, n.instance_type, n.market, n.price) for n in nodes).items():
        like = offers_like(next(n for n in nodes if (n.zone, n.instance_type, n.market, n.price) == key), case)
        if all(offer.count is not None for _, offer in like) and count > sum(offer.count or 0 for _, offer in like):
            yield f"{count} of {key[1].name} in {key[0]} are bought, and there are fewer"
    for zone in {node.zone for node in nodes}:
        free = rules.free_in(zone, case.snapshot)
        used = sum((node.instance_type.capacity for node in nodes if node.zone == zone), Capacity())
        if free is not None and not Capacity(free.cpus + 1e-6, free.memory_gb + 1e-6, free.gpus).covers(used):
            yield f"{zone} has {free} left, and {used} is planned"
    for quota in case.snapshot.quotas:
        spent = sum(n.instance_type.cpus for n in nodes if rules.quota_of(n.zone, n.market, case.snapshot) == quota)
        if spent > max(0, quota.limit_cpus - quota.used_cpus) + 1e-6:
            yield f"{spent} CPUs are planned against {quota}"


def instances_are_used_once(case: Case, plan: Plan) -> Iterator[str]:
    """Idle instances and planned nodes serve one node of a run each, and a run uses only what it may."""
    instances = {instance.id: instance for instance in case.snapshot.instances}
    used = [n.instance for d in plan.documents for n in d.placements if n.source is Source.EXISTING]
    planned = [(n.fleet, n.fleet_node) for d in plan.documents for n in d.placements if n.source is Source.PLANNED]
    yield from (f"{name} is used twice" for name, count in Counter([*used, *planned]).items() if count > 1)
    fleets = {(d.name, n.node): n for d in plan.documents if d.kind is DocumentKind.FLEET for n in d.placements}
    for part in parts(case, plan):
        run = part.document
        if not isinstance(run, RunRequest):
            continue
        usable = {instance.id for instance in rules.idle_for(run, case.snapshot)}
        for node in part.plan.placements:
            name = f"{part.plan.name}/{node.node}"
            if node.source is Source.NEW and not rules.may_buy(run):
                yield f"{name} is bought, and the run may not buy"
            if node.source is Source.EXISTING:
                instance = instances[node.instance or ""]
                if instance.id not in usable or instance.zone != node.zone:
                    yield f"{name} uses {instance.id}, and may not"
            if node.source is Source.PLANNED:
                base = fleets.get((node.fleet or "", node.fleet_node or 0))
                fits = rules.machine_allowed(
                    node.instance_type, node.market, base.price if base else 0, run.requirements
                )
                same = base is not None and (base.zone, base.instance_type) == (node.zone, node.instance_type)
                if not same or not fits or not rules.may_use_fleet(run, node.fleet or ""):
                    yield f"{name} uses {node.fleet}-{node.fleet_node}, and may not"


def every_zone_is_told(case: Case, plan: Plan) -> Iterator[str]:
    """Every zone is used, or has exactly one reason, or holds nodes of the fleet and takes no more."""
    for part in parts(case, plan):
        used = {node.zone for node in part.plan.placements}
        holding = {i.zone for i in case.snapshot.instances if i.fleet == part.plan.name} - used
        if not isinstance(part.document, FleetRequest):
            holding = set()
        if isinstance(part.document, VolumeRequest):
            if part.plan.zone is None and part.plan.shortfall is None:
                continue
            used |= {part.plan.zone} if part.plan.zone is not None else set()
        told = Counter(refusal.zone for refusal in part.plan.refusals)
        for zone in rules.zones_of(case.snapshot):
            if zone in holding and told[zone] <= 1:
                continue
            if told[zone] != (0 if zone in used else 1):
                yield f"{part.plan.name} tells of {zone} {told[zone]} times, and uses it: {zone in used}"


def no_cheaper_offer_is_left(case: Case, plan: Plan) -> Iterator[str]:
    """A dearer offer never wins over a cheaper one in the same zone that is there to be had in its place."""
    new = list(bought(plan))
    for part in parts(case, plan):
        if isinstance(part.document, VolumeRequest):
            continue
        allowed = rules.buyable(part.document.requirements, case.snapshot)
        for node in part.plan.placements:
            if node.source is not Source.NEW:
                continue
            for _, offer in allowed:
                if offer.zone == node.zone and offer.price < node.price - 1e-9 and _spare(offer, node, new, case):
                    users = _users(part.plan.name, node, plan, case)
                    if all(rules.machine_allowed(offer.instance_type, offer.market, offer.price, u) for u in users):
                        yield f"{part.plan.name}/{node.node} is {node.instance_type}, not {offer.instance_type}"


def _users(fleet: str, node: NodePlacement, plan: Plan, case: Case) -> list[Requirements]:
    """What the runs on this planned node ask for."""
    runs = {d.name: d for d in case.request.documents if isinstance(d, RunRequest)}
    return [
        runs[d.name].requirements
        for d in plan.documents
        if d.kind is DocumentKind.RUN
        for n in d.placements
        if n.source is Source.PLANNED and (n.fleet, n.fleet_node) == (fleet, node.node)
    ]


def _spare(offer: Offer, node: NodePlacement, new: list[tuple[DocumentPlan, NodePlacement]], case: Case) -> bool:
    """True when one machine of this offer fits in place of this node."""
    others = [other for _, other in new if other is not node]
    same = [o for o in others if (o.zone, o.instance_type, o.market) == (offer.zone, offer.instance_type, offer.market)]
    if offer.count is not None and len(same) >= offer.count:
        return False
    free = rules.free_in(offer.zone, case.snapshot)
    here = sum((o.instance_type.capacity for o in others if o.zone == offer.zone), offer.instance_type.capacity)
    if free is not None and not free.covers(here):
        return False
    quota = rules.quota_of(offer.zone, offer.market, case.snapshot)
    if quota is None:
        return True
    spent = sum(o.instance_type.cpus for o in others if rules.quota_of(o.zone, o.market, case.snapshot) == quota)
    return spent + offer.instance_type.cpus <= quota.limit_cpus - quota.used_cpus


ALL: tuple[Check, ...] = (
    answers_every_document,
    only_allowed_offers,
    fleets_have_their_nodes,
    runs_have_their_nodes,
    runs_are_spread,
    clusters_stay_together,
    skew_is_kept,
    few_zones_are_used,
    shares_are_kept,
    enough_survive,
    volumes_lie_with_their_nodes,
    volumes_wait_if_they_shall,
    volumes_are_not_shared,
    limits_are_kept,
    instances_are_used_once,
    every_zone_is_told,
    no_cheaper_offer_is_left,
)
