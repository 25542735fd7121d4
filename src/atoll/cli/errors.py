"""How every command ends when something is wrong: `error: what`, `  help: what to do`, an exit code, no traceback.

Exit codes: 1 for a refusal or a failure, 2 for wrong usage, 130 after Ctrl-C, else the code of the followed run.
"""

import os
import sys
from collections.abc import Mapping

import click

from atoll.cli import terminal
from atoll.client.errors import ApiError, ClientError
from atoll.model.diagnostic import Diagnostic
from atoll.model.system_error import disk_trouble, error_words

FAILED = 1
USAGE = 2
INTERRUPTED = 130
CRASH_FILE = "cli-error.log"


class CommandError(Exception):
    """A command cannot continue: what is wrong, and what to do about it."""

    def __init__(self, message: str, help: str | None = None, code: int = FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.help = help
        self.code = code


class InvalidFiles(Exception):  # noqa: N818 - a finding about the user's files
    """Files with errors: the diagnostics and the texts that they point into."""

    def __init__(self, diagnostics: tuple[Diagnostic, ...], sources: Mapping[str, str]) -> None:
        super().__init__("invalid files")
        self.diagnostics = diagnostics
        self.sources = sources


class LeftRunning(Exception):  # noqa: N818 - the user pressed Ctrl-C
    """Ctrl-C while following something: the work continues, and `hints` are the commands to reattach."""

    def __init__(self, message: str, hints: list[str]) -> None:
        super().__init__(message)
        self.message = message
        self.hints = hints


def show(message: str, help: str | None = None) -> None:
    """One error to standard error."""
    terminal.note(terminal.paint("error", "red", sys.stderr) + f": {message}")
    if help:
        terminal.note(f"  help: {help}")


def warn(message: str, help: str | None = None) -> None:
    """One warning to standard error."""
    terminal.note(terminal.paint("warning", "yellow", sys.stderr) + f": {message}")
    if help:
        terminal.note(f"  help: {help}")


def show_diagnostics(diagnostics: tuple[Diagnostic, ...], sources: Mapping[str, str]) -> None:
    """Findings about files to standard error, each with its piece of the file."""
    from atoll.cli.diagnostics import render

    text = render(diagnostics, sources, colour=terminal.coloured(sys.stderr))
    if text:
        terminal.note(text.rstrip("\n"))


def report(error: BaseException) -> int:
    """Print the error that ended a command, and return the exit code."""
    if isinstance(error, KeyboardInterrupt | click.exceptions.Abort):
        terminal.note("interrupted")
        return INTERRUPTED
    if isinstance(error, LeftRunning):
        terminal.note("\n".join([f"\n{error.message}. To reattach:", *(f"  {hint}" for hint in error.hints)]))
        return INTERRUPTED
    if isinstance(error, CommandError):
        show(error.message, error.help)
        return error.code
    if isinstance(error, InvalidFiles):
        show_diagnostics(error.diagnostics, error.sources)
        return FAILED
    if isinstance(error, ApiError) and error.problem.diagnostics:
        show_diagnostics(error.problem.diagnostics, {})
        return FAILED
    if isinstance(error, ClientError):
        show(error.message, error.help)
        return FAILED
    if isinstance(error, click.exceptions.NoArgsIsHelpError) and error.ctx is not None:
        terminal.note(error.ctx.get_help())
        return USAGE
    if isinstance(error, click.ClickException):
        return _usage(error)
    if isinstance(error, BrokenPipeError):
        return _broken_pipe()
    return _crashed(error) if disk_trouble(error) is None else _disk(error)


def _usage(error: click.ClickException) -> int:
    context = getattr(error, "ctx", None)
    show(_lowered(error.format_message()), f"see `{context.command_path} --help`" if context else None)
    return error.exit_code


def _lowered(message: str) -> str:
    """click's sentence in our form: a small first letter, no full stop."""
    first = message.split(" ", 1)[0]
    lowered = message[:1].lower() + message[1:] if not first.isupper() else message
    return lowered[:-1] if lowered.endswith(".") and lowered.count(".") == 1 else lowered


def _broken_pipe() -> int:
    """The reader of our output is gone, which is no error: print nothing."""
    _drop_output()
    return FAILED


def _disk(error: BaseException) -> int:
    """A file of the command, or its output where the error names no file, is on a disk that cannot be written."""
    named = isinstance(error, OSError) and error.filename is not None
    if not named:
        _drop_output()
    show(f"cannot write {'a file' if named else 'the output'}: {error_words(error)}")
    return FAILED


def _drop_output() -> None:
    """Keep Python from writing at exit what is left of the output."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _crashed(error: BaseException) -> int:
    """The last resort: write the traceback to a file and print its path."""
    import traceback

    from atoll.client import location

    text = "".join(traceback.format_exception(error))
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    try:
        folder = location.home()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / CRASH_FILE
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
    except OSError:
        show(f"internal error in atoll: {what}", "please report it, with the command that you ran")
        return FAILED
    show(f"internal error in atoll: {what}", f"please report it, with {path}")
    return FAILED
