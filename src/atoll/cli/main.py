"""The entry point of `atoll`: a table of commands, each imported only when it is used, and the end of every command."""

import os
import sys
from importlib import import_module
from typing import cast

import click

from atoll import __version__
from atoll.cli.examples import with_example

COMMANDS = {
    "init": "atoll.cli.init:init",
    "apply": "atoll.cli.apply:apply",
    "plan": "atoll.cli.apply:plan",
    "diff": "atoll.cli.apply:diff",
    "validate": "atoll.cli.validate:validate",
    "explain": "atoll.cli.validate:explain",
    "export": "atoll.cli.validate:export",
    "get": "atoll.cli.get:get",
    "delete": "atoll.cli.delete:delete",
    "run": "atoll.cli.run:run",
    "ps": "atoll.cli.run:ps",
    "logs": "atoll.cli.run:logs",
    "attach": "atoll.cli.attach:attach",
    "stop": "atoll.cli.run:stop",
    "why": "atoll.cli.why:why",
    "fleet": "atoll.cli.fleet:fleet",
    "instance": "atoll.cli.fleet:instance",
    "volume": "atoll.cli.volume:volume",
    "zone": "atoll.cli.zone:zone",
    "closure": "atoll.cli.closure:closure",
    "what-if": "atoll.cli.whatif:what_if",
    "simulate": "atoll.cli.simulate:simulate",
    "gameday": "atoll.cli.gameday:gameday",
    "offer": "atoll.cli.offer:offer",
    "event": "atoll.cli.event:event",
    "web": "atoll.cli.web:web",
    "server": "atoll.cli.server:server",
    "login": "atoll.cli.login:login",
    "logout": "atoll.cli.login:logout",
    "project": "atoll.cli.project:project",
    "user": "atoll.cli.user:user",
    "token": "atoll.cli.token:token",
    "secret": "atoll.cli.secret:secret",
    "help": "atoll.cli.main:help",
    "completion": "atoll.cli.completion:completion",
}
"""Every command and where it lives, in the order of the help."""
TITLES = {
    "init": "Configurations",
    "run": "Runs",
    "fleet": "Resources and zones",
    "server": "Server and access",
    "help": "This command line",
}
"""The groups of the help: each begins with one command, and ends before the next group's."""


def grouped() -> dict[str, list[str]]:
    """The commands of each group of the help, by its title."""
    groups: dict[str, list[str]] = {}
    for name in COMMANDS:
        groups.setdefault(TITLES.get(name) or next(reversed(groups)), []).append(name)
    return groups


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return with_example(cmd_name, command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        width = max(map(len, COMMANDS))
        limit = formatter.width - width - 6
        for title, names in grouped().items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            with formatter.section(title):
                formatter.write_dl(
                    [(name.ljust(width), one.get_short_help_str(limit)) for name, one in found if one is not None]
                )

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            raise click.UsageError(_unknown(args[0]), ctx)
        return super().resolve_command(ctx, args)


def _unknown(name: str) -> str:
    from atoll.model.suggestion import did_you_mean

    question = did_you_mean(name, COMMANDS)
    return f"no such command `{name}`" + (f"; {question}" if question else "")


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, "--version", message="atoll %(version)s", help="Show the version and exit.")
@click.option("--project", metavar="NAME", help="Project to use; overrides ATOLL_PROJECT.")
def atoll(project: str | None) -> None:
    """Place compute and storage together over the availability zones of every cloud."""
    if project:
        os.environ["ATOLL_PROJECT"] = project


@click.command(short_help="Show the help of a command.")
@click.argument("words", metavar="[COMMAND]...", nargs=-1)
@click.pass_context
def help(ctx: click.Context, words: tuple[str, ...]) -> None:
    """Show the help of a command: `atoll help zone drain` is `atoll zone drain --help`."""
    root = ctx.find_root()
    context, command = click.Context(atoll, info_name="atoll", **atoll.context_settings), cast(click.Command, atoll)
    for word in words:
        found = None
        if isinstance(command, click.Group):
            found = command.get_command(context, word) or command.get_command(context, word.removesuffix("s"))
        if found is None:
            raise click.UsageError(_unknown(" ".join(words)) if command is atoll else f"no command `{word}`", root)
        context = click.Context(found, info_name=found.name, parent=context)
        command = found
    click.echo(command.get_help(context))


def main() -> None:
    """Run the command line; ends the process with the command's exit code."""
    code = _run(sys.argv[1:])
    threads = sys.modules.get("threading")
    if threads is not None and threads.active_count() > 1:
        # A log is still being read: its thread must not meet an interpreter that goes away under it.
        os._exit(code)
    sys.exit(code)


def _run(arguments: list[str]) -> int:
    try:
        code = atoll.main(arguments, prog_name="atoll", standalone_mode=False)
        sys.stdout.flush()
        return code if isinstance(code, int) else 0
    except BaseException as error:
        if isinstance(error, SystemExit | GeneratorExit):
            raise
        from atoll.cli import errors

        return errors.report(error)
