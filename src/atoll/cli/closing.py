"""`atoll zone cordon` and `atoll zone open`: closing zones for a time, and opening them again."""

from copy import copy
from datetime import datetime, timedelta

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError
from atoll.cli.places import find
from atoll.client import connect
from atoll.wire.closures import ClosureView, NewClosure

DEFAULT = "24h"
"""How long a cordon lasts where the command does not say."""


@click.command()
@click.argument("zone", shell_complete=existing("zone"))
@click.option("--for", "span", metavar="TIME", help=f"How long: `90s`, `30m`, `2h`, `3d`. Default: {DEFAULT}.")
@click.option("--until", metavar="TIME", help="Until when: `16:00`, or `2026-12-24 10:00`, in local time.")
@click.option("--reason", default="", metavar="TEXT", help="Why, for plans, lists and events.")
@click.option("--project", "own", is_flag=True, help="For this project alone. Without it: for all; admins only.")
def cordon(zone: str, span: str | None, until: str | None, reason: str, own: bool) -> None:
    """Close a zone for new work; what runs in it continues.

    The zone opens by itself at the end of the given time; `atoll zone open` opens it earlier.
    """
    if span and until:
        raise click.UsageError("give either `--for` or `--until`")
    end = None if until is None else moment(until, units.now())
    seconds = None if end else duration(span or DEFAULT)
    client = connect()
    closed = client.close_zone(find(client, zone).zone, NewClosure(end, seconds, not own, reason))
    terminal.out(f"zone {closed.zone} is closed for new work until {units.until(closed.until)}{_scope(closed)}")
    terminal.out(f"  `atoll zone open {zone}` opens it earlier")


@click.command("open")
@click.argument("zone", shell_complete=existing("zone"))
@click.option("--project", "own", is_flag=True, help="End the closure for this project; needed if there are several.")
def open_zone(zone: str, own: bool) -> None:
    """Open a closed zone now."""
    client = connect()
    place = find(client, zone).zone
    closures = [one for one in client.closures() if one.zone == place and (one.project or not own)]
    if not closures:
        raise CommandError(f"zone {place} is not closed{' for this project alone' if own else ''}", "see `atoll zone`")
    if len(closures) > 1:
        raise CommandError(
            f"zone {place} is closed twice: for all projects, and for project {client.project}",
            "`--project` ends the second one; end it first",
        )
    opened = client.end_closure(closures[0].id)
    terminal.out(f"zone {opened.zone} is open{_scope(opened)}")


uncordon = copy(open_zone)
"""What users of Kubernetes type."""
uncordon.name, uncordon.hidden = "uncordon", True


def duration(text: str) -> float:
    """Seconds. Raises UsageError."""
    from pydantic_core import PydanticCustomError

    from atoll.configuration.types.base import duration as seconds_of

    try:
        seconds = seconds_of(text)
    except PydanticCustomError:
        seconds = None
    if not seconds:
        raise click.UsageError(f"`{text}` is no duration such as `90s`, `30m`, `2h`, `3d`")
    return seconds


def moment(text: str, now: datetime) -> datetime:
    """The time that a text like `16:00` or `2026-12-24 10:00` means on this machine's clock. Raises UsageError."""
    here = now.astimezone()
    try:
        if len(text) <= 5:
            clock = datetime.strptime(text, "%H:%M").time()  # noqa: DTZ007 - its zone is this machine's
            found = datetime.combine(here.date(), clock).astimezone()
        else:
            found = datetime.fromisoformat(text).astimezone()
    except ValueError:
        raise click.UsageError(f"`{text}` is no time such as `16:00` or `2026-12-24 10:00`") from None
    if found <= here:
        tomorrow = (found + timedelta(days=1)).strftime("%Y-%m-%d %H:%M")
        help = f"; `--until '{tomorrow}'` is tomorrow" if len(text) <= 5 else ""
        raise click.UsageError(f"`{text}` has passed: it is {here:%Y-%m-%d %H:%M}{help}")
    return found


def _scope(closed: ClosureView) -> str:
    return f", for project {closed.project}" if closed.project else ""
