"""The form of a snapshot file: the planner's input, as JSON that a person or a program can write.

`atoll plan --save-snapshot` writes it, `atoll plan --snapshot` plans on it, `atoll export schema --snapshot` prints its
JSON Schema. Offers alone are enough; everything else adds limits or existing resources. Prices are USD an hour,
sizes GB, times ISO 8601 with their zone.

Unlike the API's shapes these are msgspec structs: a file comes from outside, so every field is checked, and an unknown
one is refused.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from atoll.model.failure import FailureKind, Resource
from atoll.model.offer import Availability, Market
from atoll.model.zone import ZoneKind, ZoneState

LARGEST_BYTES = 64 << 20
"""The largest snapshot file that is read. 115,000 offers take 25 MB as objects and 2 MB as a table."""

LONGEST = 256

PLAIN = r"^[^\x00-\x1f\x7f-\x9f]*$"
"""Names and texts are printed to terminals."""

Name = Annotated[str, Meta(min_length=1, max_length=LONGEST, pattern=PLAIN)]
Text = Annotated[str, Meta(max_length=LONGEST, pattern=PLAIN)]
Amount = Annotated[float, Meta(ge=0, le=1e9)]
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Size = Annotated[float, Meta(gt=0, le=1e9)]
Time = Annotated[datetime, Meta(tz=True)]
Ability = Annotated[str, Meta(pattern=r"^[0-9]{1,3}\.[0-9]{1,3}$")]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The base of all parts of the file: no unknown keys, defaults are not written."""


class SavedCapacity(Part, frozen=True, kw_only=True):
    """An amount of machine."""

    cpus: Amount = 0
    memory_gb: Amount = 0
    gpus: Amount = 0


class SavedBackend(Part, frozen=True, kw_only=True):
    """A backend's abilities. One that is not described has zones and volumes."""

    name: Name
    zoned: bool = True
    volumes: bool = True
    multi_attach: bool = False
    mounts_at_path: bool = True
    owned: bool = False


class SavedPlace(Part, frozen=True, kw_only=True):
    """A zone by name; `zone` is left out where the backend has regions only."""

    backend: Name
    region: Name
    zone: Text = ""
    zone_id: Name | None = None
    kind: ZoneKind | None = None


class SavedZone(SavedPlace, frozen=True, kw_only=True):
    """A zone's state, its declared capacity, and the part of that in use.

    Where a backend has any entry here, these and the zones of its offers are all the zones that it has.
    """

    state: ZoneState = ZoneState.AVAILABLE
    reason: Text = ""
    until: Time | None = None
    capacity: SavedCapacity | None = None
    used: SavedCapacity | None = None


class SavedGpus(Part, frozen=True, kw_only=True):
    """The GPUs of one machine, all alike; `memory_gb` is that of one."""

    name: Text
    count: Count
    memory_gb: Amount = 0
    vendor: Name = "nvidia"
    compute_capability: Ability | None = None


Gpus = SavedGpus | Text | Count | None
"""An object, or `H100:8`, `H100:80GB:8`, or a number of GPUs of no known name."""


class SavedMachine(Part, frozen=True, kw_only=True):
    """The resources of a machine of an instance type."""

    instance_type: Name
    cpus: Size
    memory_gb: Size
    disk_gb: Amount = 0
    arch: Name = "x86"
    gpus: Gpus = None
    containers: Text | None = None


class SavedMachineThere(SavedPlace, frozen=True, kw_only=True):
    """A machine of an instance type in a zone."""

    # Repeats `SavedMachine`: a struct cannot have two bases with fields.
    instance_type: Name
    cpus: Size
    memory_gb: Size
    disk_gb: Amount = 0
    arch: Name = "x86"
    gpus: Gpus = None
    containers: Text | None = None


class SavedOffer(SavedMachineThere, frozen=True, kw_only=True):
    """One instance type in one zone on one market. `capacity` is how many more are available, where known.

    `price` is USD an hour; null where it is not known.
    """

    price: Amount | None
    market: Market = Market.ON_DEMAND
    availability: Availability = Availability.AVAILABLE
    capacity: Count | None = None


