"""Reads the files given to a command. Unreadable files are reported here, without a server."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from atoll.cli import packed_files
from atoll.cli.errors import InvalidFiles
from atoll.cli.textfile import read_text
from atoll.model.diagnostic import Diagnostic
from atoll.wire.api import SourceFile, Submission

PROFILES = (Path(".atoll/profiles.yml"), Path(".dstack/profiles.yml"))


@dataclass(frozen=True, slots=True)
class Choices:
    """What the options of `apply` and `plan` set beside the files."""

    profile: str | None = None
    name: str | None = None
    variables: Mapping[str, str] = field(default_factory=dict)
    rerun: bool = False


def submission(paths: Sequence[str], choices: Choices = Choices()) -> Submission:
    """The request: the files, the values of variables that they name without one, and the profiles beside them.

    Raises InvalidFiles when one cannot be read.
    """
    files = read(paths)
    return Submission(
        files=files,
        environment={**_environment(files, os.environ), **choices.variables},
        profiles=_profiles(paths),
        profile=choices.profile,
        rerun=choices.rerun,
        name=choices.name,
        variables=tuple(choices.variables),
        packed=packed_files.packed(files),
    )


def read(paths: Sequence[str]) -> tuple[SourceFile, ...]:
    """The files' texts. Raises InvalidFiles with one diagnostic for each that is not a readable, filled text file."""
    files: list[SourceFile] = []
    found: list[Diagnostic] = []
    for path in dict.fromkeys(paths):
        text = read_text(path)
        if isinstance(text, Diagnostic):
            found.append(text)
        else:
            files.append(SourceFile(path, text))
    if found:
        raise InvalidFiles(tuple(found), {})
    return tuple(files)


def sources(sent: Submission) -> Mapping[str, str]:
    """The texts by their names, for showing diagnostics."""
    files = (*sent.files, sent.profiles) if sent.profiles else sent.files
    return {file.name: file.text for file in files}


def _environment(files: Sequence[SourceFile], environ: Mapping[str, str]) -> dict[str, str]:
    """The values of the variables that the files name without one."""
    from atoll.configuration import named_environment

    names = {name for file in files for name in named_environment(file.text)}
    return {name: environ[name] for name in sorted(names) if name in environ}


def _profiles(paths: Sequence[str]) -> SourceFile | None:
    """The nearest profiles file: beside the first configuration that has one, else in the current folder."""
    folders = [*(Path(path).parent for path in paths), Path()]
    for candidate in (folder / name for folder in folders for name in PROFILES):
        if candidate.is_file():
            text = read_text(str(candidate))
            if isinstance(text, Diagnostic):
                raise InvalidFiles((text,), {})
            return SourceFile(str(candidate), text)
    return None
