"""The entry point of `atoll`: a table of commands, each imported only when it is used, and the end of every command."""

import os
import sys
from importlib import import_module

import click

from atoll import __version__

COMMANDS = {
    "init": "atoll.cli.init:init",
    "apply": "atoll.cli.apply:apply",
    "plan": "atoll.cli.apply:plan",
    "why": "atoll.cli.why:why",
    "validate": "atoll.cli.validate:validate",
    "explain": "atoll.cli.validate:explain",
    "delete": "atoll.cli.delete:delete",
    "ps": "atoll.cli.run:ps",
    "logs": "atoll.cli.run:logs",
    "stop": "atoll.cli.run:stop",
    "fleet": "atoll.cli.fleet:fleet",
    "instance": "atoll.cli.fleet:instance",
    "volume": "atoll.cli.volume:volume",
    "run": "atoll.cli.run:run",
    "zone": "atoll.cli.zone:zone",
    "closure": "atoll.cli.closure:closure",
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
    "export": "atoll.cli.validate:export",
    "completion": "atoll.cli.completion:completion",
}
"""Every command and where it lives, in the order of the help."""


class LazyGroup(click.Group):
    """A group whose commands are imported when they are used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

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
