"""Is it true what is said of prices, markets and of what stands in the way now: failures, quotas, capacities?"""

from collections.abc import Sequence
from dataclasses import replace

from atoll.model.offer import UNKNOWN_PRICE, Availability, Market, Offer
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.reasons.words import limit, money
from atoll.planning.request import (
    Requirements,
    SpotPolicy,
)
from atoll.planning.snapshot import ExistingInstance
from tests.planning import rules
from tests.planning.truth.said import Said, left, new_machines


def market(said: Said) -> bool:
    """Nothing as spot here: no spot offer of the zone; or only none of those that would do otherwise."""
    things: Sequence[Offer | ExistingInstance] = said.instances if said.refusal.data.get("reuse") else said.offers
    spot = said.requirements.spot_policy is SpotPolicy.SPOT
    allowed = [thing for thing in things if (thing.market is Market.SPOT) == spot]
    if said.refusal.data["joint"]:
        return not any(rules.type_allowed(thing.instance_type, said.requirements) for thing in allowed)
    text = refusal_text(said.refusal)
    return not allowed and ("spot only" not in text or bool(things)) and ("offered here" not in text or not things)


def price(said: Said) -> bool:
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


def price_unknown(said: Said) -> bool:
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
    return any(o.zone == said.zone and left(o, said) for _, o in rules.buyable(requirements, case.snapshot))


def not_offered(said: Said) -> bool:
    kind = said.refusal.data["instance_type"]
    if kind is None:
        return not said.offers
    market = said.refusal.data.get("market")
    failed = [f for f in said.case.snapshot.failures if f.kind.value == "not-offered"]
    here = [o for o in said.offers if o.instance_type.name == kind and market in (None, o.market)]
    return not any(not any(rules.left_out(o, f, said.case.snapshot) for f in failed) for o in here)


def unavailable(said: Said) -> bool:
    """Nothing of that type and market is to be had; `count` of it are, and the plan uses them all."""
    data = said.refusal.data
    like = [o for o in said.offers if (o.instance_type.name, o.market) == (data["instance_type"], data["market"])]
    if not data.get("count"):
        return bool(like) and all(o.availability is Availability.UNAVAILABLE or o.count == 0 for o in like)
    used = sum(
        (z, k.name, m) == (said.zone, data["instance_type"], data["market"]) for z, k, m in new_machines(said.answer)
    )
    return sum(o.count or 0 for o in like) == data["count"] == used


def recent_failure(said: Said) -> bool:
    """A failure of that kind and end keeps the offer out."""
    data, snapshot = said.refusal.data, said.case.snapshot
    like = [o for o in said.offers if (o.instance_type.name, o.market) == (data["instance_type"], data["market"])]
    if (said.zone.backend, said.zone.region, said.zone.name) in rules.dry_zones(snapshot):
        return bool(like)
    kinds = [f for f in snapshot.failures if f.kind.value == data.get("kind")]
    return any(rules.left_out(o, f, snapshot) for o in like for f in kinds)


def quota(said: Said) -> bool:
    """So much of the quota is left beside the plan, and less than the type needs."""
    data, snapshot = said.refusal.data, said.case.snapshot
    if data.get("kind"):
        return any(f.kind.value == data["kind"] for f in snapshot.failures)
    place = (said.zone.backend, data["region"], data["market"])
    quota = next((q for q in snapshot.quotas if (q.backend, q.region, q.market) == place), None)
    if quota is None:
        return False
    before = quota.limit_cpus - quota.used_cpus
    spent = sum(kind.cpus for z, kind, m in new_machines(said.answer) if rules.quota_of(z, m, snapshot) == quota)
    cpus = {o.instance_type.cpus for o in said.offers if o.instance_type.name == data["instance_type"]}
    # Beyond the quota alone, or with what this plan takes of it.
    left = {max(0, before), max(0, before - spent)}
    needed = data["needed"]
    return data["free"] in left and isinstance(needed, int | float) and needed in cpus and needed > before - spent


def capacity(said: Said) -> bool:
    """The zone has so much in all, of which so much is used, and the type needs more than what is left."""
    data = said.refusal.data
    total, free = rules.total_of(said.zone, said.case.snapshot), rules.free_in(said.zone, said.case.snapshot)
    if total is None or free is None:
        return False
    name = str(data["resource"])
    used = sum(getattr(kind.capacity, name) for z, kind, _ in new_machines(said.answer) if z == said.zone)
    whole, left = getattr(total, name), getattr(free, name) - used
    needed, told = data["needed"], data["used"]
    assert isinstance(needed, int | float)
    assert isinstance(told, int | float)
    kinds = [o.instance_type for o in said.offers if o.instance_type.name == data["instance_type"]]
    if data["total"] != whole or not any(getattr(k.capacity, name) == needed for k in kinds):
        return False
    return bool(needed > whole or (abs(told - (whole - left)) < 1e-9 and needed > left))
