"""All text that a plan shows, made from its codes and facts and from nothing else.

The server sends it beside the codes, the command line prints it. A sentence about a zone stands beside the zone's name
and does not repeat it.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime

from atoll.model.zone import Zone
from atoll.planning.plan import Cure, DocumentKind, Fact, Refusal, RefusalCode, Shortfall, ShortfallCode

Facts = Mapping[str, Fact]

UNITS = {"cpus": "CPUs", "memory_gb": "GB of memory", "gpus": "GPUs"}


def refusal_text(refusal: Refusal) -> str:
    """Why a zone or an offer is not used."""
    return _text(refusal.code, refusal.data)


def _text(code: str, data: Facts) -> str:
    try:
        known = RefusalCode(code)
    except ValueError:
        return code
    if known in _AMOUNTS:
        return _amount(known, data)
    if known in _STATES:
        return _state(_STATES[known], data)
    return _SENTENCES[known](data)


def shortfall_text(kind: DocumentKind, name: str, shortfall: Shortfall) -> str:
    """Why a document does not fit as asked, in one sentence."""
    return f"{kind.value} `{name}` does not fit: {shortfall_reason(kind, shortfall)}"


def shortfall_reason(kind: DocumentKind, shortfall: Shortfall) -> str:
    """The same beside the document's name."""
    data = shortfall.data
    if "growing" in data:
        rest = {key: value for key, value in data.items() if key != "growing"}
        reason = shortfall_reason(DocumentKind.FLEET, replace(shortfall, data=rest, wanted=_number(data, "nodes")))
        return f"fleet `{data['growing']}` cannot grow: {reason}"
    if shortfall.code in _OF_FLEETS:
        return _OF_FLEETS[shortfall.code](data)
    match shortfall.code:
        case ShortfallCode.MIN_ZONES:
            zones = _count(_number(data, "eligible"), "zone")
            asked = _number(data, "wanted")
            return f"min_zones asks for {asked} zones, and {zones} can serve ({_names(data, 'zones')})"
        case ShortfallCode.NOT_ENOUGH:
            return _not_enough(kind, shortfall)
        case ShortfallCode.UNKNOWN_VOLUME:
            return f"there is no volume {_quoted(data, 'volumes')}"
        case ShortfallCode.UNPLACED_VOLUME:
            return f"volume {_quoted(data, 'volumes')} does not fit itself"
        case ShortfallCode.VOLUMES_APART:
            one, other = _names(data, "one_zones", " or "), _names(data, "other_zones", " or ")
            return f"volume `{data['one']}` is in {one}, and volume `{data['other']}` is in {other or 'no zone'}"
        case ShortfallCode.NO_OFFERS:
            return "no backend offers anything"
    if shortfall.code == RefusalCode.VOLUME_ATTACHED:
        return _text(shortfall.code, data)
    zone = data.get("zone")
    where = "" if zone is None else f"{zone}: "
    return f"no zone can serve; the nearest miss is {where}{_text(shortfall.code, data)}"


def _fleet_full(data: Facts) -> str:
    most = data.get("most")
    if most is None:
        return f"fleet {_quoted(data, 'fleets')} may not have more nodes, and too few are free"
    return f"fleet {_quoted(data, 'fleets')} may have {_count(_number(data, 'most'), 'node')}, and too few are free"


_OF_FLEETS: Mapping[str, Callable[[Facts], str]] = {
    ShortfallCode.FLEET_FULL: _fleet_full,
    ShortfallCode.FLEET_HELD: lambda data: f"fleet `{data['fleet']}` is on hold: {data['reason']}",
    ShortfallCode.FLEET_UNSUITED: lambda data: (
        f"no machine that fleet {_quoted(data, 'fleets')} may have meets the run's requirements"
    ),
}


def _not_enough(kind: DocumentKind, shortfall: Shortfall) -> str:
    data = shortfall.data
    if kind is DocumentKind.RUN:
        where = "one zone" if data.get("strategy") == "cluster" else "the zones that can serve"
        return f"{where} cannot take {_count(shortfall.wanted, 'node')}"
    room, wanted = _number(data, "room"), shortfall.wanted
    if data.get("strategy") == "cluster":
        return f"no zone has room for {_count(wanted, 'node')}; {data['zone']} has the most, {room}"
    if _number(data, "survive_zones"):
        lost = _count(_number(data, "survive_zones"), "zone")
        zones = _count(_number(data, "zones"), "zone")
        return f"{wanted} nodes cannot survive the loss of {lost} with what {zones} can hold"
    if room < wanted:
        return f"there is room for {room} of {wanted} nodes"
    skew, least = _number(data, "max_skew"), _number(data, "least")
    return f"{wanted} nodes cannot be spread with a skew of at most {skew}: {data['smallest']} has room for {least}"


