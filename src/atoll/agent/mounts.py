"""Volumes at their paths: a private view of the file system for one job, by Linux' mount namespaces.

The supervisor calls `enter` in the child that becomes the job's shell. As root a mount namespace is enough; other users
get a user namespace that maps them to themselves. The host's own file system is never written to: where a path's
parent is missing, its deepest folder that exists is covered by a tmpfs which shows the folder's former entries, and the
path is made in there. See mount_namespaces(7), user_namespaces(7) and pivot_root(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from atoll.model.system_error import error_words

_NEWNS, _NEWUSER = 0x20000, 0x10000000
_NOSUID, _NODEV, _BIND, _REC, _UNBINDABLE, _PRIVATE = 0x2, 0x4, 0x1000, 0x4000, 0x20000, 0x40000
_DETACH = 2
_AT_FDCWD, _CLONE, _CLOEXEC, _RECURSIVE, _EMPTY_PATH = -100, 0x1, os.O_CLOEXEC, 0x8000, 0x4
_FORBIDDEN = ("/proc", "/sys", "/dev")

MODES = {"mount": _NEWNS, "user": _NEWUSER | _NEWNS}
"""How a private view can be had, best first."""


class MountError(Exception):
    """A volume cannot appear at its path; the text says why."""


def refusal(path: str) -> str | None:
    """Why no volume may be mounted at this path, or None when one may."""
    if not path.startswith("/") or path.startswith("//") or os.path.normpath(path) != path or "\0" in path:
        return f"mount path {path!r}: give an absolute path without `.`, `..` or a slash at its end"
    if path == "/" or any(path == top or path.startswith(top + "/") for top in _FORBIDDEN):
        return f"mount path {path}: the system needs this place"
    return None


def probe(folder: Path, *, hiding: bool = False) -> str:
    """The first of MODES that works here, tried for real in children; empty when none does.

    `folder` is an empty one of ours; with `hiding`, folders must be hidden too. `ATOLL_AGENT_NO_NAMESPACES=1` forbids
    all.
    """
    if os.environ.get("ATOLL_AGENT_NO_NAMESPACES") == "1" or not hasattr(_libc, "unshare"):
        return ""
    return next((mode for mode in MODES if _works(mode, folder, hiding)), "")


def enter(
    mode: str,
    mounts: Sequence[tuple[str, str]],
    staging: Path,
    hidden: Sequence[str] = (),
    kept: Sequence[str] = (),
) -> None:
    """Give this process, and what it starts, a view in which each (source, path) of `mounts` is mounted.

    The folders `hidden` are empty in it, except for the files and folders `kept`. `staging` is an empty folder of ours.
    Call it in a process of one thread, just before it runs the job. Raises MountError.
    """
    try:
        _unshare(mode)
        view = _View(staging)
        sources = [_clone(source) for source, _ in mounts]
        shown = [_clone(path) for path in kept] if hidden else []
        for (source, path), opened in zip(mounts, sources):
            try:
                view.mount(opened, path)
            except OSError as error:
                raise MountError(f"cannot mount {source} at {path}: {error.strerror}") from error
        for folder in hidden:
            _hide(folder)
        for path, opened in zip(kept, shown):
            _reveal(opened, path)
        for opened in (*sources, *shown):
            os.close(opened)
        if hidden:
            _lock(mode)
    except OSError as error:
        raise MountError(f"cannot set up its view of the file system: {error_words(error)}") from error


class _View:
    """This process's own view of the file system, and which of its file systems are its own tmpfs."""

    def __init__(self, staging: Path) -> None:
        self._staging = str(staging)
        self._ours: set[int] = set()

    def mount(self, source: int, path: str) -> None:
        """Mount the folder or file open as `source` at `path`, making the path where it is missing."""
        is_folder = stat.S_ISDIR(os.fstat(source).st_mode)
        real = os.path.realpath(path)
        if (refused := refusal(real)) is not None:
            raise MountError(refused)
        deepest = Path(real)
        while not deepest.exists():
            deepest = deepest.parent
        if deepest.is_dir() != (is_folder or str(deepest) != real):
            raise MountError(f"cannot mount at {path}: {deepest} is {'not ' * is_folder}a folder")
        if str(deepest) != real:
            if deepest.stat().st_dev not in self._ours:
                self._cover(str(deepest))
            _make(real, is_folder)
        moved = _syscall(_MOVE_MOUNT, source, b"", _AT_FDCWD, os.fsencode(real), _EMPTY_PATH)
        _check(moved, f"mount at {real}")

    def _cover(self, folder: str) -> None:
        """Put a tmpfs over `folder` that shows the same entries and can be added to."""
        target = self._staging if folder == "/" else folder
        former = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            mode = stat.S_IMODE(os.fstat(former).st_mode)
            _mount("atoll", target, _NOSUID | _NODEV, kind="tmpfs", options=f"mode={mode:o}")
            # Unbindable, so that showing the folder it is staged in does not show it a second time.
            _mount(None, target, _UNBINDABLE)
            for name in os.listdir(former):
                _show(former, name, target)
        finally:
            os.close(former)
        if folder == "/":
            _pivot(target)
        self._ours.add(Path(folder).stat().st_dev)


