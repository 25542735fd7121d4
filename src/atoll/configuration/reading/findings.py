"""Pydantic's errors as diagnostics: our codes, our words, and the place in the file."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from atoll.configuration.reading.document import span_of
from atoll.configuration.reading.reader import Path, Place
from atoll.model.diagnostic import Diagnostic
from atoll.model.suggestion import did_you_mean, nearest

_EXPECTED_TYPE = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "tuple": "a list",
    "list": "a list",
    "frozen_set": "a list",
    "dict": "a mapping",
    "model": "a mapping",
    "bool": "`true` or `false`",
}
_OF_RESOURCES = ("gpu", "cpu", "memory", "disk", "shm_size")
MOVED: Mapping[str, str] = {
    **{key: f"it stands under `resources`: `resources: {{{key}: …}}`" for key in _OF_RESOURCES},
    "build": "dstack dropped it in 0.19: put what it built into an `image`, or into `commands`",
    "cache": "dstack dropped it: keep the folder on a volume, under `volumes`",
    "resources": "a profile has none since dstack 0.19: write `resources` in each configuration",
    "spot": "it is called `spot_policy`: `spot`, `on-demand` or `auto`",
    "pool_name": "dstack dropped pools: name a fleet under `fleets`",
    "instance_name": "dstack dropped it: name a machine under `instances`",
    "termination_policy": "it is `idle_duration` now; `off` keeps machines",
    "termination_idle_time": "it is called `idle_duration` now",
    "retry_policy": "it is called `retry` now",
    "volume": "it is called `volumes`, and is a list such as `- data:/data`",
    "zones": "it is called `availability_zones`",
    "instance_type": "it is called `instance_types`, and is a list",
    "region": "it is called `regions`, and is a list",
    "backend": "it is called `backends`, and is a list",
    "availability_zone": "it is called `availability_zones`, and is a list",
    "gateway_name": "it is called `gateway`",
    "home_dir_size": "the size of a disk stands under `resources`: `disk`",
}
"""Where keys went that dstack's files had, or that stand elsewhere."""
_LISTED = "begin a line with `- ` for each entry, or write `[one, two]`"
MOST_SEARCHED = 100
"""Unknown keys for which the nearest known one is looked for."""
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, and the path of what must go for the rest to be valid: () for the document as a whole.

    `needs` are the keys of which a document lacks one; `meant` is the key that a wrong one is most likely to mean.
    """

    diagnostic: Diagnostic
    path: Path
    needs: tuple[str, ...] = ()
    meant: str | None = None

    @property
    def key(self) -> object:
        """What distinguishes faults: one for each place, but each key that lacks or is unknown."""
        one = self.diagnostic
        return (one.span, one.message) if one.code in ("missing-key", "unknown-key") else one.span


def diagnostics(error: ValidationError, model: type[BaseModel], places: Mapping[Path, Place]) -> list[Diagnostic]:
    """One diagnostic for each place that is wrong."""
    return [fault.diagnostic for fault in faults(error, model, places)]


def faults(error: ValidationError, model: type[BaseModel], places: Mapping[Path, Place]) -> list[Fault]:
    """One fault for each place that is wrong."""
    found: dict[object, Fault] = {}
    for detail in error.errors(include_url=False, include_input=False):
        facts = detail.get("ctx", {})
        loc: Path = (*detail["loc"], *facts.get("path", ()))
        if detail["type"] == "extra_forbidden":
            one = _unknown_key(loc, places, _keys(model, loc[:-1]) if len(found) < MOST_SEARCHED else ())
        else:
            one = _fault(dict(detail), loc, places)
        found.setdefault(one.key, one)
    return list(found.values())


def _fault(detail: dict[str, Any], path: Path, places: Mapping[Path, Place]) -> Fault:
    facts, kind = detail.get("ctx", {}), detail["type"]
    if kind == "missing":
        message, span = f"`{path[-1]}` is missing", span_of(places, path[:-1], key=True)
        found = Diagnostic("missing-key", message, span=span, help=f"add `{path[-1]}:`")
        return Fault(found, _written(path[:-1], places), (str(path[-1]),))
    code, said = _said(kind, facts)
    where = _written(path, places)
    if code in ("wrong-type", "wrong-value") and where and isinstance(where[-1], str):
        said = f"`{where[-1]}`: {said}"
    help = facts.get("help") or (_LISTED if said.endswith("expected a list") else None)
    needs = ("nodes", "size", "commands", "repo", "header") if code == "missing-key" else ()
    return Fault(Diagnostic(code, said, span=span_of(places, where), help=help), where, needs)


def _said(kind: str, facts: dict[str, Any]) -> tuple[str, str]:
    """The code and the words for one of pydantic's error types or of ours."""
    if "text" in facts:
        return kind, facts["text"]
    if kind == "wrong-type":
        return kind, f"expected {facts['expected']}"
    if kind == "literal_error":
        return "wrong-value", "expected one of " + facts["expected"].replace("'", "`").replace(" or ", ", ")
    if kind == "int_from_float":
        return "wrong-value", "expected a whole number"
    if kind.endswith("_type") or kind.endswith("_parsing"):
        return "wrong-type", f"expected {_EXPECTED_TYPE.get(kind.rpartition('_')[0], 'another kind of value')}"
    for bound, words in _BOUNDS.items():
        if bound in facts:
            return "wrong-value", f"expected a number {words} {facts[bound]:g}"
    if kind == "too_short":
        return "wrong-value", f"expected at least {facts.get('min_length', 1)} entries"
    if kind == "string_too_long":
        return "wrong-value", f"expected at most {facts.get('max_length')} characters"
    return "wrong-value", "this value is not possible here"


def _unknown_key(path: Path, places: Mapping[Path, Place], known: Iterable[str]) -> Fault:
    key, names = str(path[-1]), list(dict.fromkeys(known))
    close = nearest(key, names)
    help = did_you_mean(key, names, "the keys here are " + ", ".join(f"`{name}`" for name in names)) or ""
    if key in names:
        help, close = "it belongs to another form of this part: `atoll export schema` has the keys of each", None
    elif (len(path) == 1 or path[0] == "profiles") and key in MOVED and names:
        in_profile = path[0] == "profiles" and len(path) > 1
        help, close = MOVED["resources" if in_profile and key in _OF_RESOURCES else key], None
    elif len(help) > 160 or not names:
        help = "`atoll export schema` has the keys of every type"
    span = span_of(places, path, True)
    return Fault(Diagnostic("unknown-key", f"`{key[:60]}` is not a key here", span=span, help=help), path, (), close)


def _keys(model: type[BaseModel], path: Path) -> Iterator[str]:
    """The keys that the mapping at `path` may have."""
    current = [model]
    for step in path:
        if isinstance(step, int):
            continue
        fields = [info for one in current for name, info in one.model_fields.items() if (info.alias or name) == step]
        current = [inner for info in fields for inner in models_in(info.annotation)] or current
    for one in current:
        yield from (info.alias or name for name, info in one.model_fields.items())


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from models_in(inner)


def _written(path: Path, places: Mapping[Path, Place]) -> Path:
    while path and path not in places:
        path = path[:-1]
    return path
