"""What can be said of documents once the world is known: backends, zones, volumes and fleets that they name.

Names and positions inside the file are `spec`'s affair; whether something fits is the planner's.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from atoll.engine.demand import volume_names
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.zone import Zone, ZoneInfo, ZoneState
from atoll.spec import Document
from atoll.spec.secret import secret_names
from atoll.zones.directory import Directory
from atoll.zones.selection import ZoneSelector

NOT_YET = frozenset({"service", "dev-environment", "gateway"})
"""Types that are read and checked, and cannot be applied by this release."""
_STATE_CODES = {
    ZoneState.IMPAIRED: "zone-impaired",
    ZoneState.DRAINED: "zone-drained",
    ZoneState.NOT_OPTED_IN: "not-opted-in",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What documents are held against. `volumes` are kept and submitted ones with their zones; the rest are names.

    Without `secrets` nothing is said of them: a saved world does not know them.
    """

    backends: Collection[str]
    directory: Directory
    zones: Collection[ZoneInfo]
    volumes: Mapping[str, Zone | None]
    fleets: Collection[str]
    secrets: Collection[str] | None = None


def check(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    """Every finding about one document."""
    if document.type in NOT_YET:
        message = f"`{document.type}` cannot be applied by this release"
        yield Diagnostic("not-supported", message, span=document.span(("type",)), help="use a `task`")
        return
    yield from _backends(document, scene)
    yield from _zone_names(document, scene)
    yield from _zone_states(document, scene)
    if document.kind == "run":
        yield from _volumes(document, scene)
        yield from _fleets(document, scene)
        yield from _secrets(document, scene)


def _backends(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    volume = document.kind == "volume"
    named = [_spec(document).backend] if volume else list(_spec(document).backends or ())
    missing = [name for name in named if name not in scene.backends]
    configured = ", ".join(f"`{name}`" for name in sorted(scene.backends))
    for name in missing:
        alone = len(missing) == len(named)
        path = ("backend",) if volume else ("backends", named.index(name))
        yield Diagnostic(
            "unknown-backend",
            f"backend `{name}` is not configured on this server" + ("" if alone else ": it is left out"),
            Severity.ERROR if alone else Severity.WARNING,
            document.span(path),
            (f"configured: {configured}",),
        )


def _zone_texts(document: Document) -> list[tuple[str, tuple[str | int, ...]]]:
    if document.kind == "volume":
        zone = _spec(document).availability_zone
        return [(zone, ("availability_zone",))] if zone else []
    zones = _spec(document).availability_zones or ()
    return [(str(text), ("availability_zones", index)) for index, text in enumerate(zones)]


def _zone_names(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    # Where the document names its backends, `spec` has checked the zones by the same directory.
    if document.kind == "volume" or _spec(document).backends:
        return
    for text, path in _zone_texts(document):
        found = scene.directory.resolve(text, backends=scene.backends, regions=_spec(document).regions or None)
        if found.problem and found.problem != "ambiguous-zone":
            yield unknown_zone(document, text, path, found.problem, found.known, found.suggestions, scene.backends)


def unknown_zone(
    document: Document,
    text: str,
    path: tuple[str | int, ...],
    problem: str,
    known: tuple[str, ...],
    suggestions: tuple[str, ...],
    backends: Collection[str],
) -> Diagnostic:
    """The finding that a name is no zone of the configured backends, with the nearest that are."""
    listed = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return Diagnostic(
        problem,
        f"`{text}` is not a zone of {', '.join(sorted(backends))}",
        span=document.span(path),
        notes=(f"zones: {listed}",) if known else (),
        help=f"did you mean `{suggestions[0]}`?" if suggestions else None,
    )


def _zone_states(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    for text, path in _zone_texts(document):
        if "*" in text or "?" in text or text.startswith("!"):
            continue
        selector = ZoneSelector.compile([text])
        for info in scene.zones:
            code = _STATE_CODES.get(info.state)
            if code and selector.matches(info.zone):
                message = f"zone `{info.zone}` is {info.state}" + (f": {info.reason}" if info.reason else "")
                yield Diagnostic(code, message, Severity.WARNING, document.span(path))


def _volumes(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    zones = _spec(document).availability_zones
    selector = ZoneSelector.compile([str(zone) for zone in zones] if zones else None)
    for name, path in volume_names(_spec(document)).items():
        if name not in scene.volumes:
            yield _unknown("volume", name, document, path, scene.volumes)
            continue
        zone = scene.volumes[name]
        if zone is not None and zones and not selector.matches(zone):
            yield Diagnostic(
                "volume-zone",
                f"volume `{name}` lives in {zone}, and `{document.name}` may run in {', '.join(map(str, zones))} only",
                span=document.span(path),
                help=f"add `{zone}` to `availability_zones`, or use a volume of an allowed zone",
            )


def _fleets(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    for index, name in enumerate(_spec(document).fleets or ()):
        if name not in scene.fleets:
            yield _unknown("fleet", str(name), document, ("fleets", index), scene.fleets)


def _secrets(document: Document, scene: Scene) -> Iterator[Diagnostic]:
    if scene.secrets is None:
        return
    for variable, text in _spec(document).env.items():
        for name in secret_names(text):
            if name not in scene.secrets:
                near = get_close_matches(name, sorted(scene.secrets), 1)
                cure = f"a manager of the project sets it: `atoll secret set {name}`"
                help = f"did you mean `{near[0]}`?" if near else cure
                message = f"there is no secret `{name}` in this project"
                yield Diagnostic("unknown-secret", message, span=document.span(("env", variable)), help=help)


def _unknown(
    kind: str, name: str, document: Document, path: tuple[str | int, ...], known: Collection[str]
) -> Diagnostic:
    near = get_close_matches(name, sorted(known), 1)
    help = f"did you mean `{near[0]}`?" if near else f"apply the {kind} first, or put it into the same file"
    return Diagnostic(f"unknown-{kind}", f"there is no {kind} `{name}`", span=document.span(path), help=help)


def _spec(document: Document) -> Any:
    # Which keys there are follows from the document's type, which every caller has looked at.
    return document.spec
