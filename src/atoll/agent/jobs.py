"""The agent's view of its jobs. All of their state is in their folders, so a restarted agent loses nothing.

A job's supervisor holds the lock of the job's folder for as long as it lives. A job without an end whose lock is free
has lost its supervisor: one that never began is started, any other is `interrupted`, and what is left of it is ended.
"""

from __future__ import annotations

import fcntl
import math
import os
import posixpath
import re
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from atoll.agent import containers, machine_folders, mounts, processes
from atoll.agent.archives import Archives
from atoll.agent.folder import Folder, read, reserve, strip, sync, write, write_reserved
from atoll.agent.http import HttpError
from atoll.agent.share import share_environment
from atoll.wire.agent import Container, JobPhase, JobReport, JobStop, JobSubmission

LOGS_BYTES = 1 << 20
"""The most of a log that one answer carries."""

_ID = re.compile(r"[a-z0-9-]{1,64}")
_PASSED_ON = ("PATH", "HOME", "LANG", "USER", "TMPDIR")
_MACHINE = "ATOLL_MACHINE_FOLDER"
_FIRM_SECONDS = 2.0
_PACKAGES = Path(__file__).resolve().parents[2]
_SUPERVISOR = "import sys; sys.path.insert(0, sys.argv.pop(1)); from atoll.agent.supervisor import main; main()"


