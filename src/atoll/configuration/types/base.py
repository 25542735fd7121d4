"""What every spec is made of: the frozen model with short forms, and the plain values with their units.

Units are those of `atoll.model`: sizes in GB, times in seconds, prices in USD an hour. A refusal in here is a
PydanticCustomError whose type is one of our codes; `findings` turns it into a diagnostic.
"""

import math
import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    GetJsonSchemaHandler,
    PlainSerializer,
    PlainValidator,
    Strict,
    model_validator,
)
from pydantic import WithJsonSchema as Schema
from pydantic_core import CoreSchema, PydanticCustomError

from atoll.configuration.types.scalar import as_text, plain
from atoll.configuration.types.support import Later
from atoll.model.resources import Range

NAME = re.compile(r"[a-z][a-z0-9-]{0,40}\Z")
_DURATION = re.compile(r"([0-9]{1,12}) ?(s|m|h|d|w)?\Z")
_SECONDS = {None: 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?(MB|GB|TB)?\Z", re.IGNORECASE)
_PERCENT = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,6})?) ?%\Z")
_GB = {"MB": 1 / 1024, "GB": 1, "TB": 1024}


class Model(BaseModel):
    """A spec or a part of one. A part that has short forms overrides `expand` and lists their schemas in `short`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, defer_build=True)

    short: ClassVar[tuple[dict[str, Any], ...]] = ()
    later: ClassVar[Later | None] = None

    @classmethod
    def expand(cls, value: Any) -> Any:
        """The long form of `value`; a mapping is long already."""
        return value

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, value: Any) -> Any:
        long = value if isinstance(value, BaseModel) else cls.expand(value)
        if not isinstance(long, dict | BaseModel):
            raise wrong_type("a mapping" if not cls.short else "its short form or a mapping")
        return long

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        schema = handler(core)
        if not cls.short:
            return schema
        long = handler.resolve_ref_schema(schema)
        description = {"description": long.pop("description")} if "description" in long else {}
        whole = {**description, "anyOf": [*cls.short, dict(long)]}
        long.clear()
        long.update(whole)
        return schema


def wrong_type(expected: str) -> PydanticCustomError:
    """The refusal of a value of another kind."""
    return PydanticCustomError("wrong-type", "expected {expected}", {"expected": expected})


def wrong_value(expected: str, path: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The refusal of a value of the right kind that is none of the possible ones; `path` leads into it."""
    return refusal("wrong-value", f"expected {expected}", None, path)


def refusal(code: str, message: str, help: str | None = None, path: tuple[str | int, ...] = ()) -> PydanticCustomError:
    """The refusal of a value under one of our codes; `path` leads to what is wrong within the value."""
    # The code is data here; pydantic's annotation requires a literal.
    return PydanticCustomError(code, "{text}", {"text": message, "help": help, "path": path})  # type: ignore[arg-type,unused-ignore]


def number(value: Any) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type("a number")
    if not math.isfinite(value):
        raise wrong_value("a finite number")
    return float(value)


def duration(value: Any) -> float | None:
    """Seconds; `off` is None, and so is -1, as dstack writes it."""
    if value is None or value is False or value == "off" or (value == -1 and value is not True):
        return None
    expected = "a duration such as `90s`, `5m`, `3d`, or `off`"
    if isinstance(value, str):
        match = _DURATION.match(value.strip())
        if not match:
            raise wrong_value(expected)
        return float(int(match[1]) * _SECONDS[match[2]])
    if isinstance(value, bool | list | dict):
        raise wrong_type(expected)
    seconds = number(value)
    if seconds < 0:
        raise wrong_value(expected)
    return seconds


def size(value: Any) -> float:
    """GB, from `16GB`, `512MB`, `1TB` or a number of GB."""
    expected = "a size such as `16GB`, `512MB`, `1TB`"
    if isinstance(value, str):
        match = _SIZE.match(value.strip())
        if not match:
            raise wrong_value(expected)
        return float(match[1]) * _GB[(match[2] or "GB").upper()]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(expected)
    if number(value) < 0:
        raise wrong_value("a size that is not negative")
    return float(value)


