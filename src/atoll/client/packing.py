"""Packs an entry of `files`: a file or folder becomes a tar file that is the same wherever and whenever it is made.

What `.gitignore`, `.dstackignore` and `.atollignore` exclude below a folder is left out, and so are `.git` folders. An
entry that is named itself is taken even where a folder above it excludes it. Names, contents, permissions and links are
kept; times and owners are not.
"""

import hashlib
import io
import os
import stat
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from atoll.model.system_error import error_words
from atoll.wire.api import ARCHIVE_BYTES, ARCHIVE_MEMBERS

IGNORE_FILES = (".gitignore", ".dstackignore", ".atollignore")
"""Later ones go before earlier ones."""
_TIME = 946_684_800
"""Of every member: the first second of 2000. Zip files cannot hold times before 1980."""
_NO_LONGER = "leave parts of it out with `.dstackignore`, or put the data on a volume"


class PackError(Exception):
    """An entry cannot be packed: a diagnostic's code, message and help."""

    def __init__(self, code: str, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help


@dataclass(frozen=True, slots=True)
class Member:
    """A file, folder or link of an entry: its name within the entry (`.`: the entry), and its own path and status."""

    name: str
    path: Path
    mode: int
    size: int = 0
    link: str = ""


@dataclass(frozen=True, slots=True)
class _Ignored:
    """The patterns of one folder, whose name within the entry is `folder`, with a slash at its end unless empty."""

    folder: str
    patterns: Any

    def decides(self, name: str) -> bool | None:
        """Whether these patterns exclude a name; None where they say nothing of it."""
        decision: bool | None = self.patterns.check_file(name.removeprefix(self.folder)).include
        return decision


def survey(root: Path, shown: str) -> list[Member]:
    """What an entry consists of, in the order of the archive; `shown` is how the user wrote it. Raises PackError."""
    try:
        status = root.stat()
        if stat.S_ISREG(status.st_mode):
            members = [_file(".", root, status, shown)]
        elif stat.S_ISDIR(status.st_mode):
            members = []
            for member in _folder(root, ".", (), root.resolve(), shown):
                members.append(member)
                if len(members) > ARCHIVE_MEMBERS:
                    message = f"`{shown}` has more than {ARCHIVE_MEMBERS:,} files"
                    raise PackError("file-too-large", message, _NO_LONGER)
        else:
            raise PackError("unreadable-file", f"`{shown}` is neither a file nor a folder")
    except (FileNotFoundError, NotADirectoryError) as error:
        help = "a path is relative to the folder of the configuration"
        raise PackError("missing-file", f"there is no `{shown}`", help) from error
    except OSError as error:
        raise PackError("unreadable-file", f"`{shown}` cannot be read: {error_words(error)}") from error
    size = sum(one.size for one in members)
    if size > ARCHIVE_BYTES:
        raise _too_large(shown, size)
    return members


def pack(members: Sequence[Member], file: IO[bytes] | io.RawIOBase, shown: str) -> None:
    """Write the archive. Raises PackError, also where a file has changed since the survey."""
    try:
        with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for member in members:
                _add(tar, member)
        size = file.tell()
    except tarfile.TarError as error:
        raise PackError("unreadable-file", f"`{shown}` cannot be packed: {error}") from error
    except OSError as error:
        raise PackError("unreadable-file", f"`{shown}` cannot be read: {error_words(error)}") from error
    if size > ARCHIVE_BYTES:
        raise _too_large(shown, size)


def digest_of(members: Sequence[Member], shown: str) -> str:
    """The SHA-256 of the archive. Raises PackError."""
    sink = _Digest()
    pack(members, sink, shown)
    return sink.sha.hexdigest()


class _Digest(io.RawIOBase):
    """A file that keeps nothing but the SHA-256 and the length of what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.sha = hashlib.sha256()
        self._size = 0

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self.sha.update(data)
        self._size += len(data)
        return len(data)

    def tell(self) -> int:
        return self._size


def _folder(path: Path, name: str, ignored: tuple[_Ignored, ...], root: Path, shown: str) -> Iterator[Member]:
    yield Member(name, path, stat.S_IMODE(path.stat().st_mode) | stat.S_IFDIR)
    inside = "" if name == "." else f"{name}/"
    if (patterns := _patterns(path)) is not None:
        ignored = (*ignored, _Ignored(inside, patterns))
    with os.scandir(path) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    for entry in entries:
        own, at = inside + entry.name, Path(entry.path)
        is_folder = entry.is_dir(follow_symlinks=False)
        if entry.name == ".git" or _is_ignored(own + "/" * is_folder, ignored):
            continue
        status = entry.stat(follow_symlinks=False)
        if is_folder:
            yield from _folder(at, own, ignored, root, shown)
        elif stat.S_ISLNK(status.st_mode):
            yield _link(own, at, root, f"{shown}/{own}")
        elif stat.S_ISREG(status.st_mode):
            yield _file(own, at, status, f"{shown}/{own}")
        else:
            message = f"`{shown}/{own}` is a socket, a pipe or a device"
            raise PackError("unreadable-file", message, "leave it out with `.dstackignore`")


def _file(name: str, path: Path, status: os.stat_result, shown: str) -> Member:
    if not os.access(path, os.R_OK):
        raise PackError("unreadable-file", f"`{shown}` cannot be read: you may not", "leave it out, or `chmod u+r` it")
    return Member(name, path, status.st_mode, status.st_size)


def _link(name: str, path: Path, root: Path, shown: str) -> Member:
    target = str(path.readlink())
    meant = os.path.normpath(path.parent.resolve() / target)
    if Path(target).is_absolute() or not Path(meant).is_relative_to(root):
        message = f"`{shown}` is a link to `{target[:200]}`, which is outside of what is sent"
        raise PackError("link-outside", message, "list that place as an entry of its own, or leave the link out")
    return Member(name, path, stat.S_IFLNK | 0o777, 0, target)


def _patterns(folder: Path) -> Any | None:
    """The patterns of the ignore files of a folder; None where it has none."""
    lines: list[str] = []
    for name in IGNORE_FILES:
        try:
            lines += (folder / name).read_text(encoding="utf-8", errors="replace").splitlines()
        except (FileNotFoundError, IsADirectoryError):
            continue
    if not lines:
        return None
    from pathspec import GitIgnoreSpec  # takes a while, and most entries have none

    return GitIgnoreSpec.from_lines(lines)


def _is_ignored(name: str, ignored: Sequence[_Ignored]) -> bool:
    """Whether the nearest folder whose patterns say something of a name excludes it."""
    decisions = (one.decides(name) for one in reversed(ignored))
    return bool(next((decision for decision in decisions if decision is not None), False))


def _add(tar: tarfile.TarFile, member: Member) -> None:
    info = tarfile.TarInfo(member.name)
    info.mode, info.mtime = stat.S_IMODE(member.mode), _TIME
    if stat.S_ISDIR(member.mode):
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif member.link:
        info.type, info.linkname = tarfile.SYMTYPE, member.link
        tar.addfile(info)
    else:
        info.size = member.size
        with member.path.open("rb") as file:
            tar.addfile(info, file)


def _too_large(shown: str, size: int) -> PackError:
    most = ARCHIVE_BYTES >> 20
    message = f"`{shown}` has {size / (1 << 20):,.0f} MiB, and an entry of `files` has at most {most} MiB"
    return PackError("file-too-large", message, _NO_LONGER)
