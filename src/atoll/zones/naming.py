"""How each backend spells its zones: parsing one name, and the spelling that users see.

The directory, the selector and the backends use it. It is grammar only: whether a zone exists is the directory's
answer, and the directory's region for a name precedes the one parsed here. A region is parsed from a name only
where the provider documents how the name is built (GCP's AI zones and Alibaba's two forms show why no rule of thumb
will do); elsewhere it is None.
"""

import re
from dataclasses import dataclass
from functools import cache

from atoll.model.zone import Zone, ZoneKind

ZONELESS = frozenset({"nebius", "lambda", "vultr"})
"""Backends with regions only: a zone filter says nothing about their offers."""

BACKENDS = frozenset((
    "amddevcloud", "aws", "azure", "cloudrift", "crusoe", "cudo", "datacrunch", "daytona", "digitalocean", "dstack",
    "fake", "gcp", "hotaisle", "jarvislabs", "kubernetes", "lambda", "lium", "local", "nebius", "oci", "openstack",
    "remote", "runpod", "seeweb", "slurm", "ssh", "tensordock", "vastai", "verda", "vultr",
))  # fmt: skip
"""The backends that a file can name: Atoll's own, and those of dstack 0.22.5."""

LONGEST = 128
"""Characters; no provider's zone name comes near, and a longer text is none."""


@dataclass(frozen=True, slots=True)
class ParsedName:
    """A well-formed zone name in the provider's letter case; it need not exist.

    `region` is None where the name does not contain it. `zone_id` is set when the text was an id instead of a name, and
    equals `name` then: which name an id has may differ by account.
    """

    backend: str
    region: str | None
    name: str
    zone_id: str | None = None
    kind: ZoneKind = ZoneKind.AVAILABILITY_ZONE


@dataclass(frozen=True, slots=True)
class _Form:
    """One way to write a zone; the groups `region` and `name` are optional."""

    pattern: str
    kind: ZoneKind = ZoneKind.AVAILABILITY_ZONE
    is_id: bool = False
    case: str = "lower"


_AWS = r"(?P<region>[a-z]+(?:-[a-z]+)+-\d+)"
_AWS_ID = r"[a-z]+\d+"
_GCP = r"(?P<region>[a-z]+-[a-z]+\d+)"
_AZURE = r"(?P<region>[a-z]{4}[a-z0-9]*)"
_FREE = _Form(r"[^\s/].*", case="same")

_FORMS: dict[str, tuple[_Form, ...]] = {
    # AWS Regions and Availability Zones guide: "Availability Zones", "Local Zones", "Wavelength Zones", "AZ IDs".
    "aws": (
        _Form(_AWS + r"[a-z]"),
        _Form(_AWS + r"-[a-z]{3}-\d+[a-z]", ZoneKind.LOCAL_ZONE),
        _Form(_AWS + r"-wl\d+-[a-z]{3}-wlz-\d+", ZoneKind.WAVELENGTH_ZONE),
        _Form(_AWS_ID + r"-az\d+", is_id=True),
        _Form(_AWS_ID + r"-[a-z]{3}\d+-az\d+", ZoneKind.LOCAL_ZONE, is_id=True),
        _Form(_AWS_ID + r"-wl\d+-[a-z]{3}-wlz\d+", ZoneKind.WAVELENGTH_ZONE, is_id=True),
    ),
    # Compute Engine, "Regions and zones": the full name of a zone is REGION-ZONE; AI zones are `ai`, digit, letter.
    "gcp": (_Form(_GCP + r"-(?:[a-z]|ai\d+[a-z])"),),
    # Azure, "Physical and logical availability zones".
    "azure": (
        _Form(r"(?P<name>\d)"),
        _Form(_AZURE + r"-az\d+", is_id=True),
        _Form(_AZURE + r"[-/](?P<name>\d)"),
        _Form(_AZURE + r"(?P<name>)", ZoneKind.REGION),
    ),
    # OCI, "Regions and Availability Domains": the prefix before the colon differs by tenancy.
    "oci": (_Form(r"(?:[a-z0-9]+:)?[a-z0-9-]+-ad-\d", case="same"),),
    # ECS, "Regions and zones": a hyphen before the letter only where the region does not end in a digit.
    "alibaba": (
        _Form(r"(?P<region>[a-z]+(?:-[a-z]+)*-\d+)[a-z]"),
        _Form(r"(?P<region>[a-z]+(?:-[a-z]+)+)-[a-z]"),
    ),
    "tencent": (_Form(r"(?P<region>[a-z]+(?:-[a-z]+)+)-\d+"),),
    "huawei": (_Form(r"[a-z]+-[a-z]+-\d+[a-z]"),),
    "openstack": (_Form(r"[^\s:/][^:]*", case="same"),),  # ZONE:HOST:NODE is an admin's form and not a zone
    "kubernetes": (_Form(r"[a-z0-9](?:[a-z0-9_.-]{0,61}[a-z0-9])?", case="same"),),  # a label value
    "slurm": (_Form(r"[^\s,:=]+", ZoneKind.PARTITION, case="same"),),
    "ssh": (_Form(_FREE.pattern, ZoneKind.SITE, case="same"),),
    "runpod": (_Form(r"(?P<region>[a-z]+-[a-z]+-\d+)", ZoneKind.DATA_CENTRE, case="upper"),),
    # Hetzner Cloud, "Locations": a location holds data centres; either names the place.
    "hetzner": (
        _Form(r"(?P<region>[a-z]{3}\d*)-dc\d+", ZoneKind.DATA_CENTRE),
        _Form(r"(?P<region>[a-z]{3}\d*)", ZoneKind.LOCATION),
    ),
    "ovh": (_Form(r"[a-z]+\d*(?:-[a-z0-9]+)*-[a-z]"),),
    "upcloud": (_Form(r"(?P<region>[a-z]{2}-[a-z]{3}\d+)", ZoneKind.DATA_CENTRE),),
}


