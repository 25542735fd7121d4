"""The reference of the commands is the commands'."""

import shlex
from pathlib import Path

import click
import pytest

from atoll.cli.examples import EXAMPLES
from atoll.cli.main import COMMANDS, atoll
from atoll.cli.reference import commands, reference

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def every_command() -> list[tuple[str, click.Command]]:
    return list(commands(click.Context(atoll, info_name="atoll"), atoll))


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == reference(), "run `python -m atoll.cli.reference > docs/reference/cli.md`"


def test_every_command_and_every_option_says_what_it_does() -> None:
    silent = [path for path, command in every_command() if not command.help]
    for path, command in every_command():
        silent += [f"{path} {one.opts[0]}" for one in command.params if isinstance(one, click.Option) and not one.help]
    assert silent == []


def test_every_command_has_an_example_of_itself() -> None:
    paths = [path.removeprefix("atoll ") for path, _ in every_command()]
    assert [path for path in paths if path not in EXAMPLES] == []
    assert [path for path, command in every_command() if not command.epilog] == []


@pytest.mark.parametrize("words", [words for words in EXAMPLES if words.split()[0] in COMMANDS])
def test_an_example_is_a_command_line_that_is_understood(words: str) -> None:
    line = EXAMPLES[words].split(" || ")[0].split(" > ")[0].split(" < ")[0]
    arguments = shlex.split(line.removeprefix('eval "$(').removesuffix(')"'))
    understood(atoll, arguments[1:])


def understood(command: click.Command, arguments: list[str]) -> None:
    """Parse the arguments of a command and of those below it. Raises UsageError."""
    with command.make_context(command.name, arguments) as context:
        if isinstance(command, click.Group):
            _, inner, rest = command.resolve_command(context, [*context._protected_args, *context.args])
            assert inner is not None
            understood(inner, rest)
