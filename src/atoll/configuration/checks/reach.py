"""Whether a run can reach the volumes that it mounts: a network disk attaches in its own zone alone.

`zoning` uses it for the volumes of the same file, the engine for existing ones too. It says only what is
certain: a volume without a zone may go anywhere in its backend and region, and an id of an AWS region
that maps letters by account is no zone that a letter could be compared with.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from atoll.configuration.reading.document import Document
from atoll.configuration.types.mount import VolumeMount
from atoll.configuration.types.run import Run, Task
from atoll.model.diagnostic import Diagnostic
from atoll.model.zone import Zone
from atoll.zones.directory import Directory
from atoll.zones.naming import fold
from atoll.zones.selection import ZoneSelector

MOST_RANKS = 64
"""Nodes of a run whose volumes are looked at; the planner looks at all."""

_Doubts = frozenset[tuple[str, str, bool]]


@dataclass(frozen=True, slots=True)
class Home:
    """Where a volume is or will be. Without `zone` it may still go anywhere in its backend and region.

    `written` is how the file says the zone, where that differs from its name.
    """

    backend: str
    region: str | None = None
    zone: Zone | None = None
    written: str | None = None

    def __str__(self) -> str:
        if self.zone is None:
            return f"{self.backend} {self.region}" if self.region else self.backend
        other = f" (`{self.written}`)" if self.written and fold(self.written) != fold(str(self.zone)) else ""
        return f"`{self.zone}`{other}"


@dataclass(frozen=True, slots=True)
class _Seen:
    """One mount of one node with the volumes that it may take and their homes; all are known."""

    index: int
    names: tuple[str, ...]
    homes: tuple[Home, ...]

    @property
    def zones(self) -> frozenset[Zone] | None:
        """The zones where the mount can be had; None when that is not certain."""
        found = [home.zone for home in self.homes]
        return None if None in found else frozenset(zone for zone in found if zone is not None and not by_id(zone))


def check(document: Document, homes: Mapping[str, Home], directory: Directory) -> Iterator[Diagnostic]:
    """Mounts that cannot work. A mount with a volume that `homes` does not know is left out."""
    spec = document.spec
    if not isinstance(spec, Run):
        return
    reported: set[tuple[int, str]] = set()
    doubts = _doubts(spec, directory)
    for rank in range(_ranks(spec)):
        seen = [one for index, mount in enumerate(spec.volumes) if (one := _seen(index, mount, rank, homes))]
        for found in (*_unreachable(document, spec, seen, doubts), *_apart(document, seen)):
            place = (found.span.line if found.span else 0, found.code)
            if place not in reported:
                reported.add(place)
                yield found


def by_id(zone: Zone) -> bool:
    """True for a zone that is known by its id alone: which letter it has differs by account."""
    return zone.zone_id is not None and zone.zone_id == zone.name


def _seen(index: int, mount: object, rank: int, homes: Mapping[str, Home]) -> _Seen | None:
    names = mount.names_for(rank) if isinstance(mount, VolumeMount) else ()
    if not names or any(name not in homes for name in names):
        return None
    return _Seen(index, names, tuple(homes[name] for name in names))


def _unreachable(document: Document, spec: Run, seen: Sequence[_Seen], doubts: _Doubts) -> Iterator[Diagnostic]:
    selector = ZoneSelector.compile(spec.availability_zones)
    for one in seen:
        keys = [_refusing_key(spec, home, selector, doubts) for home in one.homes]
        if None in keys:
            continue
        span, key = document.span(("volumes", one.index)), keys[0] or ""
        allowed = ", ".join(f"`{text}`" for text in getattr(spec, key))
        limits = f"`{document.name}` may run in {allowed} only"
        if len(one.names) == 1:
            home = one.homes[0]
            message = f"the volume `{one.names[0]}` is in {home}, but {limits}"
            yield Diagnostic("volume-zone", message, span=span, help=_cure(key, home))
        else:
            names = ", ".join(f"`{name}`" for name in one.names)
            where = tuple(f"the volume `{name}` is in {home}" for name, home in zip(one.names, one.homes, strict=True))
            message = f"none of the volumes {names} can be used: {limits}"
            yield Diagnostic("no-volume-fits", message, span=span, notes=where, help=_cure(key, one.homes[0]))


def _cure(key: str, home: Home) -> str:
    value = {"backends": home.backend, "regions": home.region or ""}.get(key, str(home.zone))
    return f"add `{value}` to `{key}`, or leave `{key}` out"


def _refusing_key(spec: Run, home: Home, selector: ZoneSelector, doubts: _Doubts) -> str | None:
    """The key of the run that keeps it from the volume's home; None when it may go there, as far as is known."""
    if spec.backends and home.backend and fold(home.backend) not in map(fold, spec.backends):
        return "backends"
    if spec.regions and home.region and fold(home.region) not in map(fold, spec.regions):
        return "regions"
    zone = home.zone
    if not spec.availability_zones or zone is None or selector.matches(zone):
        return None
    doubtful = (zone.backend, zone.region, not by_id(zone)) in doubts
    return None if doubtful else "availability_zones"


def _doubts(spec: Run, directory: Directory) -> _Doubts:
    """Where the patterns of a run mean letters, and where ids (True), of regions that map letters by account."""
    return frozenset(
        (zone.backend, zone.region, by_id(zone))
        for text in spec.availability_zones or ()
        for zone in directory.resolve(text, backends=spec.backends).zones
    )


def _ranks(spec: Run) -> int:
    """How many nodes have mounts of their own."""
    alike = all(mount.names_for(0) == mount.names_for(1) for mount in spec.volumes if isinstance(mount, VolumeMount))
    return min(spec.nodes, MOST_RANKS) if isinstance(spec, Task) and not alike else 1


def _apart(document: Document, seen: Sequence[_Seen]) -> Iterator[Diagnostic]:
    """Two mounts of one node that no zone can serve together, or all of them that no zone can."""
    common: frozenset[Zone] | None = None
    before: list[tuple[_Seen, frozenset[Zone]]] = []
    for one in seen:
        zones = one.zones
        if not zones:
            continue
        both = zones if common is None else common & zones
        if not both:
            other = next((mount for mount, there in before if there.isdisjoint(zones)), None)
            yield _together(document, one, [other] if other else [mount for mount, _ in before])
            return
        common = both
        before.append((one, zones))


def _together(document: Document, one: _Seen, others: Sequence[_Seen]) -> Diagnostic:
    names = " and ".join(f"`{mount.names[0]}`" for mount in (*others, one))
    where = tuple(
        f"the volume `{name}` is in {home}"
        for mount in (*others, one)
        for name, home in zip(mount.names, mount.homes, strict=True)
    )
    return Diagnostic(
        "volumes-share-no-zone",
        f"one node cannot mount the volumes {names}: no zone has them all",
        span=document.span(("volumes", one.index)),
        notes=where,
        help="copy one of them into the other's zone, or mount them on nodes of their own",
    )
