"""Pydantic's errors as diagnostics: our codes, our words, and the place in the file."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from atoll.configuration.reading.document import span_of
from atoll.configuration.reading.reader import Path, Place
from atoll.model.diagnostic import Diagnostic

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
_LISTED = "begin a line with `- ` for each entry, or write `[one, two]`"
MOST_SEARCHED = 100
"""Unknown keys for which the nearest known one is looked for."""
_BOUNDS = {"ge": "at least", "gt": "above", "le": "at most", "lt": "below"}


def diagnostics(
    error: ValidationError, model: type[BaseModel], places: Mapping[Path, Place], start: Path = ()
) -> list[Diagnostic]:
    """One diagnostic for each place that is wrong; `start` is the path of what was validated."""
    found: dict[object, Diagnostic] = {}
    for detail in error.errors(include_url=False, include_input=False):
        one = _diagnostic(dict(detail), model, places, start, near=len(found) < MOST_SEARCHED)
        several = one.code in ("missing-key", "unknown-key")
        found.setdefault((one.span, one.message) if several else one.span, one)
    return list(found.values())


def _diagnostic(
    detail: dict[str, Any], model: type[BaseModel], places: Mapping[Path, Place], start: Path, *, near: bool
) -> Diagnostic:
    facts = detail.get("ctx", {})
    loc: Path = (*detail["loc"], *facts.get("path", ()))
    path, kind = (*start, *loc), detail["type"]
    if kind == "extra_forbidden":
        return _unknown_key((*start, *loc), places, _keys(model, loc[:-1]) if near else ())
    if kind == "missing":
        message = f"`{loc[-1]}` is missing"
        return Diagnostic("missing-key", message, span=span_of(places, path[:-1], key=True), help=f"add `{loc[-1]}:`")
    code, said = _said(kind, facts)
    where = _written(path, places)
    if code in ("wrong-type", "wrong-value") and where and isinstance(where[-1], str):
        said = f"`{where[-1]}`: {said}"
    help = facts.get("help") or (_LISTED if said.endswith("expected a list") else None)
    return Diagnostic(code, said, span=span_of(places, where), help=help)


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
    return "wrong-value", "this value is not possible here"


def _unknown_key(path: Path, places: Mapping[Path, Place], known: Iterable[str]) -> Diagnostic:
    from difflib import get_close_matches

    key, names = str(path[-1]), list(dict.fromkeys(known))
    close = get_close_matches(key, names, n=1, cutoff=0.6)
    help = f"did you mean `{close[0]}`?" if close else "the keys here are " + ", ".join(f"`{name}`" for name in names)
    if len(help) > 160 or not names:
        help = "`atoll export schema` has the keys of every type"
    return Diagnostic("unknown-key", f"`{key[:60]}` is not a key here", span=span_of(places, path, True), help=help)


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
