"""The entries of `files` in configurations: checked, given their digests, and sent where the server lacks them."""

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from atoll.cli import terminal
from atoll.cli.errors import InvalidFiles
from atoll.client import Client
from atoll.client.packing import Member, PackError, digest_of, pack, survey
from atoll.model.diagnostic import Diagnostic, Span
from atoll.wire.api import PackedFiles, SourceFile, Submission

_NOTED_BYTES = 8 << 20
"""From which length on a command says that it sends something."""


def faults(files: Sequence[SourceFile]) -> list[Diagnostic]:
    """What keeps entries from being packed."""
    found: list[Diagnostic] = []
    for file, local_path, span in _entries(files):
        try:
            survey(_path(file, local_path), local_path)
        except PackError as error:
            found.append(Diagnostic(error.code, error.message, span=span, help=error.help))
    return found


def packed(files: Sequence[SourceFile]) -> tuple[PackedFiles, ...]:
    """The digests of all entries. Raises InvalidFiles with a diagnostic for each that cannot be packed."""
    digests: dict[tuple[str, str], str] = {}
    found: list[Diagnostic] = []
    for file, local_path, span in _entries(files):
        if (file, local_path) in digests:
            continue
        try:
            digests[file, local_path] = digest_of(_members(file, local_path), local_path)
        except PackError as error:
            found.append(Diagnostic(error.code, error.message, span=span, help=error.help))
    if found:
        raise InvalidFiles(tuple(found), {file.name: file.text for file in files})
    return tuple(PackedFiles(*key, digest) for key, digest in digests.items())


def send_missing(client: Client, sent: Submission) -> None:
    """Send the archives that the server lacks. Raises InvalidFiles where one can no longer be packed."""
    entries = {one.digest: one for one in sent.packed}
    if not entries:
        return
    for digest in client.missing_archives(list(entries)):
        one = entries[digest]
        try:
            with tempfile.TemporaryFile() as file:
                pack(_members(one.file, one.local_path), file, one.local_path)
                size = file.tell()
                if size >= _NOTED_BYTES:
                    terminal.note(f" sending {one.local_path}, {size / 1e6:,.0f} MB")
                file.seek(0)
                client.send_archive(digest, file, size)
        except PackError as error:
            finding = Diagnostic(error.code, error.message, help=error.help)
            raise InvalidFiles((finding,), {}) from error


def _entries(files: Sequence[SourceFile]) -> Iterator[tuple[str, str, Span | None]]:
    from atoll.configuration import SourceFile as Source
    from atoll.configuration import named_files

    for file in files:
        for local_path, span in named_files(Source(file.name, file.text)):
            yield file.name, local_path, span


def _members(file: str, local_path: str) -> list[Member]:
    return survey(_path(file, local_path), local_path)


def _path(file: str, local_path: str) -> Path:
    """Where an entry is: relative to the folder of its configuration. Raises PackError."""
    try:
        return Path(file).parent / Path(local_path).expanduser()
    except RuntimeError as error:
        raise PackError("missing-file", f"there is no `{local_path}`: its user has no home folder") from error