def _some(value: Any) -> float:
    found = size(value)
    if found <= 0:
        raise wrong_value("a size above 0")
    return found


def leading_zero(text: str) -> PydanticCustomError | None:
    """The refusal of a number such as `010`, which is 8 to YAML 1.1 and 10 to people."""
    if len(text) < 2 or not (text.startswith("0") and text.isascii() and text.isdigit()):
        return None
    help = f"some YAML readers take it as an octal number: write `{text.lstrip('0')[:12] or '0'}`"
    return refusal("wrong-value", "a number does not begin with 0", help)


def count(value: Any) -> float:
    """A whole number, not negative."""
    if isinstance(value, str) and (octal := leading_zero(value)):
        raise octal
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 12:
        return float(value)
    if isinstance(value, str):
        raise wrong_value("a whole number or a range such as `4..8`")
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type("a whole number or a range such as `4..8`")
    if value != value // 1:
        raise wrong_value("a whole number")
    if value < 0:
        raise wrong_value("a number that is not negative")
    return float(value)


def span_of(bound: Callable[[Any], float]) -> Callable[[Any], Range]:
    """The validator of a range of such bounds: `4`, `4..`, `..8`, `4..8`, {min, max}."""

    def validate(value: Any) -> Range:
        if isinstance(value, Range):
            return value
        low, high = _bounds(value)
        found = Range(None if low is None else bound(low), None if high is None else bound(high))
        if found.min is None and found.max is None:
            raise wrong_value("a range with at least one bound")
        if found.min is not None and found.max is not None and found.min > found.max:
            raise wrong_value("a range whose first bound is the smaller")
        return found

    return validate


def _bounds(value: Any) -> tuple[Any, Any]:
    if isinstance(value, dict):
        if not value.keys() <= {"min", "max"}:
            raise wrong_value("a range with `min` and `max`")
        return value.get("min"), value.get("max")
    if isinstance(value, str) and ".." in value:
        low, _, high = value.partition("..")
        return low.strip() or None, high.strip() or None
    return value, value


def _as_mapping(value: Range) -> dict[str, float]:
    return {key: bound for key, bound in (("min", value.min), ("max", value.max)) if bound is not None}


def _positive(value: Any) -> float:
    found = number(value)
    if found <= 0:
        raise wrong_value("a number above 0")
    return found


NAME_RULE = "a name has small letters, digits and hyphens, begins with a letter, and is at most 41 long"


def _part(value: Any) -> float:
    """A part of a whole, from `0.4` or `40%`."""
    expected = "a part above 0 and up to 1, such as `0.4` or `40%`"
    if isinstance(value, str):
        match = _PERCENT.match(value.strip())
        if not match:
            raise wrong_value(expected)
        found = float(match[1]) / 100
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(expected)
    else:
        found = number(value)
    if not 0 < found <= 1:
        help = f"for percent write `{found:.12g}%`" if 1 < found <= 100 and not isinstance(value, str) else None
        raise refusal("wrong-value", f"expected {expected}", help)
    return found


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise wrong_type("a name")
    if not NAME.match(value):
        raise refusal("bad-name", f"`{value[:60]}` cannot be a name", NAME_RULE)
    return value


def _flag(value: Any) -> bool:
    words = {"yes": True, "no": False, "on": True, "off": False}
    found = words.get(value.lower(), value) if isinstance(value, str) else value
    if not isinstance(found, bool):
        raise wrong_type("`true` or `false`")
    return found


def _text(value: Any) -> Any:
    if isinstance(value, dict) and len(value) == 1:
        ((key, inner),) = value.items()
        if isinstance(inner, str | int | float):
            line = f"{key}: {as_text(inner)}"
            help = f"`: ` makes a mapping of it: write `'{line}'` in quotes" if len(line) <= 100 else _QUOTE
            raise refusal("wrong-type", "expected text", help)
    return as_text(value)


