"""Zones in files: whether each exists where the file looks, and whether a run can reach its volumes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from atoll.configuration.checks import reach
from atoll.configuration.checks.reach import Home
from atoll.configuration.reading.document import Document
from atoll.configuration.reading.reader import Path
from atoll.configuration.types.fleet import Fleet
from atoll.configuration.types.gateway import Gateway
from atoll.configuration.types.run import Run
from atoll.configuration.types.volume import Volume
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.zone import Zone
from atoll.zones.directory import Directory, Resolution, builtin
from atoll.zones.naming import BACKENDS, ZONELESS, fold
from atoll.zones.selection import ZoneSelector

MOST_ZONES = 16
"""Zones that a note lists."""

MOST_ENTRIES = 10_000
"""Zones that all documents together may name: each is held against every zone that is known."""

MOST_REFUSALS = 100
"""Zones of one document that are refused one by one; each costs a search for the nearest name."""


@dataclass(frozen=True, slots=True)
class Ground:
    """What zones are held against: a directory and, on a server, its backends, which are all that a file may mean."""

    directory: Directory
    configured: Sequence[str] | None = None

    def backends(self, named: Sequence[str] | None) -> Sequence[str] | None:
        """The backends that a document may use; None where neither it nor the server says.

        Names of no backend are reported as such, and say nothing.
        """
        if not named:
            return self.configured
        return [name for name in named if fold(name) in BACKENDS or name in (self.configured or ())] or None

    def answers(self, backends: Sequence[str] | None) -> bool:
        """False when one of the backends may have zones that only a server knows."""
        return all(self.directory.source(name) != "none" or name in ZONELESS for name in backends or ())


@dataclass(frozen=True, slots=True)
class _Reference:
    """One zone in a document, and the backends and regions that it may be of."""

    document: Document
    path: Path
    text: str
    backends: Sequence[str] | None
    regions: Sequence[str] | None

    @property
    def place(self) -> str:
        return f"{' or '.join(self.backends or ())} {' or '.join(self.regions or ())}".strip() or "any backend"


def check(documents: Sequence[Document], ground: Ground | None = None) -> Iterator[Diagnostic]:
    """What is wrong with the zones of these documents, each alone and together; ends at `MOST_REFUSALS`."""
    ground = ground or Ground(builtin())
    crowding = crowded(documents)
    if crowding is not None:
        yield crowding
        return
    placed = homes(documents, ground.directory)
    for document in documents:
        yield from islice(_zones_of(document, ground), MOST_REFUSALS)
        if isinstance(document.spec, Run) and document.spec.volumes:
            yield from reach.check(document, placed, ground.directory)


def crowded(documents: Sequence[Document]) -> Diagnostic | None:
    """The finding that there are more zones than would be looked at in a bounded time."""
    count = 0
    for document in documents:
        count += len(getattr(document.spec, "availability_zones", None) or ())
        if count > MOST_ENTRIES:
            message = f"the documents name more than {MOST_ENTRIES:,} zones in all"
            span = document.span(("availability_zones",))
            return Diagnostic("wrong-value", message, span=span, help="use globs such as `us-east-1*`")
    return None


def _zones_of(document: Document, ground: Ground) -> Iterator[Diagnostic]:
    spec = document.spec
    if isinstance(spec, Fleet | Run) and spec.availability_zones:
        yield from _filter(document, spec, ground)
    elif isinstance(spec, Volume | Gateway) and spec.availability_zone is not None:
        regions = (spec.region,) if spec.region else None
        backends = ground.backends((spec.backend,) if spec.backend else None)
        reference = _Reference(document, ("availability_zone",), spec.availability_zone, backends, regions)
        answer = _resolve(reference, ground)
        if answer.problem and ground.answers(reference.backends):
            yield _refusal(reference, answer, ground)


def _resolve(reference: _Reference, ground: Ground) -> Resolution:
    return ground.directory.resolve(reference.text, backends=reference.backends, regions=reference.regions)


def _filter(document: Document, spec: Fleet | Run, ground: Ground) -> Iterator[Diagnostic]:
    backends = ground.backends(spec.backends)
    if not ground.answers(backends):
        return
    resolved: list[Resolution] = []
    for index, text in enumerate(spec.availability_zones or ()):
        reference = _Reference(document, ("availability_zones", index), text, backends, spec.regions)
        answer = _resolve(reference, ground)
        resolved.append(answer)
        if answer.problem:
            yield _refusal(reference, answer, ground)
    if all(answer.zones and not answer.problem for answer in resolved) and not _left(spec, backends, ground):
        message = "`availability_zones` excludes every zone that it allows"
        span = document.span(("availability_zones",))
        yield Diagnostic("zones-all-excluded", message, span=span, help="leave out one of the entries with `!`")


def _left(spec: Fleet | Run, backends: Sequence[str] | None, ground: Ground) -> bool:
    """True when the filter leaves a zone of the backends and regions; also when it names none to be left."""
    selector = ZoneSelector.compile(spec.availability_zones)
    if selector.exclude is None or (selector.include is None and not backends):
        return True
    for zone in ground.directory.zones():
        inside = not backends or zone.backend in backends
        if inside and (not spec.regions or zone.region in spec.regions) and selector.matches(zone):
            return True
    return False


def _refusal(reference: _Reference, answer: Resolution, ground: Ground) -> Diagnostic:
    if answer.problem == "ambiguous-zone":
        return _ambiguous(reference, answer)
    body = reference.text.strip().removeprefix("!").strip()
    notes = (*_known(answer), *_source(answer, reference.backends, ground.directory))
    if answer.home is not None:
        living = f"`{answer.home}` is a zone of {answer.home.backend} {answer.home.region}"
        # All zones of a cloud would not help where another cloud is meant.
        notes = (living, *notes) if answer.problem == "zone-of-other-region" or reference.regions else (living,)
    return Diagnostic(
        str(answer.problem),
        f"`{body[:80]}` is not a zone of {reference.place}",
        span=reference.document.span(reference.path),
        notes=notes,
        help=_cure(reference, answer, ground),
    )


def _cure(reference: _Reference, answer: Resolution, ground: Ground) -> str | None:
    near = f"did you mean `{answer.suggestions[0]}`?" if answer.suggestions else None
    home = answer.home
    if home is None:
        return near
    of_region = answer.problem == "zone-of-other-region"
    if not of_region and ground.configured is not None and home.backend not in ground.configured:
        return f"name a zone of another backend: this server has no `{home.backend}`"
    key, value = ("regions", home.region) if of_region else ("backends", home.backend)
    key = key.removesuffix("s") if reference.path == ("availability_zone",) else key
    return f"{f'{near} Or set' if near and of_region else 'set'} `{key}` to {value}"


def _known(answer: Resolution) -> tuple[str, ...]:
    more = len(answer.known) - MOST_ZONES
    names = ", ".join(answer.known[:MOST_ZONES]) + (f" and {more} more" if more > 0 else "")
    return (f"zones: {names}",) if names else ()


def _source(answer: Resolution, backends: Sequence[str] | None, directory: Directory) -> tuple[str, ...]:
    """Which lists the answer is from: a backend's own, with its time, or the built-in one."""
    if not backends:
        meant = [zone.backend for name in answer.suggestions[:1] for zone in directory.resolve(name).zones]
        backends = sorted({answer.home.backend} if answer.home else set(meant))
    notes = [
        f"{name} listed its zones at {_time(directory, name)}" for name in backends if _is(directory, name, "live")
    ]
    builtin_ = [name for name in backends if _is(directory, name, "built-in")]
    if builtin_:
        names = " and ".join(builtin_)
        notes.append(f"from the zones of {names} that this release knows, as of {_time(directory, builtin_[0])}")
    return tuple(notes)


