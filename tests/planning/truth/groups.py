"""Is it true how a fleet or a run lies, and why a zone is not needed?"""

from math import inf

from atoll.planning.request import (
    FleetRequest,
    RunRequest,
    Strategy,
    VolumeRequest,
)
from tests.planning import rules
from tests.planning.truth.said import Said, left, missing, most


def _can_take(said: Said) -> bool:
    """Exactly this number of the nodes that the fleet is missing fit in the zone."""
    fits, wanted = said.refusal.data["fits"], said.refusal.data["wanted"]
    assert isinstance(fits, int)
    assert isinstance(wanted, int)
    if wanted != missing(said.document, said.case):
        return False
    return most(said, {said.zone}, min(wanted, fits + 1)) == min(fits, 4)


def cluster(said: Said) -> bool:
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


def spread(said: Said) -> bool:
    data, document = said.refusal.data, said.document
    assert isinstance(document, FleetRequest)
    if data.get("min_zones"):
        serving = len(rules.serving(document, said.case.snapshot))
        told = (data["eligible"], data["min_zones"]) == (serving, document.placement.min_zones)
        return told and not rules.has_enough_zones(document, said.case.snapshot)
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


def not_needed(said: Said) -> bool:
    """One more machine could be had here, and costs what is said; or the document needs no new one."""
    data = said.refusal.data
    if isinstance(said.document, VolumeRequest):
        if said.zone not in rules.volume_homes(said.document, said.case.snapshot):
            return False
        return data["why"] != "consumer" or str(said.part.zone) == data["home"]
    sources = {node.source.value for node in said.part.placements}
    match data["why"]:
        case "complete":
            return isinstance(said.document, FleetRequest) and missing(said.document, said.case) == 0
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
        if o.zone == said.zone and left(o, said)
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