def _hide(folder: str) -> None:
    """Put a small empty tmpfs over a folder; nothing happens when there is none."""
    if Path(folder).is_dir():
        _mount("atoll", os.path.realpath(folder), _NOSUID | _NODEV, kind="tmpfs", options="mode=755,size=1m")


def _reveal(source: int, path: str) -> None:
    """Mount the file or folder open as `source` at `path`, which is made."""
    _make(path, stat.S_ISDIR(os.fstat(source).st_mode))
    _check(_syscall(_MOVE_MOUNT, source, b"", _AT_FDCWD, os.fsencode(path), _EMPTY_PATH), f"mount at {path}")


def _make(path: str, is_folder: bool) -> None:
    """Make a folder or an empty file to mount at, and the folders above it."""
    if is_folder:
        Path(path).mkdir(parents=True)
        return
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).touch()


def _lock(mode: str) -> None:
    """Keep the present mounts from being undone, and processes outside from being read, by a user namespace within.

    Mounts that a mount namespace has from a more privileged one cannot be taken apart (mount_namespaces(7)), and a
    process has no rights over those of an outer user namespace (ptrace(2)), so `/proc/PID/root` is closed too.
    """
    if MODES[mode] & _NEWUSER:
        _unshare(mode)
        return
    reading, writing = os.pipe()
    target, helper = os.getpid(), os.fork()
    if helper == 0:
        os._exit(_map_ids(target, reading))
    try:
        _check(_libc.unshare(_NEWUSER | _NEWNS), "unshare")
    finally:
        os.write(writing, b"!")
        mapped = os.waitpid(helper, 0)[1] == 0
        os.close(reading)
        os.close(writing)
    if not mapped:
        raise MountError("the ids of a user namespace cannot be mapped")


def _map_ids(process: int, ready: int) -> int:
    """In a helper that keeps root's rights: map every id to itself once `process` is in its namespace; an exit code."""
    try:
        os.read(ready, 1)
        for name in ("uid_map", "gid_map"):
            ranges = [line.split() for line in Path("/proc/self", name).read_text().splitlines()]
            Path("/proc", str(process), name).write_text("".join(f"{at} {at} {count}\n" for at, _, count in ranges))
    except OSError:
        return 1
    return 0


def _show(former: int, name: str, folder: str) -> None:
    """Let the entry `name` of the open folder `former` appear in `folder`."""
    source, target = f"{_fd_path(former)}/{name}", Path(folder, name)
    try:
        kind = os.stat(name, dir_fd=former, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return
    if stat.S_ISLNK(kind):
        target.symlink_to(os.readlink(name, dir_fd=former))
        return
    if stat.S_ISDIR(kind):
        target.mkdir()
    else:
        target.touch()
    try:
        _mount(source, str(target), _BIND | _REC)
    except FileNotFoundError:  # It went away since it was listed.
        target.rmdir() if stat.S_ISDIR(kind) else target.unlink()


def _pivot(root: str) -> None:
    """Make the mount at `root` the root, and detach the old one."""
    here = Path.cwd()
    os.chdir(root)
    try:
        _check(_syscall(_PIVOT_ROOT, b".", b"."), "pivot_root")
        _check(_libc.umount2(b".", _DETACH), "umount2")
    except OSError as error:
        # The first root of a kernel (an initramfs) cannot be exchanged: pivot_root(2), EINVAL.
        if error.errno != errno.EINVAL:
            raise
        os.chroot(".")
    os.chdir(here)


def _works(mode: str, folder: Path, hiding: bool) -> bool:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            enter(mode, [(str(folder), "/atoll-probe/volume")], folder, [str(folder)] if hiding else [])
            code = 0
        except MountError:
            pass
        finally:
            os._exit(code)
    return os.waitpid(child, 0)[1] == 0


def _unshare(mode: str) -> None:
    uid, gid = os.geteuid(), os.getegid()
    _check(_libc.unshare(MODES[mode]), "unshare")
    if MODES[mode] & _NEWUSER:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path("/proc/self", name).write_text(text)
    _mount(None, "/", _REC | _PRIVATE)


def _clone(folder: str) -> int:
    # Taken before anything is mounted, since a mount may hide the place where a source is; and a copy of its mount,
    # since the old root goes, and with it all that belongs to it: open_tree(2), Linux 5.2.
    opened: int = _syscall(_OPEN_TREE, _AT_FDCWD, os.fsencode(folder), _CLONE | _CLOEXEC | _RECURSIVE)
    return _check(opened, f"open {folder}")


def _fd_path(opened: int) -> str:
    return f"/proc/self/fd/{opened}"


def _mount(source: str | None, target: str, flags: int, *, kind: str | None = None, options: str | None = None) -> None:
    texts = [None if text is None else os.fsencode(text) for text in (source, target, kind, options)]
    _check(_libc.mount(texts[0], texts[1], texts[2], ctypes.c_ulong(flags), texts[3]), f"mount at {target}")


def _syscall(number: int, *arguments: int | bytes) -> int:
    wide = [ctypes.c_long(value) if isinstance(value, int) else value for value in (number, *arguments)]
    result: int = _libc.syscall(*wide)
    return result


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


_libc = ctypes.CDLL(None, use_errno=True)
_OPEN_TREE, _MOVE_MOUNT = 428, 429
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41, "riscv64": 41}.get(os.uname().machine, -1)
