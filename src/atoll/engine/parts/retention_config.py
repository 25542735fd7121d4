"""The `retention` of the server's configuration."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from pydantic_core import PydanticCustomError

from atoll.configuration.types.base import duration, size
from atoll.model.retention import Retention
from atoll.model.suggestion import did_you_mean

SHORTEST_SECONDS = 60.0
"""History is needed for a moment after its end: commands that wait follow events and read the end of a log."""
LONGEST_SECONDS = 100 * 365.0 * 86400
_TIMES = ("events", "logs", "runs", "resources", "observations")
_KEYS = (*_TIMES, "log_size")


def retention_of(config: Mapping[str, Any]) -> Retention:
    """What the server's configuration says of retention, with defaults. Raises ValueError."""
    section = config.get("retention")
    if section is None:
        return Retention()
    if not isinstance(section, dict):
        raise ValueError(f"`retention` must be a mapping of {_listed(_KEYS)}")
    for key in section:
        if key not in _KEYS:
            raise ValueError(f"`retention` has no key `{key}`; {did_you_mean(str(key), _KEYS, _listed(_KEYS))}")
    values: dict[str, Any] = {key: _read(key, _time, section[key]) for key in _TIMES if key in section}
    if "log_size" in section:
        values["log_bytes"] = _read("log_size", _bytes, section["log_size"])
    return Retention(**values)


def _read(key: str, read: Callable[[Any], Any], value: Any) -> Any:
    try:
        return read(value)
    except PydanticCustomError as error:
        raise ValueError(f"`retention.{key}`: {error.message()}, not `{value}`") from error
    except ValueError as error:
        raise ValueError(f"`retention.{key}`: {error}") from error


def _time(value: Any) -> timedelta | None:
    if value is None:
        raise ValueError("a duration is missing: write for example `30d`, or `off` to keep everything")
    seconds = duration(value)
    if seconds is None:
        return None
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"`{value}` is not between 1 minute and 100 years; `off` keeps everything")
    return timedelta(seconds=seconds)


def _bytes(value: Any) -> int | None:
    if value is None:
        raise ValueError("a size is missing: write for example `20GB`, or `off` for no limit")
    if value is False or value == "off":
        return None
    found = int(size(value) * 2**30)
    if found < 1 << 20:
        raise ValueError(f"`{value}` is below 1 MB; `off` sets no limit")
    return found


def _listed(keys: tuple[str, ...]) -> str:
    return ", ".join(f"`{key}`" for key in keys)
