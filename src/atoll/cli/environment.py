"""Variables given to a command: `-e NAME=VALUE`, `-e NAME`, and the lines of `--env-file`."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import click


def variables(entries: Sequence[str], files: Sequence[str], environ: Mapping[str, str]) -> dict[str, str]:
    """The variables of all files, then of the entries; later ones take precedence.

    An entry without a value takes it from `environ`. Raises UsageError for one that is not set, and for a file that
    cannot be read.
    """
    found: dict[str, str] = {}
    for file in files:
        found.update(_of_file(file, environ))
    for entry in entries:
        name, value = _pair(entry, environ, "`-e`")
        found[name] = value
    return found


def _of_file(file: str, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    try:
        text = Path(file).read_text(encoding="utf-8")
    except OSError as error:
        raise click.UsageError(f"cannot read `--env-file {file}`: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise click.UsageError(f"`--env-file {file}` is not UTF-8 text") from error
    for number, line in enumerate(text.splitlines(), 1):
        entry = line.strip().removeprefix("export ").lstrip()
        if entry and not entry.startswith("#"):
            name, value = _pair(entry, environ, f"{file}:{number}")
            yield name.rstrip(), _unquoted(value.strip())


def _pair(entry: str, environ: Mapping[str, str], where: str) -> tuple[str, str]:
    name, equals, value = entry.partition("=")
    if not name:
        raise click.UsageError(f"{where}: expected NAME=VALUE or NAME")
    if not equals:
        if name not in environ:
            raise click.UsageError(f"{where}: `{name}` has no value here and is not set in the environment")
        value = environ[name]
    return name, value


def _unquoted(value: str) -> str:
    """The text between quotes of one kind around the whole value."""
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value
