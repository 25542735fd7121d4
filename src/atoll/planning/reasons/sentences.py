"""Why a zone or an offer is not used, in one sentence of its code and facts.

It stands beside the zone's name and does not repeat it. Each sentence about a zone is true of all that the zone offers.
"""

from collections.abc import Callable, Mapping

from atoll.model.offer import UNKNOWN_PRICE
from atoll.planning.plan import Refusal, RefusalCode
from atoll.planning.reasons import words
from atoll.planning.reasons.words import Facts

UNITS = {"cpus": "CPUs", "memory_gb": "GB of memory", "gpus": "GPUs"}


def refusal_text(refusal: Refusal) -> str:
    """Why a zone or an offer is not used."""
    holds = words.number(refusal.data, "holds")
    text = sentence(refusal.code, refusal.data)
    # It may stand beside the names of several zones.
    return f"{words.count(holds, 'node')} here, no more: {text}" if holds else text


def sentence(code: str, data: Facts) -> str:
    """The sentence of this code with these facts."""
    try:
        known = RefusalCode(code)
    except ValueError:
        return code
    if known in _RESOURCES:
        return _resource(known, data)
    if known in _STATES:
        return _state(_STATES[known], data)
    return _SENTENCES[known](data)


_UNITS = {
    RefusalCode.CPU: ("CPU", "CPUs"),
    RefusalCode.MEMORY: ("GB of memory", "GB of memory"),
    RefusalCode.DISK: ("GB of disk", "GB of disk"),
    RefusalCode.GPU_COUNT: ("GPU", "GPUs"),
}


_RESOURCES = frozenset(
    {*_UNITS, RefusalCode.ARCH, RefusalCode.GPU, RefusalCode.GPU_MEMORY, RefusalCode.GPU_NAME}
    | {RefusalCode.GPU_VENDOR, RefusalCode.GPU_CAPABILITY}
)


def _resource(code: RefusalCode, data: Facts) -> str:
    """The required amount, and those of a zone's instance types, its instances, or the refused offers."""
    noun = "instance" if data.get("reuse") else "instance type"
    if data.get("offers"):
        return f"needs {_required(code, data)}, these have {_had(code, data) or 'none'}"
    if data.get("joint"):
        return f"no {noun} here has {_required(code, data)} and meets the other requirements"
    if code in _UNITS or code is RefusalCode.GPU_MEMORY:
        return _extreme(code, data, noun)
    if code is RefusalCode.GPU:
        return f"no {noun} here has GPUs"
    if code is RefusalCode.GPU_CAPABILITY:
        return f"needs {_required(code, data)}, the highest here is {data.get('most') or 'unknown'}"
    return f"needs {_required(code, data)}, the {noun}s here have {_had(code, data)}"


def _extreme(code: RefusalCode, data: Facts, noun: str) -> str:
    """The largest is too small, the smallest too large, or the range lies between them."""
    least, most, low, high = (data.get(key) for key in ("least", "most", "min", "max"))
    if code is RefusalCode.GPU_MEMORY and not data.get("total"):
        noun = "GPU"
    end = " GB" if code in (RefusalCode.MEMORY, RefusalCode.DISK, RefusalCode.GPU_MEMORY) else ""
    required = _required(code, data)
    if isinstance(most, int | float) and isinstance(low, int | float) and most < low:
        return f"needs {required}, the largest {noun} here has {words.amount(most)}{end}"
    if isinstance(least, int | float) and isinstance(high, int | float) and least > high:
        return f"needs {required}, the smallest {noun} here has {words.amount(least)}{end}"
    return f"no {noun} here has {required}"


def _required(code: RefusalCode, data: Facts) -> str:
    """The required amount, with its unit."""
    wanted = str(data.get("wanted"))
    if code in _UNITS:
        amount = words.span(wanted)
        return f"{amount} {_UNITS[code][0 if amount.split()[-1] == '1' else 1]}"
    match code:
        case RefusalCode.GPU_MEMORY:
            return (
                f"{words.span(wanted)} GB of GPU memory in all"
                if data.get("total")
                else f"a GPU of {words.span(wanted)} GB"
            )
        case RefusalCode.GPU:
            return "a GPU" if words.span(wanted) == "1" else f"{words.span(wanted)} GPUs"
        case RefusalCode.GPU_NAME:
            return f"{words.names(data, 'wanted', ' or ')} GPUs"
        case RefusalCode.GPU_VENDOR:
            return f"{wanted} GPUs"
        case RefusalCode.GPU_CAPABILITY:
            return f"a GPU with compute capability {wanted}"
        case _:
            return f"{wanted} CPUs"


