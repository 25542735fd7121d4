"""Unpacks the archives of a job's files, before its commands run. The supervisor's child and containers use it."""

from __future__ import annotations

import os
import posixpath
import shutil
import stat
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from atoll.agent.folder import StartError

_CHUNK_BYTES = 1 << 20


def place(files: Sequence[Mapping[str, Any]], archives: Path, base: Path, apart: Path) -> list[tuple[str, str]]:
    """Unpack a job's files: those with relative paths below `base`, the others below `apart`. Raises StartError.

    Returns what is to be mounted for the others: where each was unpacked, and its absolute path.
    """
    mounted: list[tuple[str, str]] = []
    for number, each in enumerate(files):
        target = Path(each["path"])
        if not target.is_absolute():
            unpack(archives / each["digest"], base / target)
            continue
        apart.mkdir(mode=0o700, exist_ok=True)
        unpack(archives / each["digest"], apart / str(number))
        mounted.append((str(apart / str(number)), str(target)))
    return mounted


def unpack(archive: Path, target: Path) -> None:
    """Unpack an archive to `target`, into what is there already: files are replaced. Raises StartError.

    Nothing is written outside of `target`, whatever the names and links in the archive are.
    """
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                _unpack(tar, member, target)
    except (OSError, tarfile.TarError) as error:
        words = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise StartError(f"the files for {target.name} cannot be unpacked: {words}") from error


def member_path(name: str, link: str | None = None) -> str:
    """The name of a member within its archive; empty for the entry itself. Raises StartError for one outside of it."""
    path = posixpath.normpath(name)
    meant = path if link is None else posixpath.normpath(posixpath.join(posixpath.dirname(path), link))
    if any(each.startswith(("/", "../")) or each == ".." for each in (path, meant)):
        raise StartError(f"the archive has a member outside of it: {name[:200]}")
    return "" if path == "." else path


def _unpack(tar: tarfile.TarFile, member: tarfile.TarInfo, target: Path) -> None:
    name = member_path(member.name, member.linkname if member.issym() else None)
    path = target / name if name else target
    # A link that is there already may lead elsewhere than its name says.
    real = path.parent.resolve() if name else target.resolve()
    meant = Path(os.path.normpath(real / member.linkname)) if member.issym() else real
    if not (real.is_relative_to(target.resolve()) and meant.is_relative_to(target.resolve())):
        raise StartError(f"the archive has a member behind a link: {name[:200]}")
    if member.isdir():
        path.mkdir(parents=True, exist_ok=True)
        path.chmod(member.mode | stat.S_IRWXU)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink() or path.is_file():
        path.unlink()
    if member.issym():
        path.symlink_to(member.linkname)
        return
    content = tar.extractfile(member) if member.isfile() else None
    if content is None:
        raise StartError(f"the archive has a member of another kind: {name[:200]}")
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file, _CHUNK_BYTES)
        os.fchmod(file.fileno(), member.mode & 0o777)
