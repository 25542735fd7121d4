"""The zones and instance types of documents, held against what the configured backends list now.

`check` calls it for each document of a plan. Whether names are zones has been `spec`'s answer, whether a zone has room
is the planner's; in here is what a user can hardly have meant: zones that take no work, or lack the instance types.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Protocol

import numpy as np

from atoll.configuration import Document
from atoll.configuration.reading.reader import Path
from atoll.configuration.types.volume import Volume as VolumeSpec
from atoll.engine.placing.demand import selection_of
from atoll.model.catalog import AVAILABILITIES, Catalog
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.offer import Availability
from atoll.model.suggestion import did_you_mean
from atoll.model.zone import BackendInfo, Zone, ZoneInfo, ZoneState
from atoll.zones.naming import fold
from atoll.zones.selection import ZoneSelector, is_glob

STATE_CODES = {
    ZoneState.IMPAIRED: "zone-impaired",
    ZoneState.DRAINED: "zone-drained",
    ZoneState.CLOSED: "zone-closed",
    ZoneState.NOT_OPTED_IN: "not-opted-in",
}

MOST_NAMES = 12
"""Zones that a note or a help lists."""


class KnownZones(Protocol):
    """What this module looks at."""

    @property
    def backends(self) -> Mapping[str, BackendInfo]:
        """The configured backends by name."""
        ...

    @property
    def zones(self) -> Collection[ZoneInfo]:
        """The zones of the configured backends as they are now."""
        ...

    @property
    def catalog(self) -> Catalog:
        """Their offers."""
        ...


def check(document: Document, world: KnownZones) -> Iterator[Diagnostic]:
    """Every finding about the zones and instance types of one document."""
    yield from _states(document, world)
    yield from _zoneless(document, world)
    if document.kind != "volume":
        yield from _exclusions(document, world)
        yield from _types(document, world)


def _texts(document: Document) -> list[tuple[str, Path]]:
    """The zones that the document writes, with their places."""
    if isinstance(document.spec, VolumeSpec):
        zone = document.spec.availability_zone
        return [(zone, ("availability_zone",))] if zone else []
    zones = selection_of(document).availability_zones or ()
    return [(text.strip(), ("availability_zones", index)) for index, text in enumerate(zones)]


def _named(document: Document) -> list[tuple[str, Path]]:
    """Those that are one zone: neither globs nor exclusions."""
    return [(text, path) for text, path in _texts(document) if not text.startswith("!") and not is_glob(text)]


def _backends(document: Document) -> tuple[str, ...]:
    if isinstance(document.spec, VolumeSpec):
        return (document.spec.backend,)
    return tuple(selection_of(document).backends or ())


def _regions(document: Document) -> tuple[str, ...]:
    if isinstance(document.spec, VolumeSpec):
        return (document.spec.region,) if document.spec.region else ()
    return tuple(selection_of(document).regions or ())


def _inside(document: Document, world: KnownZones) -> list[ZoneInfo]:
    """The zones of the document's backends and regions, whatever its zone filter says."""
    backends, regions = set(map(fold, _backends(document))), set(map(fold, _regions(document)))
    return [
        info
        for info in world.zones
        if (not backends or fold(info.zone.backend) in backends) and (not regions or fold(info.zone.region) in regions)
    ]


def _allowed(document: Document, world: KnownZones) -> list[ZoneInfo]:
    selector = ZoneSelector.compile([text for text, _ in _texts(document)])
    return [info for info in _inside(document, world) if selector.matches(info.zone)]


def _states(document: Document, world: KnownZones) -> Iterator[Diagnostic]:
    """Warnings: the zone may be well again before the work begins, and a filter may name others."""
    for text, path in _named(document):
        selector = ZoneSelector.compile([text])
        for info in _inside(document, world):
            code = STATE_CODES.get(info.state)
            if code is None or not selector.matches(info.zone):
                continue
            why = f": {info.reason}" if info.reason else ""
            until = (f"until {info.until:%Y-%m-%d %H:%M} UTC",) if info.until else ()
            state = "not opted in" if code == "not-opted-in" else info.state
            message = f"zone `{info.zone}` is {state}{why}; it gets no new work"
            yield Diagnostic(
                code, message, Severity.WARNING, document.span(path), until, help=_healthy(info.zone, document, world)
            )


def _healthy(zone: Zone, document: Document, world: KnownZones) -> str | None:
    """The other zones of the same backend and region that take work."""
    names = [
        str(info.zone)
        for info in _inside(document, world)
        if info.state is ZoneState.AVAILABLE and (info.zone.backend, info.zone.region) == (zone.backend, zone.region)
    ]
    return f"zones of {zone.region} that take work: {_listed(names)}" if names else None


