"""Paths of requests, with their parameters."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlencode

from atoll.wire.api import EventQuery, OfferQuery


def fields_of(query: OfferQuery | EventQuery) -> Mapping[str, Any]:
    """A query as parameters; times in ISO 8601."""
    values = {item.name: getattr(query, item.name) for item in fields(query)}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def shown(**bounds: str | int | None) -> str:
    """The query that binds a deletion to what was shown."""
    given = {name: value for name, value in bounds.items() if value not in (None, "")}
    return f"?{urlencode(given)}" if given else ""


def joined(*parts: str) -> str:
    """A path whose later parts are quoted."""
    return "/".join([parts[0], *(quote(part, safe="") for part in parts[1:])])
