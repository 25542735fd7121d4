"""Configurations as they were applied."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ConfigurationView:
    """The keys that were set, in the long forms and units of the server: GB, seconds, USD an hour.

    `hidden` are the keys whose values are kept back: of `env` the names are in `content`, of others nothing.
    """

    kind: str
    name: str
    content: Mapping[str, Any]
    hidden: tuple[str, ...] = ()
