"""Secret input: typed without echo, or piped in; never an argument, which every process can read."""

import sys

import click

LONGEST = 64 << 10


def read_hidden(what: str) -> str:
    """A secret text from the terminal or from standard input, without its last line end.

    Raises UsageError for nothing, and for more than 64 KiB.
    """
    if sys.stdin.isatty():
        text: str = click.prompt(what, hide_input=True, err=True)
    else:
        text = sys.stdin.read(LONGEST + 2)
        text = text.removesuffix("\n").removesuffix("\r")
    if not text:
        raise click.UsageError(f"{what.lower()}: standard input is empty")
    if len(text) > LONGEST:
        raise click.UsageError(f"{what.lower()}: longer than {LONGEST >> 10} KiB")
    return text
