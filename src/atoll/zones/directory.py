"""The zone directory: the meaning of a zone in a user's file, and suggestions for an unknown one.

`configuration` uses the built-in directory to check a file; the server uses one with the live lists of its
configured backends. Both return codes and facts; the caller writes the text.

Known and unknown. For a backend with a list, built in or live, a name that is not in it is unknown, even when it is
well-formed (`us-east-1g`): one wrong letter is far more common than a zone newer than this release, a wrong letter
accepted costs minutes and sometimes money, and a user of the new zone configures the backend, whose live list then
counts. Backends whose zones are free text or belong to one account (local, openstack, kubernetes, slurm, ssh, oci)
have no built-in list, so until there is a live one any well-formed text may be a zone of theirs.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache, cached_property
from typing import Literal

from atoll.model.zone import Zone, ZoneKind
from atoll.zones import naming, table
from atoll.zones.naming import LONGEST, ParsedName, canonical, fold, spellings
from atoll.zones.selection import Patterns, is_glob
from atoll.zones.suggestion import Speller

Source = Literal["live", "built-in", "none"]
Problem = Literal["unknown-zone", "zone-of-other-region", "zone-of-other-backend", "ambiguous-zone"]

EDGE = frozenset({ZoneKind.LOCAL_ZONE, ZoneKind.WAVELENGTH_ZONE})
"""Kinds that few mean: they must be opted into and offer few instance types."""


@dataclass(frozen=True, slots=True)
class Resolution:
    """What one entry of `availability_zones` means.

    `zones` are those it names: one for a name or id, several for a glob, none when `problem` is set or when nothing is
    known of the backend's zones. The exception is `ambiguous-zone`, which lists all candidates: as a filter such
    an entry still works, so the caller decides to refuse it or to warn.

    `suggestions` are nearest names, the best first: five at most, but all that are one letter away when these are more,
    so that the one that was meant is always among them. `known` are the zones of the region or backend that was meant
    (Local and Wavelength Zones only when one of those was). `home` is where the zone does live when region or backend
    is wrong.
    """

    zones: tuple[Zone, ...] = ()
    exclude: bool = False
    problem: Problem | None = None
    suggestions: tuple[str, ...] = ()
    known: tuple[str, ...] = ()
    home: Zone | None = None


@dataclass(frozen=True)
class _Listing:
    """The zones of one backend. `ids` stand for zones of which the id is known and the name is not."""

    zones: tuple[Zone, ...]
    ids: tuple[Zone, ...]
    source: Source
    as_of: date | None

    @cached_property
    def regions(self) -> Mapping[str, str]:
        """The regions of the zones by their folded names; made once."""
        return {fold(zone.region): zone.region for zone in self.zones}

    @cached_property
    def spelled(self) -> Mapping[str, Sequence[Zone]]:
        """The zones by each of their spellings; made once for all directories that the listing is in."""
        index: dict[str, list[Zone]] = {}
        for zone in (*self.zones, *self.ids):
            for spelling in spellings(zone):
                index.setdefault(spelling, []).append(zone)
        return index


class _Scope:
    """The backends and regions that a file leaves open; None means that it says nothing of them."""

    __slots__ = ("backends", "regions")

    def __init__(self, backends: Collection[str] | None, regions: Collection[str] | None) -> None:
        self.backends = frozenset(map(fold, backends)) if backends else None
        self.regions = frozenset(map(fold, regions)) if regions else None

    def has_backend(self, zone: Zone) -> bool:
        return self.backends is None or zone.backend in self.backends

    def has(self, zone: Zone) -> bool:
        return self.has_backend(zone) and (self.regions is None or fold(zone.region) in self.regions)


class Directory:
    """Zones by backend, with all their spellings. Immutable: `with_live` makes another."""

    def __init__(self, zones: Iterable[Zone], *, ids: Iterable[Zone] = (), as_of: date | None = None) -> None:
        """A directory of `zones` as built-in knowledge from `as_of`; `ids` are zones known by their id alone."""
        named, known_by_id = _by_backend(zones), _by_backend(ids)
        self._listings: Mapping[str, _Listing] = {
            backend: _Listing(listed, known_by_id.get(backend, ()), "built-in", as_of)
            for backend, listed in named.items()
        }
        self._speller: Speller | None = None

    def with_live(self, backend: str, zones: Iterable[Zone], as_of: date) -> "Directory":
        """This directory with what `backend` itself lists, as of a date or time, instead of what is built in."""
        other = Directory(())
        other._listings = {**self._listings, fold(backend): _Listing(tuple(zones), (), "live", as_of)}
        return other

    def source(self, backend: str) -> Source:
        """The source of the list of `backend`; `as_of` returns its date."""
        listing = self._listings.get(fold(backend))
        return listing.source if listing else "none"

    def as_of(self, backend: str) -> date | None:
        """When the list of `backend` was written (a datetime for most live lists); None without a list."""
        listing = self._listings.get(fold(backend))
        return listing.as_of if listing else None

    def zones(self, backend: str | None = None, region: str | None = None) -> tuple[Zone, ...]:
        """The zones known, of one backend or region or of all; places without zones are among them, nameless."""
        scope = _Scope(None if backend is None else [backend], None if region is None else [region])
        return tuple(zone for listing in self._listings.values() for zone in listing.zones if scope.has(zone))

    def regions(self, backends: Collection[str]) -> tuple[Mapping[str, str], ...]:
        """The regions of each of `backends` by their folded names; of every backend where none is given."""
        named = map(fold, backends) if backends else self._listings
        return tuple(self._listings[name].regions for name in named if name in self._listings)

    def resolve(
        self, text: str, *, backends: Collection[str] | None = None, regions: Collection[str] | None = None
    ) -> Resolution:
        """What `text` (a name, id, glob or `!` exclusion) means where the file allows these backends and regions.

        None or empty means that the file sets none. Never raises. A name that two of the allowed backends have is
        ambiguous (a glob or an exclusion is not: it means all of them), and so is Azure's bare number without a region.
        """
        written = text.strip()
        exclude = written.startswith("!")
        body = written[1:].strip() if exclude else written
        scope = _Scope(backends, regions)
        matches = self._matches(body)
        inside = tuple(zone for zone in matches if scope.has(zone))
        if inside:
            several = not exclude and not is_glob(body) and _ambiguous(inside, scope)
            if several:
                return Resolution(inside, problem="ambiguous-zone", suggestions=_distinct(inside, body))
            return Resolution(inside, exclude)
        if self._may_be_unlisted(body, scope):
            return Resolution((), exclude)
        return self._refusal(body, exclude, matches, scope)

    def _matches(self, body: str) -> tuple[Zone, ...]:
        """All zones of any backend that `body` names."""
        if not body or len(body) > LONGEST:
            return ()
        if is_glob(body):
            match = Patterns.compile([body]).match
            return tuple(filter(match, self.zones())) or tuple(filter(match, self._everything()))
        return self._spelled(body)

    def _may_be_unlisted(self, body: str, scope: _Scope) -> bool:
        """True when `body` may be a zone of a backend of which no list is known."""
        if not body:
            return False
        if scope.backends is None:
            # Nothing says which backend is meant: only what looks like a listed name is held against the lists.
            return is_glob(body) or not self._resembles(body)
        if scope.backends <= naming.ZONELESS:
            return True
        unlisted = scope.backends - naming.ZONELESS - self._listings.keys()
        return any(is_glob(body) or naming.parse(backend, body) for backend in unlisted)

    def _resembles(self, body: str) -> bool:
        if self._meant_regions(body, _Scope(None, None)):
            return True
        return self._nearest().is_near(body)

    def _refusal(self, body: str, exclude: bool, matches: tuple[Zone, ...], scope: _Scope) -> Resolution:
        home = self._home(body, matches, scope)
        problem: Problem = "unknown-zone"
        if home is not None:
            problem = "zone-of-other-region" if scope.has_backend(home) else "zone-of-other-backend"
        allowed = scope.has_backend if home is None else scope.has
        suggestions = self._suggestions(body, scope, allowed)
        hint = suggestions[0] if suggestions and home is None else None
        return Resolution((), exclude, problem, suggestions, self._known(body, hint, scope), home)

    def _home(self, body: str, matches: tuple[Zone, ...], scope: _Scope) -> Zone | None:
        """Where `body` lives when it is not where the file looks, if that is what went wrong."""
        if any(fold(body) == zone.name and zone.name.isdecimal() for zone in matches):
            return None  # a bare number is in every region and lives in none
        own = next(filter(scope.has_backend, matches), None)
        if own is None and self._meant_regions(body, scope):
            return None  # `us-east-1z` of an allowed cloud is a typo, even if another cloud has such a zone
        return own or next(iter(matches), None)

    def _suggestions(self, body: str, scope: _Scope, allowed: Callable[[Zone], bool]) -> tuple[str, ...]:
        if is_glob(body) or not body or len(body) > LONGEST:
            return ()
        region, _, name = body.rpartition("/")
        if name.isdecimal() and not region and scope.regions and len(scope.regions) == 1:
            region = next(iter(scope.regions))
        needle = f"{region}-{name}" if region and name.isdecimal() else name
        near = self._nearest().nearest(needle, scope.has, allowed)
        of_region = (canonical(zone) for zone in self.zones(region=body) if allowed(zone))
        return near or tuple(of_region)[:5]

    def _known(self, body: str, hint: str | None, scope: _Scope) -> tuple[str, ...]:
        """The zones of the narrowest place that was meant: the file's regions, the name's, or those of `hint`."""
        regions = scope.regions or self._meant_regions(body, scope)
        if not regions and hint:
            regions = frozenset(fold(zone.region) for zone in self._spelled(hint))
        if not regions and scope.backends is None:
            return ()
        kinds = {name.kind for name in self._parsed(body, scope)}
        names = (
            canonical(zone)
            for zone in self.zones()
            if scope.has_backend(zone)
            and (not regions or fold(zone.region) in regions)
            and (zone.kind not in EDGE or zone.kind in kinds)
        )
        return tuple(dict.fromkeys(names))

    def _parsed(self, body: str, scope: _Scope) -> list[ParsedName]:
        """`body` read by each listed backend that is possible."""
        possible = [backend for backend in self._listings if scope.backends is None or backend in scope.backends]
        return [name for backend in possible if (name := naming.parse(backend, body))]

    def _meant_regions(self, body: str, scope: _Scope) -> frozenset[str]:
        """The listed regions that the form of `body` implies."""
        regions = {(name.backend, fold(name.region)) for name in self._parsed(body, scope) if name.region}
        return frozenset(region for backend, region in regions if self._has_region(backend, region))

    def _has_region(self, backend: str, region: str) -> bool:
        return any(fold(zone.region) == region for zone in self._listings[backend].zones)

    def _everything(self) -> Iterable[Zone]:
        for listing in self._listings.values():
            yield from listing.zones
            yield from listing.ids

    def _spelled(self, body: str) -> tuple[Zone, ...]:
        spelling = fold(body)
        return tuple(zone for listing in self._listings.values() for zone in listing.spelled.get(spelling, ()))

    def _nearest(self) -> Speller:
        if self._speller is None:
            self._speller = Speller(self._everything())
        return self._speller


@cache
def builtin() -> Directory:
    """The directory of the built-in table; the same one at every call."""
    shipped = table.load()
    return Directory(shipped.zones, ids=shipped.ids, as_of=shipped.as_of)


def _by_backend(zones: Iterable[Zone]) -> dict[str, tuple[Zone, ...]]:
    found: dict[str, list[Zone]] = {}
    for zone in zones:
        found.setdefault(fold(zone.backend), []).append(zone)
    return {backend: tuple(listed) for backend, listed in found.items()}


def _ambiguous(zones: tuple[Zone, ...], scope: _Scope) -> bool:
    if len({zone.backend for zone in zones}) > 1:
        return True
    return len(zones) > 1 and scope.regions is None and zones[0].backend == "azure"


def _distinct(zones: tuple[Zone, ...], body: str) -> tuple[str, ...]:
    """Spellings that distinguish `zones`, if they exist."""
    names = dict.fromkeys(canonical(zone) for zone in zones)
    return tuple(name for name in names if fold(name) != fold(body))[:5]
