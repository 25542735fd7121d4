"""What a fleet and a run for it ask for together: a new node of the fleet for the run has to meet both."""

from collections.abc import Collection, Sequence

from atoll.model.resources import GpuRequirement, Range, Resources
from atoll.model.zone import Zone
from atoll.planning.request import Requirements, SpotPolicy
from atoll.zones.selection import ZoneSelector


class Contradictory(Exception):  # noqa: N818 - it is no error
    """No machine can meet both."""


def combined(one: Requirements, other: Requirements, zones: Collection[Zone]) -> Requirements:
    """The requirements of both, for the zones of a snapshot. Raises Contradictory."""
    prices = [price for price in (one.max_price, other.max_price) if price is not None]
    return Requirements(
        _resources(one.resources, other.resources),
        _both(one.backends, other.backends),
        _both(one.regions, other.regions),
        _zones(one.availability_zones, other.availability_zones, zones),
        _both(one.instance_types, other.instance_types),
        _spot(one.spot_policy, other.spot_policy),
        min(prices, default=None),
        one.owned or other.owned,
        one.containers or other.containers,
    )


def _resources(one: Resources, other: Resources) -> Resources:
    return Resources(
        _range(one.cpus, other.cpus) or Range(),
        _range(one.memory_gb, other.memory_gb) or Range(),
        _range(one.disk_gb, other.disk_gb),
        _same(one.arch, other.arch),
        _gpu(one.gpu, other.gpu),
    )


def _gpu(one: GpuRequirement | None, other: GpuRequirement | None) -> GpuRequirement | None:
    if one is None or other is None:
        return one or other
    abilities = [each for each in (one.compute_capability, other.compute_capability) if each is not None]
    return GpuRequirement(
        _range(one.count, other.count) or Range(),
        _both(one.names or None, other.names or None) or (),
        _same(one.vendor, other.vendor),
        _range(one.memory_gb, other.memory_gb),
        _range(one.total_memory_gb, other.total_memory_gb),
        max(abilities, default=None),
    )


def _range(one: Range | None, other: Range | None) -> Range | None:
    if one is None or other is None:
        return one or other
    lows = [low for low in (one.min, other.min) if low is not None]
    highs = [high for high in (one.max, other.max) if high is not None]
    both = Range(max(lows, default=None), min(highs, default=None))
    if both.min is not None and both.max is not None and both.min > both.max:
        raise Contradictory
    return both


def _both(one: Sequence[str] | None, other: Sequence[str] | None) -> tuple[str, ...] | None:
    if one is None or other is None:
        found = other if one is None else one
        return None if found is None else tuple(found)
    folded = {each.casefold() for each in other}
    both = tuple(each for each in one if each.casefold() in folded)
    if not both:
        raise Contradictory
    return both


def _same(one: str | None, other: str | None) -> str | None:
    if one is not None and other is not None and one != other:
        raise Contradictory
    return other if one is None else one


def _spot(one: SpotPolicy, other: SpotPolicy) -> SpotPolicy:
    if SpotPolicy.AUTO in (one, other):
        return other if one is SpotPolicy.AUTO else one
    return SpotPolicy(_same(one, other) or one)


def _zones(one: Sequence[str] | None, other: Sequence[str] | None, zones: Collection[Zone]) -> tuple[str, ...] | None:
    if not one or not other:
        return tuple(one or other or ()) or None
    selectors = [ZoneSelector.compile(patterns) for patterns in (one, other)]
    named = {zone: f"{zone.region}/{zone.name}" if zone.name else zone.region for zone in zones}
    both = tuple(name for zone, name in named.items() if all(selector.matches(zone) for selector in selectors))
    if not both:
        raise Contradictory
    return both