def _had(code: RefusalCode, data: Facts) -> str:
    least, most = data.get("least"), data.get("most")
    if code is RefusalCode.GPU_CAPABILITY:
        return str(most or "unknown")
    if least is None or most is None:
        return words.names(data, "has", " and ")
    return words.amount(least) if least == most else f"{words.amount(least)} to {words.amount(most)}"


_STATES = {
    RefusalCode.NOT_OPTED_IN: "the account has not opted in to this zone",
    RefusalCode.GONE: "the backend does not list this zone",
    RefusalCode.DRAINED: "drained",
    RefusalCode.CLOSED: "closed",
    RefusalCode.IMPAIRED: "impaired",
}


def _state(word: str, data: Facts) -> str:
    if word == _STATES[RefusalCode.GONE] and data.get("reason"):
        return str(data["reason"])
    until = f", until {words.clock(data, 'until')}" if data.get("until") else ""
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"{word}{until}{reason}"


def _price(data: Facts) -> str:
    price, limit = data.get("price"), data.get("max_price")
    here = words.money(price) if isinstance(price, int | float) else "more"
    most = words.limit(limit) if isinstance(limit, int | float) else "the limit"
    subject = _named(data)
    if data.get("reuse"):
        subject = "the instance here" if data.get("count") == 1 else "the cheapest instance here"
    text = f"{subject} costs {here}/h, above max_price {most}"
    besides = data.get("besides")
    if besides == RefusalCode.INSTANCE_BUSY:
        return f"{text}, and is busy" if data.get("count") == 1 else f"{text}, and all are busy"
    return f"{text}; besides, {sentence(str(besides), data)}" if besides else text


def _price_unknown(data: Facts) -> str:
    limit = data.get("max_price")
    kept = f"max_price {words.limit(limit)}" if isinstance(limit, int | float) else "max_price"
    if data.get("reuse"):
        subject = "the instance here" if data.get("count") == 1 else "the instances here"
    else:
        subject = _named(data)
    text = f"the price of {subject} is not known, so {kept} cannot be kept"
    return f"{text}; besides, {sentence(str(data['besides']), data)}" if data.get("besides") else text


def _named(data: Facts) -> str:
    """An instance type, with its market where that is not on-demand."""
    market = data.get("market")
    kind = str(data.get("instance_type") or "the cheapest offer")
    return f"{kind} ({market})" if market not in (None, "on-demand") else kind


def _unavailable(data: Facts) -> str:
    if data.get("count"):
        kind, count = data["instance_type"], words.amount(data["count"])
        spot = " as spot" if data.get("market") == "spot" else ""
        return f"only {count} {kind} available{spot}, all used by this plan"
    return f"{_named(data)} is not available now"


def _not_offered(data: Facts) -> str:
    if data.get("instance_type") is None:
        return "nothing is offered in this zone"
    return f"{_named(data)} is not offered in this zone"


_KINDS = {
    "capacity-unavailable": "had no capacity",
    "quota-exceeded": "had no quota left",
    "not-offered": "offers nothing",
    "throttled": "was throttled",
    "auth-failed": "refused the credentials",
    "unavailable": "did not answer",
    "interrupted": "was interrupted by the provider",
}


def _failed(data: Facts) -> str:
    subject = {
        "offer": _named(data) if data.get("only") else str(data.get("instance_type")),
        "zone": "the zone",
        "region": "the region",
        "backend": "the backend",
    }.get(str(data.get("scope")), "it")
    what = _KINDS.get(str(data.get("kind")), "failed")
    if data.get("volumes"):
        what = f"{what} for volumes"
    # The count of a failure that is a zone's is that of the types which it was concluded from.
    often = words.number(data, "count") if data.get("scope") == "offer" else 1
    at, until = words.clock(data, "at"), words.clock(data, "until", "at")
    if at == until:
        at, until = (words.clock(data, key, seconds=True) for key in ("at", "until"))
    if data.get("only") and data.get("scope") != "offer":
        subject = f"{subject} ({data['only']})"
    out = f"left out until {until}" if until else "left out until that is fixed"
    when = f"{often} times, last at {at}" if often > 1 else f"at {at}"
    return f"{subject} {what} {when}, {out}"


