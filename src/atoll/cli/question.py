"""The one question that commands ask: yes or no, and no unless somebody says yes."""

import click

from atoll.cli import terminal
from atoll.cli.errors import CommandError


def confirm(question: str, *, yes: bool) -> None:
    """Go on only after a yes. `yes` is what `-y` says.

    Raises UsageError without a terminal, CommandError after a no.
    """
    if yes:
        return
    if not terminal.interactive():
        raise click.UsageError("there is no terminal for the question: pass `-y` to skip it")
    if not click.confirm(terminal.escaped(question), default=False):
        raise CommandError("nothing was done", "run the command again and answer `y`, or pass `-y`")
