"""The `disruption` of the server's configuration."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from atoll.configuration.types.disruption import Disruption
from atoll.model.suggestion import did_you_mean


def disruption_of(config: Mapping[str, Any]) -> Disruption | None:
    """The disruption budget for all fleets together; None where there is none. Raises ValueError."""
    section, keys = config.get("disruption"), tuple(Disruption.model_fields)
    listed = ", ".join(f"`{key}`" for key in keys)
    if section is None:
        return None
    if not isinstance(section, dict):
        raise ValueError(f"`disruption` must be a mapping of {listed}")
    for key in section:
        if key not in keys:
            raise ValueError(f"`disruption` has no key `{key}`; {did_you_mean(str(key), keys, listed)}")
    try:
        return Disruption.model_validate(section)
    except ValidationError as error:
        first = error.errors()[0]
        raise ValueError(f"`disruption.{first['loc'][0]}`: {first['msg']}, not `{section[first['loc'][0]]}`") from error
