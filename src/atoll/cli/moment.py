"""Times on the command line: how long ago, or a date and time."""

import re
from datetime import UTC, datetime, timedelta

import click

from atoll.cli import units

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"([0-9]{1,9})([smhdw])")


def moment(ctx: click.Context, param: click.Parameter, text: str | None) -> datetime | None:
    """A time: `30s`, `10m`, `2h`, `7d` or `1w` ago, or a date and time in ISO 8601, local unless it has an offset.

    Raises BadParameter.
    """
    if text is None:
        return None
    ago = _AGO.fullmatch(text.strip())
    try:
        if ago is not None:
            return units.now() - timedelta(seconds=int(ago[1]) * _SECONDS[ago[2]])
        return datetime.fromisoformat(text.strip()).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        message = f"`{text}` is no time: write `10m`, `2h`, or `2026-11-28T14:00`"
        raise click.BadParameter(message, ctx, param) from error
