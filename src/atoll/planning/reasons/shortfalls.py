"""Why a document as a whole does not fit: the chief code, with its facts."""

from collections.abc import Sequence

from atoll.planning.plan import Refusal, RefusalCode, Shortfall, ShortfallCode
from atoll.planning.reasons.refusals import Reasons
from atoll.planning.request import FleetRequest, RunRequest, Strategy, VolumeRequest

_CHOICE = frozenset({RefusalCode.NOT_NEEDED, RefusalCode.SPREAD, RefusalCode.CLUSTER})


def fleet_shortfall(fleet: FleetRequest, placed: int, refusals: Sequence[Refusal], reasons: Reasons) -> Shortfall:
    """Why a fleet does not fit; `placed` counts the nodes that are there or planned."""
    eligible = reasons.decider.feasibility(fleet.requirements).passing
    least = fleet.placement.min_zones
    if eligible and not reasons.decider.has_enough_zones(fleet):
        zones = tuple(str(reasons.decider.terrain.zones[zone].zone) for zone in reasons.decider.serving_zones(fleet))
        return Shortfall(
            fleet.nodes, placed, ShortfallCode.MIN_ZONES, {"wanted": least, "eligible": len(zones), "zones": zones}
        )
    if not eligible:
        return _chief(fleet.nodes, placed, refusals)
    strategy, names = fleet.placement.strategy, reasons.decider.terrain.zones
    group = reasons.group(fleet)
    cluster = strategy is Strategy.CLUSTER
    # A cluster that has nodes grows where they are.
    places = (group.home,) if cluster and group.home is not None else eligible
    fits = {zone: reasons.most(fleet, [zone]) for zone in places}
    most = max(fits, key=lambda zone: (fits[zone], -zone))
    least_fits = min(fits, key=lambda zone: (fits[zone], zone))
    data = {
        "strategy": strategy.value,
        "fits": fits[most] if cluster else reasons.most(fleet, eligible),
        "missing": group.missing,
        "zone": str(names[most].zone),
        "smallest": str(names[least_fits].zone),
        "least": fits[least_fits],
        "home": group.home is not None,
        "existing": fleet.nodes - group.missing,
        "max_skew": fleet.placement.max_skew,
        "survive_zones": fleet.placement.survive_zones,
        "zones": len(eligible),
    }
    bounds = {"max_zones": fleet.placement.max_zones, "cap": group.cap, "min_zones": group.further_zones and least}
    data |= {name: bound for name, bound in bounds.items() if bound}
    return Shortfall(fleet.nodes, placed, ShortfallCode.NOT_ENOUGH, data)


def run_shortfall(run: RunRequest, refusals: Sequence[Refusal], reasons: Reasons) -> Shortfall:
    """Why a run does not fit."""
    wanted = len(run.nodes)
    placed = {d.name for d in reasons.decision.placed if isinstance(d, VolumeRequest)}
    for node in run.nodes:
        for mount in node.mounts:
            disks = [reasons.decider.disk_of(name) for name in mount.volumes]
            if not any(disks):
                return Shortfall(wanted, 0, ShortfallCode.UNKNOWN_VOLUME, {"volumes": mount.volumes, "rank": node.rank})
            if all(disk is None or (disk.new and disk.name not in placed) for disk in disks):
                return Shortfall(
                    wanted, 0, ShortfallCode.UNPLACED_VOLUME, {"volumes": mount.volumes, "rank": node.rank}
                )
    apart = _apart(run, reasons)
    if apart is not None:
        return Shortfall(wanted, 0, ShortfallCode.VOLUMES_APART, apart)
    held = next((refusal for refusal in refusals if refusal.code is RefusalCode.VOLUME_ATTACHED), None)
    if held is not None:
        return Shortfall(wanted, 0, held.code, held.data)
    if any(refusal.code in _CHOICE for refusal in refusals):
        return Shortfall(
            wanted, 0, ShortfallCode.NOT_ENOUGH, {"strategy": run.strategy.value, "max_skew": run.placement.max_skew}
        )
    return _chief(wanted, 0, refusals)


def _apart(run: RunRequest, reasons: Reasons) -> dict[str, tuple[str, ...] | str | int] | None:
    """Two mounts of one node whose volumes have no zone in common."""
    zones = reasons.decider.terrain.zones
    for node in run.nodes:
        seen: list[tuple[str, frozenset[int]]] = []
        for mount in node.mounts:
            disks = [disk for name in mount.volumes if (disk := reasons.decider.disk_of(name)) is not None]
            here = frozenset(zone for disk in disks for zone in disk.zones)
            for other, there in seen:
                if here.isdisjoint(there):
                    return {
                        "one": other,
                        "one_zones": tuple(str(zones[z].zone) for z in sorted(there)),
                        "other": mount.volumes[0],
                        "other_zones": tuple(str(zones[z].zone) for z in sorted(here)),
                        "rank": node.rank,
                    }
            seen.append((mount.volumes[0], here))
    return None


def volume_shortfall(volume: VolumeRequest, refusals: Sequence[Refusal]) -> Shortfall:
    """Why a volume can go nowhere."""
    return _chief(1, 0, refusals)


def undecided(wanted: int, placed: int) -> Shortfall:
    """What is said of a document that the budget left open: it is planned again later."""
    return Shortfall(wanted, placed, ShortfallCode.UNDECIDED, passes=True)


def certain(refusals: Sequence[Refusal]) -> tuple[Refusal, ...]:
    """The refusals that hold whatever the search would have found."""
    return tuple(refusal for refusal in refusals if refusal.code not in _CHOICE)


def _chief(wanted: int, placed: int, refusals: Sequence[Refusal]) -> Shortfall:
    """The nearest miss, with the zone where it is."""
    near = [refusal for refusal in refusals if refusal.code not in _CHOICE]
    if not near:
        return Shortfall(wanted, placed, ShortfallCode.NO_OFFERS)
    same = [refusal.zone for refusal in near if refusal.code is near[0].code]
    data = {**near[0].data, "zone": str(near[0].zone), "alike": len(same)}
    return Shortfall(wanted, placed, near[0].code, data)
