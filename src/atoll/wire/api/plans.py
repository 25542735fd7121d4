"""Plans: placements, and the reason for everything that is refused."""

from dataclasses import dataclass

from atoll.model.zone import Zone
from atoll.wire.price import Price

Scalar = str | int | float | bool | None


@dataclass(frozen=True, slots=True)
class PlannedNode:
    """Where one node of a document goes. `source` is new, existing (`instance` is its name) or planned (`fleet_node` of
    `fleet`). `zone` is empty where the backend has regions only."""

    document: str
    node: int
    backend: str
    region: str
    zone: str
    zone_id: str | None
    instance_type: str
    cpus: float
    memory_gb: float
    gpu: str
    market: str
    price: Price
    source: str
    instance: str | None = None
    fleet: str | None = None
    fleet_node: int | None = None
    volumes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RefusalScope:
    """What a refusal is about: a zone, or only one instance type or market in it."""

    backend: str
    region: str
    zone: str
    zone_id: str | None = None
    instance_type: str | None = None
    market: str | None = None


@dataclass(frozen=True, slots=True)
class PlannedRefusal:
    """Why a zone, or `count` offers in it, are not used: the code with its facts, and the sentence made from them."""

    scope: RefusalScope
    code: str
    data: dict[str, Scalar | tuple[str, ...]]
    message: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class PlannedCure:
    """A change that makes a document fit in `zones`, from `price`: set `requirement` to `value`, or drop it (null)."""

    requirement: str
    value: Scalar | tuple[str, ...]
    zones: tuple[str, ...]
    price: Price
    message: str


@dataclass(frozen=True, slots=True)
class PlannedShortfall:
    """Why a document cannot be placed, and what would cure it.

    One that `waits` is accepted, and placed later.
    """

    wanted: int
    placed: int
    code: str
    data: dict[str, Scalar | tuple[str, ...]]
    message: str
    cures: tuple[PlannedCure, ...] = ()
    waits: bool = False


@dataclass(frozen=True, slots=True)
class Removal:
    """An instance to be removed from a fleet: FLEET-NODE, its zone, whether a job is on it, and its id.

    An `outdated` one does not match the new configuration: another one takes its place."""

    instance: str
    zone: Zone
    busy: bool = False
    id: str = ""
    outdated: bool = False


@dataclass(frozen=True, slots=True)
class PlannedDocument:
    """The plan of one fleet, run or volume. `refusals` holds one for each zone not used, the nearest miss first;
    `offers` counts the refused offers by zone and code. `zone` is a volume's; `price` USD an hour for what is new;
    `removals` are the instances that a fleet loses, in their order: when the new ones work, or with `replaced_first`
    the outdated ones before."""

    kind: str
    name: str
    nodes: tuple[PlannedNode, ...] = ()
    zone: Zone | None = None
    refusals: tuple[PlannedRefusal, ...] = ()
    offers: tuple[PlannedRefusal, ...] = ()
    shortfall: PlannedShortfall | None = None
    price: Price = 0
    traffic: float = 0
    notes: tuple[str, ...] = ()
    removals: tuple[Removal, ...] = ()
    replaced_first: bool = False


@dataclass(frozen=True, slots=True)
class PlanView:
    """The whole plan. `complete` is False when any document has a shortfall; `proven` is False when the budget
    ended the search with the best that it had found. `note` says how good that is, and which backends could not be
    listed where a document does not fit; `price` is USD an hour for all that is new."""

    documents: tuple[PlannedDocument, ...]
    price: Price
    complete: bool
    proven: bool = True
    gap: float | None = 0
    note: str = ""
