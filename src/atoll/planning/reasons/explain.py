"""All text that a plan shows of a whole document, made from its codes and facts and from nothing else.

The server sends it beside the codes, the command line prints it. `sentences` has what is said of one zone.
"""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from math import ceil

from atoll.model.offer import UNKNOWN_PRICE
from atoll.model.zone import Zone
from atoll.planning.plan import PASSING, Cure, DocumentKind, DocumentPlan, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.reasons import words
from atoll.planning.reasons.sentences import sentence
from atoll.planning.reasons.words import Facts
from atoll.planning.request import Placement
from atoll.planning.shape import share_over, zones_short


def proof_note(gap: float | None) -> str:
    """How good a plan is that is not proven; `gap` is the share of the best price by which it may be dearer."""
    if gap is None:
        return "the search ended with its budget; a cheaper plan may exist"
    percent = ceil(gap * 1000) / 10
    return f"the search ended with its budget; this plan is at most {percent:.12g} % dearer than the best"


def shortfall_text(kind: DocumentKind, name: str, shortfall: Shortfall) -> str:
    """Why a document does not fit as required, in one sentence."""
    if shortfall.code == ShortfallCode.UNDECIDED:
        return f"{kind.value} `{name}` is {_UNDECIDED}"
    return f"{kind.value} `{name}` does not fit: {shortfall_reason(kind, shortfall)}"


def waiting_text(part: DocumentPlan) -> str:
    """What a document that fits later waits for."""
    assert part.shortfall is not None
    reason = shortfall_reason(part.kind, part.shortfall)
    near = next((refusal for refusal in part.refusals if refusal.code in PASSING), None)
    if part.shortfall.code == ShortfallCode.NOT_ENOUGH and near is not None:
        reason = f"{reason}; the nearest miss is {near.zone}: {sentence(near.code, near.data)}"
    return f"waits: {reason}"


def shortfall_reason(kind: DocumentKind, shortfall: Shortfall) -> str:
    """The same beside the document's name."""
    data = shortfall.data
    if "growing" in data:
        rest = {key: value for key, value in data.items() if key != "growing"}
        reason = shortfall_reason(DocumentKind.FLEET, replace(shortfall, data=rest, wanted=words.number(data, "nodes")))
        return f"fleet `{data['growing']}` cannot grow: {reason}"
    if shortfall.code in _REASONS:
        return _REASONS[shortfall.code](data)
    match shortfall.code:
        case ShortfallCode.MIN_ZONES:
            zones = words.count(words.number(data, "eligible"), "zone")
            least = words.number(data, "wanted")
            return f"min_zones is {least}, and only {zones} can serve ({words.names(data, 'zones')})"
        case ShortfallCode.NOT_ENOUGH:
            return _not_enough(kind, shortfall)
        case ShortfallCode.UNKNOWN_VOLUME:
            return f"volume {words.quoted(data, 'volumes')} does not exist"
        case ShortfallCode.UNPLACED_VOLUME:
            return f"volume {words.quoted(data, 'volumes')} does not fit itself"
        case ShortfallCode.VOLUMES_APART:
            one, other = words.names(data, "one_zones", " or "), words.names(data, "other_zones", " or ")
            return f"volume `{data['one']}` is in {one}, and volume `{data['other']}` is in {other or 'no zone'}"
        case ShortfallCode.NO_OFFERS:
            return "no backend offers anything"
    if shortfall.code == RefusalCode.VOLUME_ATTACHED:
        return sentence(shortfall.code, data)
    zone = data.get("zone")
    where = "" if zone is None else f"{zone}: "
    return f"no zone can serve; the nearest miss is {where}{sentence(shortfall.code, data)}"


def _fleet_full(data: Facts) -> str:
    most, fleets = data.get("most"), data.get("fleets")
    if isinstance(fleets, tuple) and len(fleets) > 1:
        return f"fleets {words.quoted(data, 'fleets', ', ')} may have too few nodes together, and too few are free"
    nodes = "no more nodes" if most is None else words.count(words.number(data, "most"), "node")
    return f"fleet {words.quoted(data, 'fleets')} may have {nodes}, and too few are free"