def _quota(data: Facts) -> str:
    market = f"{data['market']} " if data.get("market") else ""
    quota = f"the {market}quota of {data.get('region')}"
    if data.get("kind"):
        until = f", left out until {words.clock(data, 'until', 'at')}" if data.get("until") else ""
        return f"{quota} was exceeded at {words.clock(data, 'at')}{until}"
    free, limit = words.amount(data.get("free")), words.amount(data.get("limit"))
    needs = f"{data['instance_type']} needs" if data.get("instance_type") else "the smallest instance needs"
    return f"{quota} has {free} of {limit} vCPUs left, {needs} {words.amount(data.get('needed'))}"


def _used(data: Facts) -> str:
    unit = UNITS[str(data["resource"])]
    total, used, needed = (words.quantity(data, key) for key in ("total", "used", "needed"))
    kind = data.get("instance_type")
    if needed > total:
        return f"{kind or 'it'} needs {words.amount(needed)} {unit}, the zone has {words.amount(total)}"
    needs = f", {kind} needs {words.amount(needed)}" if kind else ""
    return f"{words.amount(used)} of {words.amount(total)} {unit} are used{needs}"


def _cluster(data: Facts) -> str:
    if data.get("home"):
        return f"the cluster is in {data['home']}"
    if "fits" in data:
        return _part(data)
    nodes = words.number(data, "wanted")
    wanted = words.count(nodes, "node")
    if nodes == 1:
        return (
            "cannot take the node with its volumes"
            if data.get("spare")
            else "its machines go to other runs of the plan"
        )
    match data.get("strategy"):
        case "cluster":
            return f"cannot take all of {wanted}"
        case "region":
            return f"the zones of {data.get('region')} cannot take {wanted} together"
        case "spread":
            return f"{wanted} cannot be even over the zones of {data.get('region')}"
        case _:
            return f"the zones that can serve cannot take {wanted} together"


def _part(data: Facts) -> str:
    """How many of the nodes that a group lacks would fit, and what is in the way of more."""
    places = {"region": f"the zones of {data.get('region')} ", "any": "the zones that can serve "}
    where = places.get(str(data.get("strategy")), "")
    text = f"{where}can take {words.number(data, 'fits')} of {words.count(words.number(data, 'wanted'), 'node')}"
    match data.get("then"):
        case None:
            return text
        case RefusalCode.UNAVAILABLE:
            return f"{text}, and no more {data.get('instance_type')} is available"
        case code:
            return f"{text}, then {sentence(str(code), data)}"


def _spread(data: Facts) -> str:
    if data.get("min_zones"):
        zones = words.count(words.number(data, "eligible"), "zone")
        return f"suitable, but min_zones is {words.number(data, 'min_zones')} and only {zones} can serve"
    if data.get("max_zones"):
        return f"suitable, but max_zones is {words.number(data, 'max_zones')}"
    if data.get("allowed"):
        return f"suitable, but max_share allows {words.count(words.number(data, 'allowed'), 'node')} in one zone"
    if words.number(data, "fits") < words.number(data, "wanted"):
        return _part(data)
    return "suitable, but the nodes do not fit as the placement requires"


def _not_needed(data: Facts) -> str:
    price, chosen = data.get("price"), data.get("chosen")
    match data.get("why"):
        case "dearer" if price == UNKNOWN_PRICE:
            return "suitable, but its price is not known"
        case "dearer" if isinstance(price, int | float) and isinstance(chosen, int | float):
            return f"suitable, but costs {words.money(price)}/h instead of {words.money(chosen)}/h"
        case "equal":
            return "suitable at the same price"
        case "reuse":
            return "suitable, but an existing instance is reused"
        case "planned":
            return "suitable, but an instance of a planned fleet is used"
        case "together":
            return f"suitable, but the nodes are together in {data.get('home')}"
        case "consumer":
            return f"suitable, but what uses it is in {data.get('home')}"
        case "complete":
            return "suitable, but no new nodes are needed"
        case _:
            return "suitable, not needed"


