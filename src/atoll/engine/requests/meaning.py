"""Whether two configurations mean the same, and which machines do not match the new one."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from atoll.configuration import spec_from_json
from atoll.model.records import Instance
from atoll.model.zone import Zone
from atoll.planning.request import FleetRequest, Strategy
from atoll.planning.solving.options import suiting
from atoll.zones.naming import fold
from atoll.zones.selection import ZoneSelector, is_glob

SELECTION = frozenset(
    {
        "availability_zones",
        "backends",
        "instance_types",
        "max_price",
        "placement",
        "regions",
        "resources",
        "retry",
        "spot_policy",
    }
)
"""Keys of a fleet that say which machines it may have: the machines that still fit them stay."""
_FOLDED = frozenset({"backends", "regions", "instance_types"})


def same_meaning(kind: str, key: str, old: Any, new: Any, zones: Collection[Zone]) -> bool:
    """Whether two values of a key of a fleet, volume or run mean the same.

    Neither order nor spelling of names matters, nor a zone that a pattern beside it names too.
    """
    if kind == "volume":
        if not isinstance(old, str) or not isinstance(new, str):
            return False
        if key == "availability_zone":
            return _zones([old], zones) == _zones([new], zones)
        return key in ("backend", "region") and fold(old) == fold(new)
    if key == "availability_zones" and _are_names(old) and _are_names(new):
        return _zones(old, zones) == _zones(new, zones)
    if key in _FOLDED and _are_names(old) and _are_names(new):
        return {fold(str(name)) for name in old} == {fold(str(name)) for name in new}
    return bool(old == new)


def respelled(kind: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> dict[str, Any]:
    """The old configuration of a document, with what means the same in the new one written as it is there.

    A key that is left out and one with its default mean the same, except for the `resources` of a fleet of own hosts:
    without any, it takes hosts of any size.
    """
    before, after = (spec_from_json(kind, config) for config in (old, new))
    fields = {field.alias or name: name for name, field in type(after).model_fields.items()}
    result = dict(old)
    for key in old.keys() | new.keys():
        if key not in fields or getattr(before, fields[key]) != getattr(after, fields[key]):
            continue
        if key == "resources" and "ssh_config" in new and (key in old) != (key in new):
            continue
        if key in new:
            result[key] = new[key]
        else:
            result.pop(key)
    return result


def misfits(instances: Sequence[Instance], demand: FleetRequest) -> list[Instance]:
    """Those of the instances that the demand could not have got: others take their place."""
    requirements = demand.requirements
    selector = ZoneSelector.compile(requirements.availability_zones)
    backends, regions = _folded(requirements.backends), _folded(requirements.regions)
    home = _home(instances) if demand.placement.strategy is Strategy.CLUSTER else None
    return [
        instance
        for instance, suits in zip(instances, suiting(requirements, instances), strict=True)
        if not suits
        or not selector.matches(instance.zone)
        or (backends is not None and fold(instance.zone.backend) not in backends)
        or (regions is not None and fold(instance.zone.region) not in regions)
        or home not in (None, instance.zone)
    ]


def _home(instances: Sequence[Instance]) -> Zone | None:
    """The zone of most of the instances, where a cluster comes together."""
    counts = Counter(instance.zone for instance in instances)
    return min(counts, key=lambda zone: (-counts[zone], zone), default=None)


def _zones(patterns: Sequence[Any], zones: Collection[Zone]) -> frozenset[str]:
    """What the patterns name: known zones by their places, and globs, exclusions and unknown names as they are.

    Zones that a glob names too are left out. A glob is not replaced by its zones, because it names later ones too.
    """
    texts = [str(pattern).strip() for pattern in patterns]
    globs = [text for text in texts if is_glob(text) and not text.startswith("!")]
    covering = ZoneSelector.compile(globs) if globs else None
    named = {fold(text) for text in globs}
    for text in texts:
        if text in globs:
            continue
        excluded = text.startswith("!")
        selector = ZoneSelector.compile([text.lstrip("! ")])
        found = [] if is_glob(text) else [zone for zone in zones if selector.matches(zone)]
        mark = "!" if excluded else ""
        named.update(
            f"{mark}{zone.backend}/{zone.region}/{zone.name}"
            for zone in found
            if excluded or covering is None or not covering.matches(zone)
        )
        if not found:
            named.add(fold(text))
    return frozenset(named)


def _are_names(value: Any) -> bool:
    return isinstance(value, list | tuple) and not isinstance(value, Mapping)


def _folded(names: Sequence[str] | None) -> frozenset[str] | None:
    return None if names is None else frozenset(map(fold, names))
