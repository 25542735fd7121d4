"""The reference of the commands is the commands'."""

from pathlib import Path

import click

from atoll.cli.main import atoll
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
