"""Validation of a document that goes on behind its faults, so that one does not hide the others."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from atoll.configuration.reading.document import Spec
from atoll.configuration.reading.findings import Fault, faults
from atoll.configuration.reading.reader import Path, Place
from atoll.model.diagnostic import Diagnostic

MOST_ROUNDS = 6
"""Validations of one document: each finds what the faults of the one before it hid."""
MOST_FAULTS = 100
"""Faults of one document, after which it is not validated again."""

_SAMPLES: Mapping[str, Any] = {
    "nodes": 1,
    "size": 1,
    "commands": ["true"],
    "port": 80,
    "repo": "a",
    "backend": "",
    "region": "",
    "name": "a",
    "hosts": ["a"],
}
"""Stand-ins for faulty or missing values that a document cannot do without; only further faults are looked for."""


@dataclass(frozen=True, slots=True)
class Validated:
    """The spec of what is right in a document, and what is wrong with the rest.

    `spec` is None when too much is wrong. `lost` are top-level keys of which nothing is known.
    """

    spec: Spec | None
    places: Mapping[Path, Place]
    found: tuple[Diagnostic, ...] = ()
    lost: frozenset[str] = frozenset()


def validated(
    model: type[Spec], data: Mapping[str, Any], places: Mapping[Path, Place], context: Mapping[str, Any]
) -> Validated:
    """The document as this model, with every fault of it; what is faulty is left out of the spec."""
    found: dict[object, Diagnostic] = {}
    lost: set[str] = set()
    gone: set[Path] = set()
    value: Any = data
    for _ in range(MOST_ROUNDS):
        try:
            spec = model.model_validate(value, context=context)
        except ValidationError as error:
            wrong = faults(error, model, places)
        else:
            return Validated(spec, places, tuple(found.values()), frozenset(lost))
        before = len(found)
        spurious = [one for one in wrong if _is_own_doing(one, lost, gone)]
        for one in wrong:
            if one in spurious:
                continue
            found.setdefault(one.key, one.diagnostic)
        lost |= {str(one.path[0]) for one in wrong if one.path} | {one.meant for one in wrong if one.meant}
        if (len(found) == before and not spurious) or len(found) >= MOST_FAULTS:
            break
        value, places = _without(value, places, wrong, model, gone)
    return Validated(None, places, tuple(found.values()), frozenset(lost))


def _is_own_doing(fault: Fault, lost: set[str], gone: set[Path]) -> bool:
    """True when what is missing was left out because of a fault that is reported already."""
    return bool(lost.intersection(fault.needs)) or any((*fault.path, key) in gone for key in fault.needs)


def _without(
    data: Any, places: Mapping[Path, Place], wrong: list[Fault], model: type[BaseModel], gone: set[Path]
) -> tuple[Any, Mapping[Path, Place]]:
    """The data without its faulty parts, with stand-ins where one is needed; `gone` gets its left out keys."""
    bad = {one.path for one in wrong if one.path}
    kept: dict[Path, Place] = {path: place for path, place in places.items() if len(path) == 0}
    value = _Copy(bad, places, kept, gone).of(data, (), ())
    for one in wrong:
        if not one.path and one.diagnostic.code == "missing-key":
            value.update({key: _SAMPLES[key] for key in one.needs if key in _SAMPLES and key in model.model_fields})
    for path in bad:
        key = str(path[0])
        if len(path) == 1 and key in _SAMPLES and key not in value and _is_required(model, key):
            value[key] = _SAMPLES[key]
    return value, kept


def _is_required(model: type[BaseModel], key: str) -> bool:
    return key in model.model_fields and model.model_fields[key].is_required()


@dataclass(frozen=True, slots=True)
class _Copy:
    """A copy of data without the paths in `bad`: places go to `kept`, keys that are left out to `gone`."""

    bad: set[Path]
    places: Mapping[Path, Place]
    kept: dict[Path, Place]
    gone: set[Path]

    def of(self, value: Any, old: Path, new: Path) -> Any:
        """The copy of the value at `old`, which is at `new` in the copy."""
        if old in self.places:
            self.kept[new] = self.places[old]
        if isinstance(value, dict):
            self.gone.update((*new, key) for key in value if (*old, key) in self.bad)
            return {
                key: self.of(inner, (*old, key), (*new, key))
                for key, inner in value.items()
                if (*old, key) not in self.bad
            }
        if isinstance(value, list):
            left = [index for index in range(len(value)) if (*old, index) not in self.bad]
            return [self.of(value[index], (*old, index), (*new, at)) for at, index in enumerate(left)]
        return value


def without_extensions(data: Mapping[str, Any]) -> dict[str, Any]:
    """The document without its top-level `x-…` keys, which hold anchors and notes for people."""
    return {key: value for key, value in data.items() if not key.startswith("x-")}