def cure_text(cure: Cure) -> str:
    """What to change, and what would fit then."""
    zones = [str(zone) for zone in cure.zones]
    price = f", from {money(cure.price)}/h" if cure.price and cure.requirement != "max_price" else ""
    match len(zones):
        case 0:
            fits = "it fits"
        case 1:
            fits = f"{zones[0]} fits{price}"
        case 2 | 3:
            fits = f"{', '.join(zones)} fit{price}"
        case _:
            fits = f"{len(zones)} zones fit{price}"
    return f"{_change(cure)}: {fits}"


def _change(cure: Cure) -> str:
    if cure.value is None:
        return f"drop `{cure.requirement}`"
    match cure.requirement:
        case "max_price":
            return f"raise `max_price` to {_amount_text(cure.value)}"
        case "nodes":
            return f"lower `nodes` to {cure.value}"
        case _:
            return f"set `{cure.requirement}` to {cure.value}"


def skew_note(skew: int, asked: int) -> str:
    """A spread that could not be as even as asked."""
    return f"spread with a skew of {skew} instead of {asked}: a zone could not take its share"


def survive_note(nodes: int, wanted: int, zones: int) -> str:
    """More nodes than asked for, so that enough remain."""
    lost = "any one zone" if zones == 1 else f"any {zones} zones"
    return f"{_count(nodes, 'node')}, so that {wanted} remain after the loss of {lost}"


def path_note(backend: str) -> str:
    """A backend on which a volume does not appear at its path."""
    return (
        f"on {backend} volumes do not appear at their paths: the job finds each in ATOLL_VOLUME_<NAME>, with the "
        "volume's name in capitals"
    )


def distance_notes(zones: Collection[Zone]) -> tuple[str, ...]:
    """Nodes of one run that lie in several regions."""
    regions = sorted({(zone.backend, zone.region) for zone in zones})
    if len(regions) < 2:
        return ()
    return (f"the nodes lie in {len(regions)} regions; what traffic between them costs is not known",)


def money(price: float) -> str:
    """USD, with as many digits as the price needs: at least two, at most four."""
    text = f"{price:.4f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"${whole}.{part.ljust(2, '0')}"


def _number(data: Facts, key: str) -> int:
    value = data.get(key)
    return int(value) if isinstance(value, int | float) else 0


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def _names(data: Facts, key: str, joint: str = ", ") -> str:
    value = data.get(key)
    return joint.join(value) if isinstance(value, tuple) else str(value or "")


def _quoted(data: Facts, key: str) -> str:
    value = data.get(key)
    names = value if isinstance(value, tuple) else (str(value),)
    return " or ".join(f"`{name}`" for name in names)


def _amount_text(value: Fact) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _clock(data: Facts, key: str, beside: str | None = None, *, seconds: bool = False) -> str:
    """The time of day in UTC; with the date when it is another day than the fact `beside`."""
    value = data.get(key)
    if not isinstance(value, str):
        return ""
    time = datetime.fromisoformat(value)
    other = data.get(beside) if beside else None
    same = not isinstance(other, str) or datetime.fromisoformat(other).date() == time.date()
    day = f"{time:%H:%M:%S}" if seconds else f"{time:%H:%M}"
    return day if same else f"{time:%Y-%m-%d} {day}"


_AMOUNTS = {
    RefusalCode.CPU: ("cpus", "CPU", "CPUs"),
    RefusalCode.MEMORY: ("memory", "GB of memory", "GB of memory"),
    RefusalCode.DISK: ("disk", "GB of disk", "GB of disk"),
    RefusalCode.GPU_COUNT: ("gpus", "GPU", "GPUs"),
    RefusalCode.GPU_MEMORY: ("gpu memory", "GB of GPU memory", "GB of GPU memory"),
}