def _volume_zone(data: Facts) -> str:
    volumes, zones = data.get("volumes"), words.names(data, "zones", " or ")
    if not zones:
        return f"volume {words.quoted(data, 'volumes')} does not exist"
    if isinstance(volumes, tuple) and len(volumes) > 1:
        return f"none of {words.quoted(data, 'volumes', ', ')} can be here"
    return f"volume {words.quoted(data, 'volumes')} {'can only be' if data.get('waiting') else 'is'} in {zones}"


def _market(data: Facts) -> str:
    spot = data.get("wanted") == "spot"
    if data.get("offers"):
        return "not offered as spot" if spot else "offered as spot, and spot_policy is on-demand"
    if data.get("reuse"):
        which = "suitable instances" if data.get("joint") else "instances"
        return f"the {which} here are {'not spot' if spot else 'spot'}, and spot_policy is {data.get('wanted')}"
    if data.get("joint"):
        return f"nothing that meets the requirements is offered as {'spot' if spot else 'on-demand'} here"
    if spot:
        return "nothing is offered as spot here"
    return "offered as spot only, and spot_policy is on-demand" if data.get("has") else "nothing is offered here"


def _busy(data: Facts) -> str:
    which = "suitable " if data.get("joint") else ""
    if data.get("free"):
        has = f"{data['free']} of {data['blocks']} blocks free, and the run needs {data['needed']}"
        return (
            f"the {which}instance here has {has}"
            if data.get("count") == 1
            else f"of the {which}instances here, the freest has {has}"
        )
    return f"the {which}instance here is busy" if data.get("count") == 1 else f"all {which}instances here are busy"


def _instance_type(data: Facts) -> str:
    names = words.names(data, "wanted", " or ")
    return f"no instance here is of type {names}" if data.get("reuse") else f"has no instance type {names}"


def _containers(data: Facts) -> str:
    named = data.get("machines")
    more = words.number(data, "count") - len(named) if isinstance(named, tuple) else 0
    return f"no Docker or Podman on {words.names(data, 'machines')}{f' and {more} more' if more > 0 else ''}"


_SENTENCES: Mapping[RefusalCode, Callable[[Facts], str]] = {
    RefusalCode.BACKEND: lambda data: "not in backends",
    RefusalCode.REGION: lambda data: "not in regions",
    RefusalCode.OWNED: lambda data: "its hosts belong to the fleets that declare them",
    RefusalCode.NO_ZONES: lambda data: "this backend has regions only: availability_zones leaves it out",
    RefusalCode.ZONE: lambda data: "not in availability_zones",
    RefusalCode.ZONE_EXCLUDED: lambda data: "excluded by availability_zones",
    RefusalCode.INSTANCE_TYPE: _instance_type,
    RefusalCode.CONTAINERS: _containers,
    RefusalCode.MARKET: _market,
    RefusalCode.PRICE_UNKNOWN: _price_unknown,
    RefusalCode.PRICE: _price,
    RefusalCode.NOT_OFFERED: _not_offered,
    RefusalCode.UNAVAILABLE: _unavailable,
    RefusalCode.QUOTA: _quota,
    RefusalCode.RECENT_FAILURE: _failed,
    RefusalCode.VOLUME_ZONE: _volume_zone,
    RefusalCode.VOLUME_ATTACHED: lambda data: (
        f"volume `{data.get('volume')}` is used by another run of the plan"
        if data.get("run")
        else f"volume `{data.get('volume')}` is attached to {words.names(data, 'instances')}"
    ),
    RefusalCode.NO_VOLUMES: lambda data: f"{data.get('backend')} has no volumes",
    RefusalCode.CLUSTER: _cluster,
    RefusalCode.CAPACITY_USED: _used,
    RefusalCode.INSTANCE_BUSY: _busy,
    RefusalCode.FLEET: lambda data: (
        f"no instance of {words.names(data, 'fleets', ' or ')} here"
        if data.get("fleets")
        else "no instance that the run may use is here"
    ),
    RefusalCode.SPREAD: _spread,
    RefusalCode.NOT_NEEDED: _not_needed,
}