class Jobs:
    """All jobs below `folder`. `mount_mode` is what mounts.probe found; jobs do not see the folders `hidden`.

    Calls block, for a few milliseconds.
    """

    def __init__(
        self, folder: Path, mount_mode: str, environment: Mapping[str, str], hidden: Sequence[str] = ()
    ) -> None:
        self._folder = folder
        self._mount_mode = mount_mode
        self._hidden = [*hidden]
        self._environment = {name: environment[name] for name in (*_PASSED_ON, _MACHINE) if name in environment}
        self._client = {name: environment[name] for name in (*_PASSED_ON, *containers.PASSED_ON) if name in environment}
        self._ended: dict[str, JobReport] = {}
        folder.mkdir(mode=0o700, exist_ok=True)
        self.archives = Archives(folder.with_name("archives"))
        for leftover in folder.glob(".*"):
            shutil.rmtree(leftover, ignore_errors=True)

    def submit(self, job: str, submission: JobSubmission) -> JobReport:
        """Start a job, or return the existing one of this id. Raises HttpError (422)."""
        if _ID.fullmatch(job) is None:
            raise HttpError(422, "a job's id has 1 to 64 of a-z, 0-9 and -")
        if (found := self._find(job)) is None:
            _check(submission, self._folder)
            if submission.container is not None:
                self._check_container(submission.container)
            found = self._create(job, submission, self._files(submission), self._folders(submission))
            self._supervise(found)
        return self._state(found)

    def state(self, job: str) -> JobReport:
        """The job as it is now. Raises HttpError (404)."""
        return self._state(self._get(job))

    def all(self) -> list[JobReport]:
        """Every job, by id."""
        names = sorted(path.name for path in self._folder.iterdir() if not path.name.startswith("."))
        return [self._state(found) for name in names if (found := self._find(name)) is not None]

    def running(self) -> int:
        """How many jobs have not exited."""
        return sum(state.phase is not JobPhase.EXITED for state in self.all())

    def stop(self, job: str, wish: JobStop) -> JobReport:
        """Stop a job; a second call can only shorten the grace. Raises HttpError (404, 422)."""
        if not (math.isfinite(wish.grace) and wish.grace >= 0):
            raise HttpError(422, "`grace` is a number of seconds, 0 or more")
        folder = self._get(job)
        if not folder.exit.exists():
            kill_at = time.monotonic() + wish.grace
            before = read(folder.stop)
            if before is None or kill_at < before["kill_at"]:
                write_reserved(folder.stop, {"kill_at": kill_at})
            folder.wake()
        return self._state(folder)

    def forget(self, job: str) -> None:
        """Remove an exited job and its files; nothing happens when there is none. Raises HttpError (409)."""
        folder = self._find(job)
        if folder is None:
            return
        if self._state(folder).phase is not JobPhase.EXITED:
            raise HttpError(409, f"job {job} has not exited")
        # Renamed first: half a folder must not look like a job.
        gone = folder.path.with_name(f".{job}.gone")
        folder.path.replace(gone)
        self._ended.pop(job, None)
        shutil.rmtree(gone, ignore_errors=True)

    def logs(self, job: str, offset: int, limit: int) -> tuple[bytes, bool]:
        """Bytes of the log from `offset`, and whether nothing follows them. Raises HttpError (404)."""
        folder = self._get(job)
        exited = self._state(folder).phase is JobPhase.EXITED
        try:
            with folder.log.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                file.seek(offset)
                data = file.read(min(limit, LOGS_BYTES))
        except FileNotFoundError:
            return b"", exited
        return data, exited and offset + len(data) >= size

    def _get(self, job: str) -> Folder:
        found = self._find(job)
        if found is None:
            raise HttpError(404, f"no job {job}")
        return found

    def _check_container(self, container: Container) -> None:
        if (refused := containers.image_refusal(container.image)) is not None:
            raise HttpError(422, refused)
        if container.privileged and self._hidden:
            raise HttpError(422, "a privileged container could read what jobs on this machine must not see")
        if container.shm_bytes is not None and container.shm_bytes <= 0:
            raise HttpError(422, "`shm_bytes` is a number above 0")
        try:
            containers.find(self._client)
        except containers.ContainerError as error:
            raise HttpError(422, str(error)) from error

    def _find(self, job: str) -> Folder | None:
        if _ID.fullmatch(job) is None:
            return None
        folder = Folder(self._folder / job)
        return folder if folder.job.exists() else None

    def _files(self, submission: JobSubmission) -> list[dict[str, str]]:
        """The job's files with their paths on this machine. Raises HttpError (422)."""
        found = []
        for file in submission.files:
            path = posixpath.normpath(file.path)
            if path == ".." or path.startswith("../"):
                raise HttpError(422, f"the path {file.path} leads out of the job's folder")
            if path == "~" or path.startswith("~/"):
                home = self._environment.get("HOME", "")
                if not home.startswith("/"):
                    raise HttpError(422, f"the path {file.path} has no meaning: the machine's user has no home folder")
                path = posixpath.normpath(home + path[1:])
            if path.startswith("/") and submission.container is None:
                if not self._mount_mode:
                    message = f"this machine cannot show files at {path}: give a path relative to the job's folder"
                    raise HttpError(422, message)
                _check_mount("/", path, self._folder)
            found.append({"digest": file.digest, "path": path})
        return found

    def _folders(self, submission: JobSubmission) -> list[dict[str, str]]:
        """The machine's folders that the job gets. Raises HttpError (422)."""
        shows = bool(self._mount_mode) or submission.container is not None
        found = machine_folders.found(submission.folders, self._hidden, shows)
        if not self._mount_mode and submission.container is None:
            return []  # each is at its path without being mounted
        for source, path in found:
            _check_mount(source, path, self._folder)
        return [{"source": source, "path": path} for source, path in found]

    def _create(
        self, job: str, submission: JobSubmission, files: list[dict[str, str]], folders: list[dict[str, str]]
    ) -> Folder:
        """Create the job's folder in one step: an interruption leaves all of it or nothing."""
        draft = Folder(self._folder / f".{job}.new")
        shutil.rmtree(draft.path, ignore_errors=True)
        for path in (draft.path, draft.work, draft.staging, draft.archives):
            path.mkdir(mode=0o700)
        for file in files:
            self.archives.link(file["digest"], draft.archives / file["digest"])
        final = Folder(self._folder / job)
        # On one line with the first command, so that the shell's line numbers are those of `commands`.
        draft.script.write_text("set -e; " + "\n".join(submission.commands) + "\n")
        description = self._description(final, submission)
        description["mounts"] += folders
        write(draft.job, {**description, "files": files})
        write(draft.variables, self._variables(final, submission))
        if (container := submission.container) is not None:
            draft.script.chmod(0o644)  # the container's user reads it; the folder above is ours alone
            write(draft.password, {"password": container.password})
        for path in draft.reserved:
            reserve(path)
        draft.path.replace(final.path)
        sync(self._folder)
        return final

    def _description(self, folder: Folder, submission: JobSubmission) -> dict[str, Any]:
        container = submission.container
        return {
            "commands": list(submission.commands),
            "container": None if container is None else {**asdict(container), "password": ""},
            "client": {} if container is None else {**self._client, **self._marks(folder)},
            "shell": submission.shell,
            "working_dir": submission.working_dir,
            "mounts": [{"source": mount.source, "path": mount.path} for mount in submission.mounts],
            "mount_mode": self._mount_mode,
            "hidden": self._hidden,
            "max_duration": submission.max_duration,
        }

    def _variables(self, folder: Folder, submission: JobSubmission) -> dict[str, str]:
        places = {}
        for mount in submission.mounts:
            name = re.sub(r"[^A-Z0-9]", "_", mount.volume.upper())
            at_path = self._mount_mode or submission.container is not None
            places[f"ATOLL_VOLUME_{name}"] = mount.path if at_path else mount.source
        share = share_environment(submission.share)
        if submission.container is not None:
            return {**submission.env, **places, **share}
        return {**self._environment, **submission.env, **places, **share, **self._marks(folder)}

    def _marks(self, folder: Folder) -> dict[str, str]:
        """By which the job's processes are found."""
        machine = {_MACHINE: self._environment[_MACHINE]} if _MACHINE in self._environment else {}
        return {processes.MARK: str(folder.path), **machine}

    def _state(self, folder: Folder) -> JobReport:
        name = folder.path.name
        if (known := self._ended.get(name)) is not None:
            return known
        end = read(folder.exit)
        if end is None and not _held(folder):
            end = self._take_up(folder)
        if end is not None:
            self._ended[name] = _exited(folder, end)
            return self._ended[name]
        begun = read(folder.running)
        phase = JobPhase.STARTING if begun is None else JobPhase.RUNNING
        return JobReport(
            id=name,
            phase=JobPhase.STOPPING if folder.stop.exists() else phase,
            log_bytes=_size(folder),
            started_at=_time(begun["started_at"]) if begun else None,
        )

    def _take_up(self, folder: Folder) -> dict[str, Any] | None:
        """What becomes of a job whose lock is free: its end, or None when it has only now been started."""
        if (end := read(folder.exit)) is not None:
            return end
        if not folder.begun.exists():
            self._supervise(folder)
            return None
        message = "its supervisor or the machine went away under it"
        if not processes.end_marked(folder.path, _FIRM_SECONDS):
            message += "; some of its processes cannot be ended"
        if (kept := containers.remove(folder, self._client)) != "":
            message += f"; {kept}"
        started = (read(folder.running) or {}).get("started_at")
        end = {"exit_code": None, "reason": "interrupted", "message": message, "started_at": started}
        end["exited_at"] = datetime.now(timezone.utc).isoformat()
        strip(folder)
        write_reserved(folder.exit, end)
        return end

    def _supervise(self, folder: Folder) -> None:
        lock = os.open(folder.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.set_inheritable(lock, True)
            words = ["-I", "-S", "-c", _SUPERVISOR, str(_PACKAGES), str(folder.path), str(lock)]
            silent = (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0)
            os.posix_spawn(
                sys.executable, [sys.executable, *words], self._environment, file_actions=[silent], setsid=True
            )
        finally:
            os.close(lock)


def _held(folder: Folder) -> bool:
    """True while a supervisor lives: the lock came from us to it, and ends with it."""
    try:
        lock = os.open(folder.lock, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _exited(folder: Folder, end: dict[str, Any]) -> JobReport:
    return JobReport(
        id=folder.path.name,
        phase=JobPhase.EXITED,
        exit_code=end["exit_code"],
        reason=end["reason"],
        message=end["message"],
        log_bytes=_size(folder),
        started_at=_time(end["started_at"]),
        exited_at=_time(end["exited_at"]),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _size(folder: Folder) -> int:
    with suppress(FileNotFoundError):
        return folder.log.stat().st_size
    return 0


def _check(submission: JobSubmission, state: Path) -> None:
    """Raise HttpError (422) for what cannot be run."""
    texts = [*submission.commands, submission.shell, submission.working_dir or ""]
    if (container := submission.container) is not None:
        texts += [container.image, *container.entrypoint, container.user]
    texts += [text for pair in submission.env.items() for text in pair]
    texts += [text for file in submission.files for text in (file.digest, file.path)]
    texts += [text for mount in submission.mounts for text in (mount.volume, mount.source, mount.path)]
    texts += [text for folder in submission.folders for text in (folder.source, folder.path)]
    if any("\0" in text for text in texts):
        raise HttpError(422, "a zero byte has no place in a command, a variable or a path")
    if not submission.commands and submission.container is None:
        raise HttpError(422, "`commands` is empty")
    if not submission.shell:
        raise HttpError(422, "`shell` is empty")
    if any(not name or "=" in name for name in submission.env):
        raise HttpError(422, "a variable's name is not empty and has no `=`")
    longest = submission.max_duration
    if longest is not None and not (math.isfinite(longest) and longest > 0):
        raise HttpError(422, "`max_duration` is a number of seconds above 0")
    for mount in submission.mounts:
        _check_mount(mount.source, mount.path, state)
    paths = [mount.path for mount in submission.mounts] + [folder.path for folder in submission.folders]
    if len({*paths}) < len(paths):
        raise HttpError(422, "two mounts have the same path")


def _check_mount(source: str, path: str, state: Path) -> None:
    if (refused := mounts.refusal(path)) is not None:
        raise HttpError(422, refused)
    if not source.startswith("/"):
        raise HttpError(422, f"a volume's source is an absolute path, not {source!r}")
    ours = state.resolve()
    if ours.is_relative_to(path) or Path(path).is_relative_to(ours):
        raise HttpError(422, f"mount path {path}: the agent's own files are there")