def _amount(code: RefusalCode, data: Facts) -> str:
    _, one, many = _AMOUNTS[code]
    wanted = str(data.get("wanted"))
    unit = one if wanted == "1" else many
    if data.get("reuse"):
        has = data.get("cpus" if code is RefusalCode.CPU else "memory_gb")
        return f"needs {_range(wanted)} {unit}, the instances here have {_amount_text(has)}"
    least, most, low = data.get("least"), data.get("most"), data.get("min")
    if isinstance(most, int | float) and isinstance(low, int | float) and most < low:
        return f"needs {_range(wanted)} {unit}, the largest instance type here has {_amount_text(most)}"
    if isinstance(least, int | float) and least == most:
        return f"needs {_range(wanted)} {unit}, the instance types here have {_amount_text(most)}"
    if isinstance(least, int | float) and isinstance(low, int | float) and least < low:
        return f"needs {_range(wanted)} {unit}, no instance type here has as many and what else is asked"
    return f"needs {_range(wanted)} {unit}, the smallest instance type here has {_amount_text(least)}"


def _range(text: str) -> str:
    low, dots, high = text.partition("..")
    if not dots:
        return text
    if low and high:
        return f"{low} to {high}"
    return low or f"at most {high}"


_STATES = {
    RefusalCode.NOT_OPTED_IN: "the account has not opted in to this zone",
    RefusalCode.DRAINED: "drained",
    RefusalCode.IMPAIRED: "impaired",
}


def _state(word: str, data: Facts) -> str:
    until = f", until {_clock(data, 'until')}" if data.get("until") else ""
    reason = f": {data['reason']}" if data.get("reason") else ""
    return f"{word}{until}{reason}"


def _price(data: Facts) -> str:
    price = data.get("price")
    limit = data.get("limit")
    here = money(price) if isinstance(price, int | float) else "more"
    most = money(limit) if isinstance(limit, int | float) else "the limit"
    subject = "the instances here cost" if data.get("reuse") else f"{data.get('instance_type')} costs"
    return f"{subject} {here}/h, above max_price {most}"


def _unavailable(data: Facts) -> str:
    if data.get("count"):
        return f"only {_amount_text(data['count'])} {data['instance_type']} to be had, all taken by this plan"
    return f"{data['instance_type']} is not available now"


def _not_offered(data: Facts) -> str:
    if data.get("instance_type") is None:
        return "nothing is offered in this zone"
    return f"{data['instance_type']} is not offered in this zone"


_KINDS = {
    "capacity-unavailable": "had no capacity",
    "quota-exceeded": "had no quota left",
    "not-offered": "offers nothing",
    "throttled": "was throttled",
    "auth-failed": "refused the credentials",
    "unavailable": "did not answer",
}


def _failed(data: Facts) -> str:
    subject = {
        "offer": str(data.get("instance_type")),
        "zone": "the zone",
        "region": "the region",
        "backend": "the backend",
    }.get(str(data.get("scope")), "it")
    what = _KINDS.get(str(data.get("kind")), "failed")
    if data.get("volumes"):
        what = f"{what} for volumes"
    # The count of a failure that is a zone's is that of the types which it was concluded from.
    often = _number(data, "count") if data.get("scope") == "offer" else 1
    at, until = _clock(data, "at"), _clock(data, "until", "at")
    if at == until:
        at, until = (_clock(data, key, seconds=True) for key in ("at", "until"))
    out = f"left out until {until}" if until else "left out until that is cured"
    when = f"{often} times, last at {at}" if often > 1 else f"at {at}"
    return f"{subject} {what} {when}, {out}"


def _quota(data: Facts) -> str:
    region = data.get("region")
    if data.get("kind"):
        until = f", left out until {_clock(data, 'until', 'at')}" if data.get("until") else ""
        return f"the quota of {region} was exceeded at {_clock(data, 'at')}{until}"
    free = max(0.0, float(_amount_or_zero(data, "free")))
    needed, limit = _amount_text(data.get("needed")), _amount_text(data.get("limit"))
    return f"the quota of {region} has {free:g} of {limit} vCPUs left, and {needed} are needed"


def _amount_or_zero(data: Facts, key: str) -> float:
    value = data.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def _used(data: Facts) -> str:
    unit = UNITS[str(data["resource"])]
    total, used, needed = (_amount_or_zero(data, key) for key in ("total", "used", "needed"))
    if needed > total:
        return f"needs {needed:g} {unit}, the zone has {total:g}"
    return f"{used:g} of {total:g} {unit} are used"


def _cluster(data: Facts) -> str:
    if data.get("home"):
        return f"the cluster is in {data['home']}"
    if "fits" in data:
        fits = _number(data, "fits")
        return f"room for {fits} of {_number(data, 'wanted')} nodes"
    wanted = _count(_number(data, "wanted"), "node")
    return f"cannot take all of {wanted}" if data.get("single_zone") else f"cannot take {wanted} with what is left"