def parse(backend: str, text: str, region: str | None = None) -> ParsedName | None:
    """`text` read as a zone of `backend`, or None when its zones are not spelled so.

    `region` is the file's and is used when the name has none (a bare `1` of Azure). A backend without
    a grammar of its own takes any text.
    """
    backend, text = fold(backend), text.strip()
    if backend in ZONELESS or len(text) > LONGEST:
        return None
    for form, pattern in _compiled(backend):
        if found := pattern.fullmatch(text):
            return _parsed(backend, form, found, region)
    return None


def canonical(zone: Zone) -> str:
    """The spelling that users see and may write: it names `zone` without further context within its backend.

    The provider's own name, except for Azure's logical numbers (`eastus-1`) and places without zones (the region).
    """
    if not zone.name:
        return zone.region
    if zone.backend == "azure" and zone.name.isdecimal():
        return f"{zone.region}-{zone.name}"
    return zone.name


def spellings(zone: Zone) -> tuple[str, ...]:
    """All that names `zone`, folded: its name, its id, both spellings with the region, Hetzner's location."""
    region, name = fold(zone.region), fold(zone.name)
    if not name:
        return (region,)
    found = [name, f"{region}/{name}"]
    if zone.zone_id is not None and zone.zone_id != zone.name:
        found.append(fold(zone.zone_id))
    if zone.backend == "azure" and name.isdecimal():
        found.append(f"{region}-{name}")
    elif zone.backend == "hetzner":
        found.append(region)
    return tuple(found)


def fold(text: str) -> str:
    """`text` for comparing: names are compared without regard to case."""
    return text.strip().casefold()


def _parsed(backend: str, form: _Form, found: re.Match[str], region: str | None) -> ParsedName:
    groups = found.groupdict()
    name = _cased(groups.get("name", found[0]), form.case)
    own = groups.get("region")
    return ParsedName(
        backend=backend,
        region=region if own is None else _cased(own, form.case),
        name=name,
        zone_id=name if form.is_id else None,
        kind=form.kind,
    )


def _cased(text: str, case: str) -> str:
    if case == "same":
        return text
    return text.upper() if case == "upper" else text.lower()


@cache
def _compiled(backend: str) -> tuple[tuple[_Form, re.Pattern[str]], ...]:
    forms = _FORMS.get(backend, (_FREE,))
    return tuple((form, re.compile(form.pattern, re.IGNORECASE | re.ASCII)) for form in forms)