class OfferTable(Part, frozen=True, kw_only=True):
    """Many offers as a compact table: one entry for each offer in each column.

    `zone` and `type` hold positions in `zones` and `types`, `market` and `availability` positions in `markets` and
    `availabilities`. Without the column, all are on-demand and available; a `capacity` of -1 is unknown, as is a
    `price` of null.
    """

    zones: list[SavedPlace]
    types: list[SavedMachine]
    zone: list[Count]
    type: list[Count]
    price: list[Amount | None]
    market: list[Count] | None = None
    availability: list[Count] | None = None
    capacity: list[Annotated[int, Meta(ge=-1, le=1_000_000_000)]] | None = None
    markets: list[Market] = msgspec.field(default_factory=lambda: list(Market))
    availabilities: list[Availability] = msgspec.field(default_factory=lambda: list(Availability))


class SavedInstance(SavedMachineThere, frozen=True, kw_only=True):
    """An existing machine. A `busy` one counts for spread and usage and takes no run.

    An `outdated` one, which its fleet's configuration does not ask for any more, counts for usage alone. Runs use
    `used_blocks` of its `blocks`."""

    id: Name
    node: Count
    market: Market = Market.ON_DEMAND
    price: Amount | None = 0
    busy: bool = False
    outdated: bool = False
    attached: list[Name] = []
    blocks: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    used_blocks: Count = 0


class SavedFleet(Part, frozen=True, kw_only=True):
    """An existing fleet, with its instances."""

    name: Name
    instances: list[SavedInstance] = []


class SavedVolume(SavedPlace, frozen=True, kw_only=True):
    """A volume that has its zone. `attached_to` are ids of instances."""

    name: Name
    size_gb: Amount
    attached_to: list[Name] = []
    multi_attach: bool = False


class SavedWaiting(Part, frozen=True, kw_only=True):
    """An applied volume that has no zone yet."""

    name: Name
    size_gb: Amount
    backend: Name | None = None
    region: Name | None = None
    availability_zone: Name | None = None
    binding: Literal["immediate", "wait-for-first-consumer"] = "immediate"


class SavedQuota(Part, frozen=True, kw_only=True):
    """A limit of the account in vCPUs, for one region and market."""

    backend: Name
    region: Name
    limit_cpus: Amount
    market: Market = Market.ON_DEMAND
    used_cpus: Amount = 0


class SavedFailure(Part, frozen=True, kw_only=True):
    """A remembered failure. Every field of its scope that is set must match; without `until` it has no end."""

    kind: FailureKind
    backend: Name
    at: Time
    region: Name | None = None
    zone: Name | None = None
    instance_type: Name | None = None
    market: Market | None = None
    resource: Resource = Resource.MACHINE
    until: Time | None = None
    count: Count = 1


class SavedDocument(Part, frozen=True, kw_only=True):
    """A document that needed nothing when the snapshot was taken. `demand` shows whether it is still the same."""

    kind: Literal["fleet", "volume", "run"]
    name: Name
    demand: Name


class SnapshotFile(Part, frozen=True, kw_only=True):
    """The whole file. `now` is needed where there are failures; `project` and `seed` break ties."""

    offers: list[SavedOffer] | OfferTable
    format: Literal[1] = 1
    now: Time | None = None
    seed: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] = 0
    project: Name = "main"
    backends: list[SavedBackend] = []
    zones: list[SavedZone] = []
    quotas: list[SavedQuota] = []
    fleets: list[SavedFleet] = []
    volumes: list[SavedVolume] = []
    waiting: list[SavedWaiting] = []
    failures: list[SavedFailure] = []
    settled: list[SavedDocument] = []


def schema() -> dict[str, Any]:
    """The JSON Schema of the file. A bare list of offers is a snapshot, too."""
    (whole,), parts = msgspec.json.schema_components([SnapshotFile | list[SavedOffer]], ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "An Atoll snapshot: what the planner sees of the world",
        **whole,
        "$defs": parts,
    }
