"""One document of a submission: its typed spec, and where each part of it was written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from atoll.configuration.reading.reader import Path, Place
from atoll.configuration.types.fleet import Fleet
from atoll.configuration.types.gateway import Gateway
from atoll.configuration.types.preset import Preset
from atoll.configuration.types.run import DevEnvironment, Run, Task
from atoll.configuration.types.service import Service
from atoll.configuration.types.volume import Volume
from atoll.model.diagnostic import Diagnostic, Span

Spec = Fleet | Volume | Task | Service | DevEnvironment | Gateway | Preset

MODELS: Mapping[str, type[Spec]] = {
    "fleet": Fleet,
    "volume": Volume,
    "task": Task,
    "service": Service,
    "dev-environment": DevEnvironment,
    "gateway": Gateway,
    "preset": Preset,
}
"""The model of each `type`."""


def kind_of(type: str) -> str:
    """The kind of a document's type."""
    return "run" if issubclass(MODELS[type], Run) else type


@dataclass(frozen=True, slots=True)
class Document:
    """A valid document. `name` is the file's own, or one made from the file's name."""

    type: str
    name: str
    spec: Spec
    file: str
    places: Mapping[Path, Place] = field(default_factory=dict, repr=False, compare=False)

    @property
    def kind(self) -> str:
        """`fleet`, `volume`, `run`, `gateway` or `preset`: names are unique within a kind."""
        return kind_of(self.type)

    def span(self, path: Path, key: bool = False) -> Span | None:
        """Where the value at `path` stands (its key with `key`), or else the nearest thing around it."""
        return span_of(self.places, path, key)

    def to_json(self) -> dict[str, Any]:
        """What was set, in the long forms and units of the spec; `spec_from_json` makes the same spec of it."""
        return self.spec.model_dump(mode="json", by_alias=True, exclude_unset=True)


@dataclass(frozen=True, slots=True)
class Unread:
    """A document with errors, or several of a file that cannot be read: what they define is known in part at most.

    None stands for what is not known: any kind, any name.
    """

    kind: str | None = None
    name: str | None = None

    def may_be(self, kind: str, name: str) -> bool:
        """Whether it may define this thing."""
        return self.kind in (None, kind) and self.name in (None, name)


@dataclass(frozen=True, slots=True)
class Parsed:
    """What `parse` found. Documents with errors are left out of `documents`, and stand in `unread`."""

    documents: tuple[Document, ...]
    diagnostics: tuple[Diagnostic, ...]
    unread: tuple[Unread, ...] = ()
    partial: tuple[Document, ...] = ()
    """What can be read of documents with errors: for finding more faults, and for nothing else."""
    default_profile: str | None = None
    """The profile that runs took keys from although no command names it."""

    @property
    def ok(self) -> bool:
        """True without errors; warnings may be there."""
        return not any(found.severity == "error" for found in self.diagnostics)


def span_of(places: Mapping[Path, Place], path: Path, key: bool = False) -> Span | None:
    """The span of the longest beginning of `path` that was written."""
    for end in range(len(path), -1, -1):
        place = places.get(path[:end])
        if place is not None:
            return place.key if place.key is not None and (key or end < len(path)) else place.value
    return None


def spec_from_json(type: str, data: Mapping[str, Any]) -> Spec:
    """The spec that `Document.to_json` saved. Raises ValueError for what it never saves."""
    model = MODELS.get(type)
    if model is None:
        raise ValueError(f"no type `{type}`")
    return model.model_validate(data)
