"""`env`: variables with their values, or names whose values come from where the command runs."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationInfo
from pydantic import WithJsonSchema as Schema
from pydantic_core import PydanticCustomError

from atoll.configuration.types.base import refusal, wrong_type

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}\Z")


def _environment(value: Any, info: ValidationInfo) -> dict[str, str]:
    if isinstance(value, list):
        entries = [_entry(entry, index) for index, entry in enumerate(value)]
    elif isinstance(value, dict):
        entries = [(name, text, name) for name, text in value.items()]
    else:
        raise wrong_type("variables: a mapping, or a list of `NAME=value`")
    known = (info.context or {}).get("environment", {})
    found: dict[str, str] = {}
    for name, text, place in entries:
        if not _VARIABLE.match(name):
            raise _at(place, "wrong-value", f"`{name[:60]}` cannot be the name of a variable")
        if text is None and name not in known:
            help = f"set it with `export {name}=…`, or give it a value here"
            raise _at(place, "unset-variable", f"the variable `{name}` is not set", help)
        if isinstance(text, list | dict):
            raise _at(place, "wrong-type", "expected the text of a variable")
        found[name] = known[name] if text is None else str(text)
    return found


def _entry(entry: Any, index: int) -> tuple[str, str | None, str | int]:
    if not isinstance(entry, str):
        raise _at(index, "wrong-type", "expected `NAME=value` or `NAME`")
    name, equals, text = entry.partition("=")
    return name, text if equals else None, index


def _at(place: str | int, code: str, text: str, help: str | None = None) -> PydanticCustomError:
    return refusal(code, text, help, (place,))


Environment = Annotated[
    dict[str, str],
    PlainValidator(_environment),
    Schema(
        {
            "anyOf": [
                {
                    "type": "object",
                    "propertyNames": {"pattern": "^[A-Za-z_][A-Za-z0-9_]*$"},
                    "additionalProperties": {"type": ["string", "number", "boolean", "null"]},
                },
                {"type": "array", "items": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*(=|$)"}},
            ]
        }
    ),
]
