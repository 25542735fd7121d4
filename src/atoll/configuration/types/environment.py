"""`env`: variables with their values, or names whose values come from where the command runs."""

import re
from typing import Annotated, Any

from pydantic import PlainValidator, ValidationError, ValidationInfo
from pydantic import WithJsonSchema as Schema
from pydantic_core import InitErrorDetails, PydanticCustomError

from atoll.configuration.types.base import refusal, wrong_type
from atoll.configuration.types.scalar import as_text

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,255}\Z")


LONGEST = 131_071
"""Bytes of `NAME=value`: what Linux passes to a process in one piece (MAX_ARG_STRLEN: 32 pages with the final zero)."""
MOST_BYTES = 1024 * 1024
"""Bytes of all variables: half of what Linux passes to a process by default, for the system's own come beside them."""


def _environment(value: Any, info: ValidationInfo) -> dict[str, str]:
    """The variables and their values; one without a value is looked up in the context's `environment`.

    Those that are not there are added to the context's `unset`, their places by name; without one they are refused.
    """
    if isinstance(value, list):
        entries = [_entry(entry, index) for index, entry in enumerate(value)]
    elif isinstance(value, dict):
        entries = [(name, text, name) for name, text in value.items()]
    else:
        raise wrong_type("variables: a mapping, or a list of `NAME=value`")
    context = info.context or {}
    found: dict[str, str] = {}
    wrong: list[tuple[str | int, PydanticCustomError]] = []
    for name, text, place in entries:
        refused = name if isinstance(name, PydanticCustomError) else _refused(name, text)
        if refused is not None:
            wrong.append((place, refused))
        elif text is None and name not in context.get("environment", {}):
            if "unset" not in context:
                wrong.append((place, refusal("unset-variable", *unset(name))))
            else:
                context["unset"].setdefault(name, place)
            found[name] = ""
        else:
            found[name] = context["environment"][name] if text is None else as_text(text)
            if info.context is not None and len(f"{name}={found[name]}".encode(errors="replace")) > LONGEST:
                help = "keep it in a file on a volume, and pass its path"
                message = f"a variable has at most {LONGEST:,} bytes, with its name"
                wrong.append((place, refusal("wrong-value", message, help)))
    if wrong:
        raise ValidationError.from_exception_data(
            "env", [InitErrorDetails(type=error, loc=(place,), input=None) for place, error in wrong]
        )
    size = sum(len(name) + len(text.encode(errors="replace")) + 2 for name, text in found.items())
    if info.context is not None and size > MOST_BYTES:
        raise refusal("wrong-value", f"the variables are longer than {MOST_BYTES:,} bytes together")
    return found


def unset(name: str) -> tuple[str, str]:
    """The message and the help for a variable without a value."""
    return f"the variable `{name}` is not set", f"set it with `export {name}=…`, or give it a value here"


def _refused(name: str, text: Any) -> PydanticCustomError | None:
    if not _VARIABLE.match(name):
        return refusal("wrong-value", f"`{name[:60]}` cannot be the name of a variable")
    if isinstance(text, list | dict):
        return refusal("wrong-type", "expected the text of a variable")
    if isinstance(text, str) and "\0" in text:
        return refusal("wrong-value", "a variable cannot hold the character U+0000")
    return None


def _entry(entry: Any, index: int) -> tuple[Any, str | None, str | int]:
    if not isinstance(entry, str):
        return refusal("wrong-type", "expected `NAME=value` or `NAME`"), None, index
    name, equals, text = entry.partition("=")
    return name, text if equals else None, index


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
