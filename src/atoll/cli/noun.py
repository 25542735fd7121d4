"""Shared by the commands named after a noun: `atoll fleet` is `atoll fleet list`, and the options of every list."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click

from atoll.cli.completion import existing

F = TypeVar("F", bound=Callable[..., Any])


class NounGroup(click.Group):
    """A group that lists when no subcommand is given."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        default = self.get_command(ctx, "list")
        if default is not None:
            rows = [row for param in default.params if (row := param.get_help_record(ctx)) is not None]
            with formatter.section("Options of list, the default"):
                formatter.write_dl(rows)
        super().format_options(ctx, formatter)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if ctx.resilient_parsing:  # a shell completes the subcommand
            return super().parse_args(ctx, args)
        if not args or (args[0].startswith("-") and args[0] not in ("-h", "--help")):
            args = ["list", *args]
        return super().parse_args(ctx, args)


def add_deletion(group: click.Group, kind: str, what: str) -> None:
    """Adds `delete` to a noun: the same as `atoll delete KIND`."""

    @group.command("delete", help=f"Delete {what}, and wait until they are gone; `atoll delete {kind}` is the same.")
    @click.argument("names", metavar="[NAME]...", nargs=-1, shell_complete=existing(kind))
    @click.option("--all", is_flag=True, help="All of them.")
    @click.option("-y", "--yes", is_flag=True, help="Do not ask.")
    def delete(names: tuple[str, ...], all: bool, yes: bool) -> None:
        from atoll.cli.delete import delete_named  # it needs what following does
        from atoll.client import connect

        delete_named(connect(), kind, names, all=all, yes=yes)


def verbose_option(function: F) -> F:
    """Adds `-v`."""
    return click.option("-v", "--verbose", is_flag=True, help="Show all columns: regions, ids, prices, errors.")(
        function
    )


def json_option(function: F) -> F:
    """Adds `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the API's objects as JSON.")(function)


def watch_option(function: F) -> F:
    """Adds `-w`: the list is printed again whenever something changes."""

    @wraps(function)
    def command(*, watch: bool, **options: Any) -> Any:
        if not watch:
            return function(**options)
        from atoll.cli.watch import watched

        return watched(lambda: function(**options))

    watch = click.option("-w", "--watch", is_flag=True, help="Show it again whenever something changes, until Ctrl-C.")
    return watch(command)  # type: ignore[return-value]
