"""Zones in files: whether each exists where the file looks, and whether a run can reach its volumes."""

from collections.abc import Iterator, Mapping, Sequence

from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.zone import Zone
from atoll.spec.document import Document
from atoll.spec.fleet import Fleet
from atoll.spec.mount import VolumeMount
from atoll.spec.reader import Path
from atoll.spec.run import Gateway, Run, Task
from atoll.spec.volume import Volume
from atoll.zones.directory import Directory, Resolution, builtin
from atoll.zones.naming import ZONELESS
from atoll.zones.selection import ZoneSelector

MOST_ZONES = 16
"""Zones that a note lists."""

MOST_RANKS = 64
"""Nodes of a run whose volumes are looked at; the planner looks at all."""


def check(documents: Sequence[Document], directory: Directory | None = None) -> Iterator[Diagnostic]:
    """What is wrong with the zones of these documents, each alone and together."""
    volumes = {one.name: one for one in documents if isinstance(one.spec, Volume)}
    for document in documents:
        spec = document.spec
        if isinstance(spec, Fleet | Run) and spec.availability_zones:
            known = directory or builtin()
            yield from _filter(document, spec, known)
            if isinstance(spec, Run):
                yield from _reach(document, spec, volumes, known)
        elif isinstance(spec, Volume | Gateway) and spec.availability_zone is not None:
            yield from _one(document, spec, directory or builtin())


def _filter(document: Document, spec: Fleet | Run, directory: Directory) -> Iterator[Diagnostic]:
    backends, regions = spec.backends, spec.regions
    if not _answers(directory, backends):
        return
    resolved: list[Resolution] = []
    for index, text in enumerate(spec.availability_zones or ()):
        answer = directory.resolve(text, backends=backends, regions=regions)
        resolved.append(answer)
        if answer.problem:
            yield _refusal(document, ("availability_zones", index), text, answer, (backends, regions))
    if all(answer.zones and not answer.problem for answer in resolved) and not _left(directory, spec):
        message = "`availability_zones` excludes every zone that it allows"
        span = document.span(("availability_zones",))
        yield Diagnostic("zones-all-excluded", message, span=span, help="leave out one of the entries with `!`")


def _left(directory: Directory, spec: Fleet | Run) -> bool:
    """True when the filter leaves a zone of the backends and regions; also when it names none to be left."""
    selector = ZoneSelector.compile(spec.availability_zones)
    if selector.exclude is None or (selector.include is None and not spec.backends):
        return True
    for zone in directory.zones():
        inside = not spec.backends or zone.backend in spec.backends
        if inside and (not spec.regions or zone.region in spec.regions) and zone.name and selector.matches(zone):
            return True
    return False


def _one(document: Document, spec: Volume | Gateway, directory: Directory) -> Iterator[Diagnostic]:
    backends, regions = (spec.backend,), (spec.region,) if spec.region else None
    if not _answers(directory, backends):
        return
    text = spec.availability_zone or ""
    answer = directory.resolve(text, backends=backends, regions=regions)
    if answer.problem:
        yield _refusal(document, ("availability_zone",), text, answer, (backends, regions))


def _answers(directory: Directory, backends: Sequence[str] | None) -> bool:
    """False when one of the backends may have zones that only the server knows."""
    return all(directory.source(backend) != "none" or backend in ZONELESS for backend in backends or ())


def _refusal(
    document: Document,
    path: Path,
    text: str,
    answer: Resolution,
    scope: tuple[Sequence[str] | None, Sequence[str] | None],
) -> Diagnostic:
    backends, regions = scope
    body = text.strip().removeprefix("!").strip()
    span, home = document.span(path), answer.home
    zones = _known(answer)
    near = answer.suggestions[0] if answer.suggestions else None
    help = f"did you mean `{near}`?" if near else None
    if answer.problem == "ambiguous-zone":
        return _ambiguous(text, span_at=(document, path), answer=answer)
    where = _place(backends, regions)
    message = f"`{body[:80]}` is not a zone of {where}" if where else f"`{body[:80]}` is not a zone of any backend"
    if home is not None:
        living = f"`{home}` is a zone of {home.backend} {home.region}"
        key, value = (
            ("regions", home.region) if answer.problem == "zone-of-other-region" else ("backends", home.backend)
        )
        key = key.removesuffix("s") if path == ("availability_zone",) else key
        help = f"{help} Or set" if help else "set"
        return Diagnostic(
            str(answer.problem), message, span=span, notes=(living, *zones), help=f"{help} `{key}` to {value}"
        )
    return Diagnostic(str(answer.problem), message, span=span, notes=zones, help=help)


