"""One document on its way in: what was written, what is kept under its name, and what would change."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from atoll.configuration import Document
from atoll.model.records import Fleet, Run, Volume
from atoll.wire.api import Change


@dataclass(frozen=True, slots=True)
class Draft:
    """A document with its canonical configuration, the record of its name if there is one, and the change.

    `outdated` are the ids of a fleet's instances that the new configuration does not ask for.
    """

    document: Document
    config: Mapping[str, Any]
    kept: Fleet | Volume | Run | None
    change: Change
    outdated: frozenset[str] = frozenset()

    @property
    def kind(self) -> str:
        """fleet, volume or run."""
        return self.document.kind

    @property
    def name(self) -> str:
        """The document's name."""
        return self.document.name
