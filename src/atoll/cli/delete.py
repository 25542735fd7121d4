"""`atoll delete`: ends what a file describes, or one thing by its name, and waits until it is gone."""

import os
from collections.abc import Callable, Sequence

import click

from atoll.cli import configuration, terminal, units
from atoll.cli.completion import existing
from atoll.cli.errors import CommandError, InvalidFiles
from atoll.cli.follow import Target, View, follow_deleted, kind_of, newest_event, view_of
from atoll.cli.question import confirm
from atoll.client import ApiError, Client, connect
from atoll.wire.api import FleetView, VolumeView

ORDER = ("run", "fleet", "volume")
"""Users before what they use."""
CHANGED = "changed-since-shown"
"""The server's answer to a deletion whose record is not the one that was shown."""


@click.command(short_help="Delete fleets, volumes, finished runs, or what a file describes.")
@click.argument("kind", required=False, type=click.Choice(ORDER))
@click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=existing())
@click.option("-f", "--file", "files", metavar="FILE", multiple=True, help="Everything in this file. May be repeated.")
@click.option("--all", is_flag=True, help="All of the kind; of runs, those that are finished.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
def delete(kind: str | None, names: tuple[str, ...], files: tuple[str, ...], all: bool, yes: bool) -> None:
    """Delete fleets, volumes with their data, or finished runs; or with -f all that a file describes.

    Runs go first, then fleets, then volumes; at the first that cannot be deleted it stops. What
    changed since it was shown, or was created since, is shown again, and needs another yes; with
    -y it remains, and the exit code is 1.
    """
    if bool(files) == bool(kind):
        raise click.UsageError("name either a file with `-f FILE`, or `fleet NAME`, `volume NAME` or `run NAME`")
    client = connect()
    if kind:
        delete_named(client, kind, names, all=all, yes=yes)
    else:
        targets = _named(files)
        _delete_found(client, lambda: _existing(client, targets), yes=yes)


def delete_named(client: Client, kind: str, names: tuple[str, ...], *, all: bool, yes: bool) -> None:
    """Delete the things of a kind with these names, or all of them; of runs, those that are finished."""
    if bool(names) == all:
        raise click.UsageError(f"which {kind}? name them, or pass `--all`")
    if all:
        _delete_found(client, lambda: _every(client, kind), yes=yes)
        return
    shown = [_read(client, kind, name) for name in dict.fromkeys(names)]
    confirm(_question(shown), yes=yes)
    _delete_shown(client, shown, yes=yes)


def _delete_found(client: Client, find: Callable[[], Sequence[View]], *, yes: bool) -> None:
    """Delete what `find` finds; what appears after the question is shown, and needs another yes.

    Raises CommandError where something appears while the rest is being deleted: it remains.
    """
    shown = find()
    if not shown:
        terminal.out("nothing to delete: none of it exists")
        return
    while not yes:
        confirm(_question(shown), yes=False)
        before, shown = shown, find()
        names = {(kind_of(one), one.name) for one in before}
        more = [one for one in shown if (kind_of(one), one.name) not in names]
        if not more:
            shown = before  # the server refuses what changed, or was replaced
            break
        terminal.note(f" not shown before: {_texts(more)}")
    _delete_shown(client, shown, yes=yes)
    ids = {one.id for one in shown}
    if more := [one for one in find() if one.id not in ids]:
        raise CommandError(f"created meanwhile: {_texts(more)}", "it remains; run the command again to delete it too")


def _question(shown: Sequence[View]) -> str:
    return f"Delete {_texts(shown)}?"


def _delete_shown(client: Client, shown: Sequence[View], *, yes: bool) -> None:
    for view in shown:
        _delete(client, view, yes=yes)


def _every(client: Client, kind: str) -> Sequence[View]:
    if kind == "fleet":
        return client.fleets()
    if kind == "volume":
        return client.volumes()
    return [run for run in client.runs(all=True) if run.finished_at is not None]


def _read(client: Client, kind: str, name: str) -> View:
    """The one thing of that name, as it is now. Raises CommandError where there is none."""
    found = _find(client, Target(kind, name))
    if found is None:
        raise CommandError(f"there is no {kind} `{name}`", f"see `atoll {kind}`")
    return found


def _named(files: tuple[str, ...]) -> list[Target]:
    """The documents in the files, in the order of deletion. What can no longer be applied can still be deleted.

    Raises InvalidFiles where the kind or the name of a document cannot be read.
    """
    from atoll.configuration import SourceFile, parse

    read = [SourceFile(file.name, file.text) for file in configuration.read(files)]
    parsed = parse(read, environment=os.environ)
    if any(one.kind is None or one.name is None for one in parsed.unread):
        raise InvalidFiles(parsed.diagnostics, {file.name: file.text for file in read})
    targets = [Target(one.kind, one.name) for one in (*parsed.documents, *parsed.partial)]
    targets += [Target(str(one.kind), str(one.name)) for one in parsed.unread]
    return sorted(dict.fromkeys(targets), key=lambda one: ORDER.index(one.kind))


def _existing(client: Client, targets: Sequence[Target]) -> list[View]:
    found = [_find(client, target) for target in targets]
    return [one for one in found if one is not None]


def _find(client: Client, target: Target) -> View | None:
    try:
        return view_of(client, target)
    except ApiError as error:
        if error.status != 404:
            raise
        return None


def _delete(client: Client, view: View, *, yes: bool) -> None:
    """Delete what was shown; if it changed meanwhile, ask again, or with `-y` raise CommandError."""
    kind, name = kind_of(view), view.name
    after = newest_event(client)
    while True:
        try:
            _request(client, view)
            break
        except ApiError as error:
            if error.status == 404:
                raise CommandError(f"there is no {kind} `{name}`", f"see `atoll {kind}`") from error
            if error.problem.code != CHANGED:
                raise
            view = _read(client, kind, name)
            if yes:
                message = f"{error.problem.message}; now it is {_text(view)}"
                raise CommandError(
                    message, f"`{kind} {name}` was not deleted; look at it, then run it again"
                ) from error
            terminal.note(f" {error.problem.message}")
            confirm(f"Delete {_text(view)}?", yes=False)
    target = Target(kind, name, view.id)
    follow_deleted(client, target, after)
    terminal.out(f"{target} is deleted")


def _request(client: Client, view: View) -> None:
    if isinstance(view, FleetView):
        client.delete_fleet(view.name, view.version, view.nodes)
    elif isinstance(view, VolumeView):
        client.delete_volume(view.name, view.version)
    else:
        client.delete_run(view.name, view.version)


def _texts(views: Sequence[View]) -> str:
    return ", ".join(map(_text, views))


def _text(view: View) -> str:
    """A thing and what is lost with it: `fleet f (3 nodes: fake-1a 3)`, `volume data (10GB in local-a)`."""
    if isinstance(view, FleetView):
        zones = units.zone_counts(instance.zone for instance in view.instances)
        return f"fleet {view.name} ({units.count(view.nodes, 'node')}{f': {zones}' if zones else ''})"
    if isinstance(view, VolumeView):
        place = f" in {view.zone}" if view.zone else ""
        return f"volume {view.name} ({units.gigabytes(view.size_gb)}{place})"
    return f"run {view.name} ({view.status})"
