"""Findings about what this release reads and does not act on. The marks stand at the keys: see `types.support`."""

from collections.abc import Iterator
from typing import Any

from pydantic.fields import FieldInfo

from atoll.configuration.reading.document import MODELS, Document
from atoll.configuration.reading.reader import Path
from atoll.configuration.types.base import Model
from atoll.configuration.types.support import Later
from atoll.model.diagnostic import Diagnostic, Severity

APPLIED = frozenset(type for type, model in MODELS.items() if model.later is None)
"""The types that this release applies; the others are only checked."""


def mark_of(field: FieldInfo) -> Later | None:
    """The mark of a key that needs a later release; None for a key that is acted on."""
    return next((one for one in field.metadata if isinstance(one, Later)), None)


def check(document: Document, *, applying: bool) -> Iterator[Diagnostic]:
    """A finding for each key that is set to something and not acted on, and for each such part of a key.

    When `applying`, a key that changes what runs or where is an error.
    """
    if document.spec.later is not None:
        yield _finding(document, ("type",), document.type, document.spec.later, applying)
        return
    for path, name, mark in _marked(document.spec, ()):
        if mark.beside and getattr(document.spec, mark.beside, None):
            continue
        yield _finding(document, path, name, mark, applying)


def _marked(part: Any, path: Path) -> Iterator[tuple[Path, str, Later]]:
    """The marked keys that are set within a part, to something else than their default."""
    if isinstance(part, tuple):
        for index, one in enumerate(part):
            yield from _marked(one, (*path, index))
    if not isinstance(part, Model):
        return
    if part.later is not None:
        yield path, str(path[-2] if isinstance(path[-1], int) else path[-1]), part.later
        return
    for key, field in type(part).model_fields.items():
        if key not in part.model_fields_set:
            continue
        value, mark, name = getattr(part, key), mark_of(field), field.alias or key
        if mark is None:
            yield from _marked(value, (*path, name))
        elif value != field.get_default(call_default_factory=True, validated_data={}):
            yield (*path, name), name, mark


def _finding(document: Document, path: Path, name: str, mark: Later, applying: bool) -> Diagnostic:
    span = document.span(path, key=isinstance(path[-1], str) and path != ("type",))
    beside = mark.beside
    if not mark.refused:
        message = f"`{name}` has no effect without `{beside}`" if beside else f"`{name}` has no effect in this release"
        return Diagnostic("not-acted-on", message, Severity.WARNING, span, (mark.meanwhile,))
    message = f"`{name}` needs an `{beside}`" if beside else f"`{name}` needs a later release"
    notes = (mark.meanwhile,)
    if applying:
        help = "use a `task`" if path == ("type",) else f"without `{name}` it can be applied, if that is what you want"
        return Diagnostic("not-supported", message, span=span, notes=notes, help=help)
    return Diagnostic("not-acted-on", message, Severity.WARNING, span, notes, "`atoll apply` refuses it")