def _known(answer: Resolution) -> tuple[str, ...]:
    more = len(answer.known) - MOST_ZONES
    names = ", ".join(answer.known[:MOST_ZONES]) + (f" and {more} more" if more > 0 else "")
    return (f"zones: {names}",) if names else ()


def _ambiguous(text: str, span_at: tuple[Document, Path], answer: Resolution) -> Diagnostic:
    document, path = span_at
    could = sorted({f"{zone.backend} {zone.region}" for zone in answer.zones})
    many = f" and {len(could) - 4} more" if len(could) > 4 else ""
    message = f"`{text.strip()}` is a zone of {', '.join(could[:4])}{many}"
    help = "set `regions`" if len({zone.backend for zone in answer.zones}) == 1 else "set `backends`"
    return Diagnostic(
        "ambiguous-zone", message, Severity.WARNING, document.span(path), help=f"{help} to say which is meant"
    )


def _place(backends: Sequence[str] | None, regions: Sequence[str] | None) -> str:
    return f"{' or '.join(backends or ())} {' or '.join(regions or ())}".strip()


def _reach(
    document: Document, spec: Run, volumes: Mapping[str, Document], directory: Directory
) -> Iterator[Diagnostic]:
    """Mounts of which no volume lies in a zone that the run allows."""
    selector = ZoneSelector.compile(spec.availability_zones)
    ranks = range(min(spec.nodes, MOST_RANKS)) if isinstance(spec, Task) else range(1)
    mounts = [(index, mount) for index, mount in enumerate(spec.volumes) if isinstance(mount, VolumeMount)]
    for index, mount in mounts:
        for rank in ranks:
            outside = _outside(mount, rank, volumes, selector, directory)
            if outside:
                yield _unreachable(document, index, spec, outside)
                break


def _outside(
    mount: VolumeMount, rank: int, volumes: Mapping[str, Document], selector: ZoneSelector, directory: Directory
) -> list[tuple[Document, Zone]]:
    """The volumes of a mount and their zones, when all of them are known and none is allowed."""
    found: list[tuple[Document, Zone]] = []
    for name in mount.names_for(rank):
        volume = volumes.get(name)
        if volume is None or not isinstance(volume.spec, Volume) or volume.spec.availability_zone is None:
            return []
        zones = _zones(volume.spec, directory)
        if any(selector.matches(zone) for zone in zones):
            return []
        found.append((volume, zones[0]))
    return found


def _zones(spec: Volume, directory: Directory) -> tuple[Zone, ...]:
    text, region = spec.availability_zone or "", spec.region
    answer = directory.resolve(text, backends=(spec.backend,), regions=(region,) if region else None)
    return answer.zones or (Zone(spec.backend, region or "", text),)


def _unreachable(document: Document, index: int, spec: Run, outside: list[tuple[Document, Zone]]) -> Diagnostic:
    volume, zone = outside[0]
    allowed = ", ".join(f"`{text}`" for text in spec.availability_zones or ())
    written = volume.spec.availability_zone if isinstance(volume.spec, Volume) else None
    shown = f"`{zone}`" if written in (None, str(zone)) else f"`{zone}` (`{written}`)"
    message = f"the volume `{volume.name}` is in {shown}, but `{document.name}` may run in {allowed} only"
    help = f"add `{zone}` to `availability_zones`, or leave `availability_zones` out"
    return Diagnostic("volume-zone", message, span=document.span(("volumes", index)), help=help)
