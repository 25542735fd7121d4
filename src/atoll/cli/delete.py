"""`atoll delete`: ends what a file describes, or one thing by its name, and waits until it is gone."""

from collections.abc import Callable

import click

from atoll.cli import configuration, terminal
from atoll.cli.apply import pointing_into
from atoll.cli.errors import CommandError
from atoll.cli.follow import Target, follow_deleted
from atoll.cli.question import confirm
from atoll.cli.run import newest_event
from atoll.client import ApiError, Client, connect
from atoll.wire.api import ChangeAction, FleetView, RunView, VolumeView

ORDER = ("run", "fleet", "volume")
"""Users before what they use."""


@click.command()
@click.argument("kind", required=False, type=click.Choice(ORDER))
@click.argument("name", required=False)
@click.option("-f", "--file", "files", metavar="FILE", multiple=True, help="Everything in this file. May be repeated.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(kind: str | None, name: str | None, files: tuple[str, ...], yes: bool) -> None:
    """Delete a fleet, a volume with its data, or a finished run; or with -f all that a file describes.

    Runs go first, then fleets, then volumes; at the first that cannot be deleted it stops.
    """
    if bool(files) == bool(kind):
        raise click.UsageError("name either a file with `-f FILE`, or `fleet NAME`, `volume NAME` or `run NAME`")
    if kind and not name:
        raise click.UsageError(f"which {kind}? `atoll delete {kind} NAME`")
    client = connect()
    targets = [_named(client, kind, name)] if kind and name else _described(client, files)
    if not targets:
        terminal.out("nothing to delete: none of it exists")
        return
    confirm(f"Delete {', '.join(str(target) for target in targets)}?", yes=yes)
    for target in targets:
        _delete(client, target)


def _named(client: Client, kind: str, name: str) -> Target:
    """The one thing of that name, as it is now. Raises CommandError where there is none."""
    ways: dict[str, Callable[[str], FleetView | VolumeView | RunView]] = {
        "fleet": client.fleet,
        "volume": client.volume,
        "run": client.run,
    }
    try:
        return Target(kind, name, ways[kind](name).id)
    except ApiError as error:
        if error.status == 404:
            raise CommandError(f"there is no {kind} `{name}`", f"see `atoll {kind}`") from error
        raise


def _described(client: Client, files: tuple[str, ...]) -> list[Target]:
    """What exists of the documents in the files, in the order of deletion."""
    sent = configuration.submission(files)
    with pointing_into(sent):
        changes = client.plan(sent).changes
    found = [Target(one.kind, one.name, one.id) for one in changes if one.action != ChangeAction.CREATE]
    return sorted(found, key=lambda target: ORDER.index(target.kind))


def _delete(client: Client, target: Target) -> None:
    after = newest_event(client)
    ways = {"fleet": client.delete_fleet, "volume": client.delete_volume, "run": client.delete_run}
    try:
        ways[target.kind](target.name, target.id)
    except ApiError as error:
        if error.status == 404:
            raise CommandError(f"there is no {target.kind} `{target.name}`", f"see `atoll {target.kind}`") from error
        raise
    follow_deleted(client, target, after)
    terminal.out(f"{target} is deleted")