_QUOTE = "`: ` makes a mapping of it: write the text in quotes"


MOST_NODES = 100_000
"""The most nodes of one document: as many as are planned within a second."""


def _whole(least: int, most: int = 1_000_000) -> Callable[[Any], int]:
    def validate(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            raise wrong_type("a whole number")
        if not least <= value <= most:
            raise wrong_value(f"a whole number from {least} to {most:,}")
        return int(value)

    return validate


def _range_schema(kind: str, pattern: str) -> dict[str, Any]:
    bound = {"anyOf": [{"type": kind, "minimum": 0}, {"type": "string", "pattern": f"^{pattern}$"}]}
    return {
        "anyOf": [
            {"type": kind, "minimum": 0},
            {"type": "string", "pattern": rf"^({pattern}|{pattern}? ?\.\. ?{pattern}|{pattern} ?\.\.)$"},
            {"type": "object", "properties": {"min": bound, "max": bound}, "additionalProperties": False},
        ]
    }


SIZE_PATTERN = r"[0-9]+(\.[0-9]+)? ?([MGTmgt][Bb])?"
COUNT_SCHEMA = _range_schema("integer", "[0-9]+")
SIZE_RANGE_SCHEMA = _range_schema("number", SIZE_PATTERN)
SIZE_SCHEMA = {"anyOf": [{"type": "number", "exclusiveMinimum": 0}, {"type": "string", "pattern": f"^{SIZE_PATTERN}$"}]}
DURATION_SCHEMA = {
    "anyOf": [
        {"type": "number", "minimum": 0},
        {"type": "string", "pattern": "^(off|[0-9]{1,12} ?[smhdw]?)$"},
        {"enum": [None, False, -1]},
    ]
}
NAME_SCHEMA = {"type": "string", "pattern": "^[a-z][a-z0-9-]{0,40}$"}

Text = Annotated[str, Strict(), BeforeValidator(_text, json_schema_input_type=str)]
Options = Annotated[Any, BeforeValidator(plain, json_schema_input_type=Any)]
"""Options of single backends, which nothing here looks into."""
Texts = tuple[Text, ...]
Name = Annotated[str, PlainValidator(_name), Schema(NAME_SCHEMA)]
Flag = Annotated[bool, PlainValidator(_flag), Schema({"enum": [True, False, "yes", "no", "on", "off"]})]
Whole = Annotated[int, PlainValidator(_whole(0)), Schema({"type": "integer", "minimum": 0, "maximum": 1_000_000})]
Positive = Annotated[int, PlainValidator(_whole(1)), Schema({"type": "integer", "minimum": 1, "maximum": 1_000_000})]
NodeCount = Annotated[
    int, PlainValidator(_whole(0, MOST_NODES)), Schema({"type": "integer", "minimum": 0, "maximum": MOST_NODES})
]
SomeNodes = Annotated[
    int, PlainValidator(_whole(1, MOST_NODES)), Schema({"type": "integer", "minimum": 1, "maximum": MOST_NODES})
]
Price = Annotated[float, PlainValidator(_positive), Schema({"type": "number", "exclusiveMinimum": 0})]
Part = Annotated[
    float,
    PlainValidator(_part),
    Schema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
                {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})? ?%$"},
            ]
        }
    ),
]
Duration = Annotated[float | None, PlainValidator(duration), Schema(DURATION_SCHEMA)]
Size = Annotated[float, PlainValidator(_some), Schema(SIZE_SCHEMA)]
CountRange = Annotated[Range, PlainValidator(span_of(count)), PlainSerializer(_as_mapping), Schema(COUNT_SCHEMA)]
SizeRange = Annotated[Range, PlainValidator(span_of(size)), PlainSerializer(_as_mapping), Schema(SIZE_RANGE_SCHEMA)]
