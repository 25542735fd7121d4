"""A saved world: the planner's snapshot, and what else determines a configuration's demand."""

from dataclasses import dataclass, field
from hashlib import blake2b

import msgspec

from atoll.planning.request import Document, VolumeRequest
from atoll.planning.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Settled:
    """A document that needed nothing, since it was applied already; `demand` is the digest of its demand."""

    kind: str
    name: str
    demand: str


@dataclass(frozen=True, slots=True)
class Saved:
    """What a snapshot file holds. `waiting` are volumes without a zone, `fleets` the names of those that are there."""

    snapshot: Snapshot
    project: str = "main"
    waiting: tuple[VolumeRequest, ...] = ()
    fleets: tuple[str, ...] = ()
    settled: frozenset[Settled] = field(default_factory=frozenset)


def digest(demand: Document) -> str:
    """A digest of a document's requirements, made of the planner's request: it holds no variable's value."""
    return blake2b(msgspec.json.encode(demand, order="deterministic"), digest_size=16).hexdigest()
