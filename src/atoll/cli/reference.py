"""The reference of all commands, made from the commands themselves: `python -m atoll.cli.reference`."""

import sys
from collections.abc import Iterator
from inspect import cleandoc

import click

from atoll.cli.main import atoll

HEAD = """\
# Commands

Made from the commands by `make check`; change `src/atoll/cli` instead.

Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 after Ctrl-C; `atoll apply` of a task ends with the
task's own.
"""


def reference() -> str:
    """The page in Markdown."""
    context = click.Context(atoll, info_name="atoll")
    parts = [HEAD, *(_section(path, command) for path, command in commands(context, atoll))]
    return "\n".join(parts)


def commands(context: click.Context, group: click.Group) -> Iterator[tuple[str, click.Command]]:
    """Every command with its full name, groups before their members."""
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, info_name=name, parent=context)
        yield inner.command_path, command
        if isinstance(command, click.Group):
            yield from commands(inner, command)


def _section(path: str, command: click.Command) -> str:
    text = cleandoc(command.help or "")
    lines = [f"## `{path}`", "", text, ""]
    if not isinstance(command, click.Group):
        usage = " ".join([path, *command.collect_usage_pieces(click.Context(command))])
        lines += ["```", usage, "```", ""]
    if command.epilog:
        lines += [command.epilog.replace("Example: ", "Example: `", 1) + "`", ""]
    rows = [_row(option) for option in command.params if isinstance(option, click.Option) and not option.hidden]
    if rows:
        lines += ["| option | what it does |", "|---|---|", *rows, ""]
    return "\n".join(lines)


def _row(option: click.Option) -> str:
    names = ", ".join(option.opts)
    value = "" if option.is_flag else f" {option.metavar or option.type.name.upper()}"
    if isinstance(option.type, click.Choice):
        value = " " + "\\|".join(str(choice) for choice in option.type.choices)
    default = f" Default: {option.default}." if option.show_default and option.default is not None else ""
    return f"| `{names}{value}` | {option.help or ''}{default} |"


if __name__ == "__main__":
    sys.stdout.write(reference())
