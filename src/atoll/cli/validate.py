"""`atoll validate`, `explain` and `export`: all that needs no server."""

import gc
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from atoll.cli import folders, terminal
from atoll.cli.textfile import read_text
from atoll.model.diagnostic import Diagnostic

if TYPE_CHECKING:
    from atoll.configuration import SourceFile


@click.command()
@click.argument("paths", nargs=-1, metavar="[FILE|DIR]...")
@click.option("--strict", is_flag=True, help="Refuse warnings too.")
@click.option("--format", "form", type=click.Choice(["text", "json", "github"]), default="text", show_default=True,
              help="How findings are printed.")  # fmt: skip
@click.option("--profile", metavar="NAME", help="Check with this profile of the profiles file.")
def validate(paths: Sequence[str], strict: bool, form: str, profile: str | None) -> None:
    """Check configuration files without a server.

    All files are taken together, as `apply` would. Of a folder, the `.atoll.yml` and `.dstack.yml` files in it and
    below are taken, and all of `.atoll/` and `.dstack/`. Without FILE, the current folder's own `.atoll.yml` or
    `.dstack.yml` is checked. Exit code 1 means that there are errors.
    """
    paths = folders.chosen(tuple(paths))
    found: list[Diagnostic] = []
    files = [file for path in _expanded(paths, found) if (file := _source(path, found))]
    profiles = _profiles(paths, found)
    with _quick():
        from atoll.configuration import Choices, parse

        parsed = parse(files, environment=os.environ, profiles=profiles, choices=Choices(profile))
    found.extend(parsed.diagnostics)
    found.extend(_unpackable(files))
    failed = any(one.severity == "error" or strict for one in found)
    sources = {file.name: file.text for file in (*files, *([profiles] if profiles else []))}
    documents = len(parsed.documents) + len(parsed.unread)
    _print(found, sources, form, f"{documents} {_plural(documents, 'document')} in "
           f"{len(files)} {_plural(len(files), 'file')}")  # fmt: skip
    if failed:
        click.get_current_context().exit(1)


@contextmanager
def _quick() -> Iterator[None]:
    """A tenth less time for a small file: no search for pydantic's plugins, no collector among what is imported."""
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    collected = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collected:
            gc.enable()


@click.command()
@click.argument("code")
def explain(code: str) -> None:
    """Explain the CODE of a finding, such as `unknown-zone`."""
    from atoll.configuration.codes import codes, text

    known = codes()
    found = known.get(code.strip().lower())
    if found is None:
        from atoll.model.suggestion import did_you_mean

        help = did_you_mean(code, known, "the codes are " + ", ".join(known))
        raise click.ClickException(f"no code `{code}`; {help}")
    terminal.out(text(found))


@click.group()
def export() -> None:
    """Print what other programs read."""


@export.command("schema")
@click.option("--snapshot", is_flag=True, help="The form of snapshot files instead.")
def export_schema(snapshot: bool) -> None:
    """Print the JSON Schema of configuration files, for editors."""
    import json

    if snapshot:
        from atoll.wire.snapshot import schema
    else:
        from atoll.configuration.schema import schema

    terminal.out(json.dumps(schema(), indent=2))


def _expanded(paths: Sequence[str], found: list[Diagnostic]) -> Iterator[str]:
    """The files, and those of the folders, each once."""
    seen: dict[str, None] = {}
    for path in paths:
        if Path(path).is_dir():
            inside = sorted(folders.inside(path))
            if not inside:
                found.append(
                    Diagnostic("missing-file", f"no configuration in `{path}`", help=folders.none_inside(path))
                )
            seen.update(dict.fromkeys(inside))
        else:
            seen[path] = None
    return iter(seen)


def _source(path: str, found: list[Diagnostic]) -> "SourceFile | None":
    """The file; None, and what is wrong, when it cannot be read."""
    from atoll.configuration import SourceFile

    text = read_text(path)
    if isinstance(text, Diagnostic):
        found.append(text)
        return None
    return SourceFile(path, text)


def _profiles(paths: Sequence[str], found: list[Diagnostic]) -> "SourceFile | None":
    """The profiles file beside the first path that has one, else that of the current folder."""
    folders = [*(Path(path) if Path(path).is_dir() else Path(path).parent for path in paths), Path()]
    for folder in folders:
        for name in (".atoll", ".dstack"):
            candidate = folder / name / "profiles.yml"
            if candidate.is_file():
                return _source(str(candidate), found)
    return None


def _print(found: Sequence[Diagnostic], sources: dict[str, str], form: str, checked: str) -> None:
    from atoll.cli.diagnostics import as_github, as_json, render, summary

    if form == "json":
        terminal.out(as_json(found))
    elif form == "github":
        if found:
            terminal.out(as_github(found))
    else:
        if found:
            terminal.out(render(found, sources, colour=terminal.coloured(sys.stdout)))
        terminal.out(f"{summary(found)}; checked {checked}" if found else f"{checked}, nothing wrong")


def _unpackable(files: Sequence["SourceFile"]) -> list[Diagnostic]:
    """What is wrong with the entries of `files`; nothing is imported for files that have none."""
    if not any("files" in file.text for file in files):
        return []
    from atoll.cli.packed_files import faults
    from atoll.wire.api import SourceFile as Sent

    return faults([Sent(file.name, file.text) for file in files])


def _plural(count: int, word: str) -> str:
    return word if count == 1 else word + "s"