def _zoneless(document: Document, world: KnownZones) -> Iterator[Diagnostic]:
    """A zone filter on a backend that has regions only: its offers stay or go, and it is said which."""
    texts = _texts(document)
    if not texts:
        return
    selector = ZoneSelector.compile([text for text, _ in texts])
    key = texts[0][1][0]
    for name, backend in sorted(world.backends.items()):
        places = [info.zone for info in _inside(document, world) if info.zone.backend == name]
        if backend.zoned or not places:
            continue
        left = [zone for zone in places if not selector.matches(zone)]
        if left:
            fate = f"`{key}` leaves its offers out" if left == places else f"`{key}` leaves some of its regions out"
            help = f"name its regions in `{key}` to keep them: {_listed([str(zone) for zone in left])}"
        elif selector.include is None:
            fate, help = f"`{key}` only excludes, so its offers stay", "use `regions` to limit them"
        else:
            continue
        message = f"backend `{name}` has regions and no zones: {fate}"
        yield Diagnostic("backend-without-zones", message, Severity.WARNING, document.span((key,)), help=help)


def _exclusions(document: Document, world: KnownZones) -> Iterator[Diagnostic]:
    texts = [text for text, _ in _texts(document)]
    wanted = ZoneSelector.compile([text for text in texts if not text.startswith("!")])
    if len(texts) == 0 or _allowed(document, world):
        return
    gone = [str(info.zone) for info in _inside(document, world) if wanted.matches(info.zone)]
    if gone and any(text.startswith("!") for text in texts):
        yield Diagnostic(
            "zones-all-excluded",
            "`availability_zones` excludes every zone that it allows",
            span=document.span(("availability_zones",)),
            notes=(f"excluded: {_listed(gone)}",),
            help="leave out one of the entries with `!`",
        )


def _types(document: Document, world: KnownZones) -> Iterator[Diagnostic]:
    """Instance types that no allowed zone offers: warnings, because the plan that follows says what would fit."""
    wanted = () if isinstance(document.spec, VolumeSpec) else selection_of(document).instance_types or ()
    if not wanted:
        return
    inside = {info.zone for info in _inside(document, world)}
    homes = {name: zones & inside for name, zones in _offered(world.catalog).items()}
    known = [name for name in wanted if homes.get(fold(name))]
    for index, name in enumerate(wanted):
        if name not in known:
            yield _unknown_type(document, index, name, homes)
    offering = {zone for name in known for zone in homes[fold(name)]}
    allowed = {info.zone for info in _allowed(document, world)}
    if known and allowed and not offering & allowed:
        names = ", ".join(f"`{name}`" for name in known)
        yield Diagnostic(
            "type-not-offered",
            f"no allowed zone offers {names}",
            Severity.WARNING,
            document.span(("instance_types",)),
            (f"offered in: {_listed(sorted(map(str, offering)))}",),
            "allow one of these zones, or another instance type",
        )
        return
    for text, path in _named(document) if known else ():
        zones = [zone for zone in allowed if ZoneSelector.compile([text]).matches(zone)]
        if zones and not offering & set(zones):
            message = f"zone `{zones[0]}` does not offer {' or '.join(f'`{name}`' for name in known)}"
            note = f"offered in: {_listed(sorted(map(str, offering)))}"
            yield Diagnostic("type-not-offered", message, Severity.WARNING, document.span(path), (note,))


def _unknown_type(document: Document, index: int, name: str, homes: Mapping[str, Collection[Zone]]) -> Diagnostic:
    offered = [one for one, zones in homes.items() if zones]
    where = " or ".join(_backends(document)) or "any backend of this server"
    return Diagnostic(
        "unknown-instance-type",
        f"`{name[:60]}` is not an instance type of {where}",
        Severity.WARNING,
        document.span(("instance_types", index)),
        help=did_you_mean(fold(name), offered, "`atoll offer` lists what can be had"),
    )


def _offered(catalog: Catalog) -> Mapping[str, set[Zone]]:
    """The zones that offer each instance type, by its folded name."""
    columns = catalog.columns
    rows = columns.availability != AVAILABILITIES.index(Availability.NOT_OFFERED)
    pairs = np.unique(np.stack((columns.type[rows], columns.zone[rows])), axis=1)
    found: dict[str, set[Zone]] = {}
    for kind, zone in pairs.T.tolist():
        found.setdefault(fold(catalog.table.types[kind].name), set()).add(catalog.zones[zone])
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