def _is(directory: Directory, backend: str, source: str) -> bool:
    return directory.source(backend) == source


def _time(directory: Directory, backend: str) -> str:
    when = directory.as_of(backend)
    return f"{when:%Y-%m-%d %H:%M} UTC" if isinstance(when, datetime) else f"{when}"


def _ambiguous(reference: _Reference, answer: Resolution) -> Diagnostic:
    could = sorted({f"{zone.backend} {zone.region}" for zone in answer.zones})
    many = f" and {len(could) - 4} more" if len(could) > 4 else ""
    message = f"`{reference.text.strip()}` is a zone of {', '.join(could[:4])}{many}"
    key = "regions" if len({zone.backend for zone in answer.zones}) == 1 else "backends"
    span = reference.document.span(reference.path)
    return Diagnostic("ambiguous-zone", message, Severity.WARNING, span, help=f"set `{key}` to say which is meant")


def homes(documents: Sequence[Document], directory: Directory) -> dict[str, Home]:
    """Where the volumes among these documents are or will be, by name."""
    return {
        document.name: _home(document.spec, directory) for document in documents if isinstance(document.spec, Volume)
    }


def _home(spec: Volume, directory: Directory) -> Home:
    text, region = spec.availability_zone, spec.region or None
    if text is None:
        return Home(spec.backend, region)
    answer = directory.resolve(text, backends=(spec.backend,), regions=(region,) if region else None)
    if len(answer.zones) > 1:
        return Home(spec.backend, region)  # Azure's bare number without a region
    zone = answer.zones[0] if answer.zones else Zone(spec.backend, region or "", text)
    return Home(spec.backend, region or zone.region or None, zone, text)