def _fleet_rule(data: Facts) -> str:
    zones, nodes = words.names(data, "zones"), words.count(words.number(data, "nodes"), "node")
    return f"fleet `{data['fleet']}` cannot get {nodes} for the run in {zones}: {_rule(str(data['rule']), data)}"


def _rule(rule: str, data: Facts) -> str:
    """A rule of a fleet, as its configuration has it."""
    value = data.get("value")
    match rule:
        case "zones":
            return "its zones and its placement leave them out"
        case "availability_zones" | "regions" | "backends":
            return f"not in its `{rule}`"
        case "max_share" if isinstance(value, int | float):
            return f"its `max_share` is {value * 100:.12g}%"
        case _:
            return f"its `{rule}` is {value}"


def _fleet_unsuited(data: Facts) -> str:
    if data.get("suited"):
        return f"fleet {words.quoted(data, 'fleets')} gets no machine where the run and its volumes can be"
    reason = f"no machine that fleet {words.quoted(data, 'fleets')} may have meets the run's requirements"
    if "miss" not in data:
        return reason
    return f"{reason}; the nearest miss is {data['zone']}: {sentence(RefusalCode(str(data['miss'])), data)}"


_UNDECIDED = "not decided within the budget of one plan; it is planned again later"

_REASONS: Mapping[str, Callable[[Facts], str]] = {
    ShortfallCode.UNDECIDED: lambda _: _UNDECIDED,
    ShortfallCode.FLEET_FULL: _fleet_full,
    ShortfallCode.FLEET_HELD: lambda data: f"fleet `{data['fleet']}` is on hold: {data['reason']}",
    ShortfallCode.FLEET_UNSUITED: _fleet_unsuited,
    ShortfallCode.FLEET_RULE: _fleet_rule,
}


def _not_enough(kind: DocumentKind, shortfall: Shortfall) -> str:
    data = shortfall.data
    if kind is DocumentKind.RUN:
        nodes = words.count(shortfall.wanted, "node")
        match data.get("strategy"):
            case "cluster":
                return f"no zone can take {nodes}"
            case "region":
                return f"no region can take {nodes}"
            case "spread":
                skew = words.number(data, "max_skew")
                return f"{nodes} {_do(shortfall.wanted)} not fit in any region with a skew of at most {skew}"
            case _:
                return f"the zones that can serve cannot take {nodes}"
    fits, missing = words.number(data, "fits"), words.number(data, "missing")
    more = " more" if data.get("existing") else ""
    wanted = words.count(missing, f"{more.strip()} node".strip())
    if data.get("strategy") == "cluster":
        if data.get("home"):
            return f"the cluster is in {data['zone']}, which can take {fits} of {wanted}"
        return f"no zone can take {wanted}; {data['zone']} can take the most, {fits}"
    if fits < missing:
        return f"the zones can take {fits} of {wanted}"
    conditions = []
    if data.get("strategy") == "spread":
        conditions.append(f" with a skew of at most {words.number(data, 'max_skew')}")
    if lost := words.number(data, "survive_zones"):
        conditions.append(f" so that {shortfall.wanted} remain after the loss of {words.count(lost, 'zone')}")
    if "cap" in data:
        conditions.append(f" with at most {words.count(words.number(data, 'cap'), 'node')} in each")
    if "min_zones" in data:
        conditions.append(f" in at least {words.count(words.number(data, 'min_zones'), 'zone')}")
    zones = words.count(words.number(data, "zones"), "zone")
    if "max_zones" in data and words.number(data, "max_zones") < words.number(data, "zones"):
        zones = f"{words.number(data, 'max_zones')} of {zones}"
    text = (
        f"{words.count(shortfall.wanted, 'node')} {_do(shortfall.wanted)} not fit in {zones}{' and'.join(conditions)}"
    )
    least = words.number(data, "least")
    return f"{text}; {data['smallest']} can take the fewest, {least}{more}" if least < missing else text


def _do(number: int) -> str:
    return "does" if number == 1 else "do"


