"""Backends and regions in files, before the planner looks at them: those that dstack and this release know."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from atoll.configuration.checks.zoning import Ground
from atoll.configuration.reading.document import Document
from atoll.configuration.reading.reader import Path
from atoll.configuration.types.gateway import Gateway
from atoll.configuration.types.volume import Volume
from atoll.model.diagnostic import Diagnostic, Severity
from atoll.model.suggestion import did_you_mean
from atoll.zones.directory import builtin
from atoll.zones.naming import BACKENDS, fold

MOST_CHECKED = 100
"""Backends and regions of one document that are looked for; each wrong one costs a search for the nearest name."""


@dataclass(frozen=True, slots=True)
class _Named:
    """The backends and regions that a document names, with their paths."""

    backends: Sequence[tuple[Path, str]]
    regions: Sequence[tuple[Path, str]]


def check(document: Document, ground: Ground | None) -> Iterator[Diagnostic]:
    """What is wrong with the backends and regions that a document names.

    On a server, which has a `ground`, its own check of backends says more, and one of several regions may be unknown
    there: the zones of one may have left the provider's list.
    """
    directory = ground.directory if ground else builtin()
    named = _named(document)
    known = BACKENDS.union(ground.configured or () if ground else ())
    unknown = [(path, name) for path, name in named.backends if fold(name) not in known]
    for path, name in unknown if ground is None else ():
        help = did_you_mean(fold(name), BACKENDS, "`atoll server status` shows the backends of a server")
        message = f"`{name[:60]}` is not a backend"
        yield Diagnostic("unknown-backend", message, span=document.span(path), help=help)
    backends = {fold(name) for _, name in named.backends} - {fold(name) for _, name in unknown}
    if not named.backends and ground is not None:
        backends = set(ground.configured or ())
    if any(directory.source(name) == "none" for name in backends):
        return
    listed = directory.regions(backends) if named.regions else ()
    missing = [(path, name) for path, name in named.regions if not any(fold(name) in regions for regions in listed)]
    for path, name in missing:
        near = did_you_mean(fold(name), dict.fromkeys(region for regions in listed for region in regions.values()))
        alone = len(missing) == len(named.regions) or ground is None
        if near is not None or (bool(backends) and not unknown):
            message = f"`{name[:60]}` is not a region of {' or '.join(sorted(backends)) or 'any backend'}"
            severity = Severity.ERROR if near is not None or alone else Severity.WARNING
            yield Diagnostic("unknown-region", message, severity, document.span(path), help=near)


def _named(document: Document) -> _Named:
    spec = document.spec
    if isinstance(spec, Volume | Gateway):
        return _Named(
            [(("backend",), spec.backend)] if spec.backend else [], [(("region",), spec.region)] if spec.region else []
        )
    backends, regions = spec.backends or (), spec.regions or ()
    return _Named(
        [(("backends", index), name) for index, name in enumerate(backends[:MOST_CHECKED])],
        [(("regions", index), name) for index, name in enumerate(regions[:MOST_CHECKED])],
    )
