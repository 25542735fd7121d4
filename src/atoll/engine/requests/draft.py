"""One document on its way in: what was written, what is kept under its name, and what would change."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from atoll.configuration import Document
from atoll.engine.placing.demand import demand_of
from atoll.model.records import Fleet, Run, Volume
from atoll.planning.request import Document as Demand
from atoll.planning.request import FleetRequest
from atoll.wire.api import Change


@dataclass(frozen=True, slots=True)
class Draft:
    """A document with its canonical configuration, the record of its name if there is one, and the change.

    `outdated` are the ids of a fleet's instances that the new configuration does not ask for, and `nodes` is the size
    that the fleet is to have: its target, or where it may have more, as many of its nodes as fit.
    """

    document: Document
    config: Mapping[str, Any]
    kept: Fleet | Volume | Run | None
    change: Change
    outdated: frozenset[str] = frozenset()
    nodes: int = 0

    @property
    def kind(self) -> str:
        """fleet, volume or run."""
        return self.document.kind

    @property
    def name(self) -> str:
        """The document's name."""
        return self.document.name

    def demand(self, project: str) -> Demand:
        """What is planned for it: a fleet with the size that it is to have."""
        demand = demand_of(self.document, project)
        return replace(demand, nodes=self.nodes) if isinstance(demand, FleetRequest) else demand