def cure_text(cure: Cure) -> str:
    """What to change, and what would fit then."""
    zones = [str(zone) for zone in cure.zones]
    priced = 0 < cure.price < UNKNOWN_PRICE and cure.requirement != "max_price"
    price = f", from {words.money(cure.price)}/h" if priced else ""
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
            return f"raise `max_price` to {words.amount(cure.value)}"
        case "nodes":
            return f"lower `nodes` to {cure.value}"
        case _:
            return f"set `{cure.requirement}` to {cure.value}"


def skew_note(skew: int, wanted: int) -> str:
    """A spread that could not be as even as required."""
    return f"spread with a skew of {skew} instead of {wanted}: a zone could not take its share"


def fewer_zones_note(used: int, shut: Mapping[Zone, RefusalCode]) -> str:
    """A spread that goes on without some of its zones, each with why it takes no node now."""
    words_of = {RefusalCode.IMPAIRED: "impaired", RefusalCode.DRAINED: "drained", RefusalCode.CLOSED: "closed"}
    why = [
        f"{zone} {f'is {words_of[code]}' if code in words_of else 'takes no node now'}" for zone, code in shut.items()
    ]
    return f"spread over {used} of {words.count(used + len(shut), 'zone')}: {', '.join(why)}"


def uneven_note(skew: int, limit: int, emptiest: Zone, held: int) -> str:
    """A fleet whose nodes lie further apart in number than its spread allows."""
    return f"skew {skew} is over max_skew {limit}: {emptiest} has {words.count(held, 'node')}"


def bounds_notes(nodes: int, placement: Placement, counts: Mapping[Zone, int]) -> Iterator[str]:
    """A fleet with nodes in more or fewer zones than its placement says, or with too many of them in one zone."""
    held = sum(count > 0 for count in counts.values())
    if zones_short(placement, counts):
        yield f"the nodes are in {words.count(held, 'zone')}, and min_zones is {placement.min_zones}"
    if placement.max_zones is not None and held > placement.max_zones:
        yield f"{words.count(held, 'zone')} hold nodes, and max_zones is {placement.max_zones}"
    if over := share_over(nodes, placement, counts):
        _, allowed = over
        heavy = (
            f"{zone} has {words.count(count, 'node')}" for zone, count in sorted(counts.items()) if count > allowed
        )
        yield f"{', '.join(heavy)}, and max_share allows {allowed} in one zone"


def rebalance_note(fleet: str, nodes: int, placement: Placement, zones: int) -> str:
    """The command that brings a fleet into the shape that its placement requires, or that its `zones` are too few."""
    most, homes = placement.most_in_zone(nodes), min(zones, placement.max_zones or zones)
    if most is not None and most * homes < nodes:
        held = f"{words.count(homes, 'zone')} hold at most {most * homes} of {words.count(nodes, 'node')}"
        return f"max_share cannot be kept: {held}"
    return f"`atoll fleet rebalance {fleet}` moves nodes into zones with room"


def no_room_note(zones: Collection[Zone]) -> str:
    """The zones that should hold more of a fleet's nodes are full."""
    return f"{', '.join(map(str, sorted(zones)))} {'takes' if len(zones) == 1 else 'take'} no node now"


def counts_note(counts: Mapping[Zone, int]) -> str:
    """What remains of a fleet that gives up nodes."""
    if not counts:
        return "then it has no node"
    return f"then {', '.join(f'{zone} has {count}' for zone, count in sorted(counts.items()))}"


def survive_note(nodes: int, wanted: int, zones: int) -> str:
    """More nodes than `nodes`, so that enough remain."""
    lost = "any one zone" if zones == 1 else f"any {zones} zones"
    return f"{words.count(nodes, 'node')}, so that {wanted} remain after the loss of {lost}"


def together_note(strategy: str, place: str, saving: float) -> str:
    """What a run would cost less with its nodes wherever they are cheapest."""
    how = "spread over" if strategy == "spread" else "together in"
    return f"the nodes are {how} {place}; with `placement: any` they cost {words.limit(saving)}/h less"


def engine_note(data: Facts) -> str:
    """Which machines keep a run with an image out."""
    return f"an `image` needs Docker or Podman: {sentence(RefusalCode.CONTAINERS, data)}"


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