def _spread(data: Facts) -> str:
    if data.get("full"):
        return f"fits, but {_names(data, 'full')} cannot take an equal share"
    if "room" in data:
        return f"room for {_number(data, 'room')}, where an equal share is {_number(data, 'share')}"
    if data.get("min_zones"):
        return f"fits, but min_zones asks for {_number(data, 'min_zones')} zones"
    if data.get("survive_zones"):
        return f"fits, but not so that {_count(_number(data, 'survive_zones'), 'zone')} may be lost"
    return "fits, but not all that was asked for"


def _not_needed(data: Facts) -> str:
    price, chosen = data.get("price"), data.get("chosen")
    match data.get("why"):
        case "dearer" if isinstance(price, int | float) and isinstance(chosen, int | float):
            return f"fits, but costs {money(price)}/h instead of {money(chosen)}/h"
        case "equal" if price is not None and price == chosen:
            return "fits at the same price"
        case "reuse":
            return "fits, but an instance that is there already is used"
        case "planned":
            return "fits, but an instance of a planned fleet is used"
        case "consumer":
            return f"fits, but what uses it is in {data.get('home')}"
        case "complete":
            return "fits, but all nodes are there already"
        case _:
            return "fits, and is not needed"


def _volume_zone(data: Facts) -> str:
    volumes, zones = data.get("volumes"), _names(data, "zones", " or ")
    one = isinstance(volumes, tuple) and len(volumes) == 1
    if not zones:
        return f"there is no volume {_quoted(data, 'volumes')}"
    return f"volume {_quoted(data, 'volumes')} is in {zones}" if one else f"none of {_quoted(data, 'volumes')} is here"


def _market(data: Facts) -> str:
    if data.get("wanted") == "spot":
        return "no spot instance is here" if data.get("reuse") else "nothing is offered as spot here"
    if data.get("reuse"):
        return "the instances here are spot, and spot_policy is on-demand"
    return "offered as spot only, and spot_policy is on-demand"


def _has(data: Facts) -> str:
    has = data.get("has")
    return f", the instance types here have {_names(data, 'has')}" if has else ""


_SENTENCES: Mapping[RefusalCode, Callable[[Facts], str]] = {
    RefusalCode.BACKEND: lambda data: "not in backends",
    RefusalCode.REGION: lambda data: "not in regions",
    RefusalCode.NO_ZONES: lambda data: "this backend has regions only: availability_zones leaves it out",
    RefusalCode.ZONE: lambda data: "not in availability_zones",
    RefusalCode.ZONE_EXCLUDED: lambda data: "excluded by availability_zones",
    RefusalCode.INSTANCE_TYPE: lambda data: f"has no instance type {_names(data, 'wanted', ' or ')}",
    RefusalCode.ARCH: lambda data: f"needs {data.get('wanted')} CPUs{_has(data)}",
    RefusalCode.GPU: lambda data: "no instance type here has GPUs",
    RefusalCode.GPU_NAME: lambda data: f"needs a GPU {_names(data, 'wanted', ' or ')}{_has(data)}",
    RefusalCode.GPU_VENDOR: lambda data: f"needs GPUs of {data.get('wanted')}{_has(data)}",
    RefusalCode.GPU_CAPABILITY: lambda data: (
        f"needs compute capability {data.get('wanted')}, the best here is {data.get('most') or 'not told'}"
    ),
    RefusalCode.MARKET: _market,
    RefusalCode.PRICE: _price,
    RefusalCode.NOT_OFFERED: _not_offered,
    RefusalCode.UNAVAILABLE: _unavailable,
    RefusalCode.QUOTA: _quota,
    RefusalCode.RECENT_FAILURE: _failed,
    RefusalCode.VOLUME_ZONE: _volume_zone,
    RefusalCode.VOLUME_ATTACHED: lambda data: (
        f"volume `{data.get('volume')}` is attached to {_names(data, 'instances')}"
    ),
    RefusalCode.NO_VOLUMES: lambda data: f"{data.get('backend')} has no volumes",
    RefusalCode.CLUSTER: _cluster,
    RefusalCode.CAPACITY_USED: _used,
    RefusalCode.INSTANCE_BUSY: lambda data: (
        f"{'the instance' if data.get('count') == 1 else 'all instances'} here "
        f"{'is' if data.get('count') == 1 else 'are'} busy"
    ),
    RefusalCode.FLEET: lambda data: (
        f"no instance of {_names(data, 'fleets', ' or ')} here" if data.get("fleets") else "no instance to be used here"
    ),
    RefusalCode.SPREAD: _spread,
    RefusalCode.NOT_NEEDED: _not_needed,
}
