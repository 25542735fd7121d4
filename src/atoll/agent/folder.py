"""A job's folder: the files through which the agent and the job's supervisor communicate, even if one of them is dead.

    job.json      what to run; written by the agent, durably, before it answers
    variables     the environment of the job; removed once it runs
    lock          locked for as long as a supervisor lives; the agent hands the locked file to it
    control       a FIFO; a byte written to it makes the supervisor look at stop.json
    stop.json     a stop request, and when to kill
    begun         a supervisor has started: the job must not be started a second time
    running.json  the shell runs
    exit.json     how it ended; the last word
    log           the output, in the format of `atoll.wire.logs`
    container, problem    the container to be removed, and why it did not start; for jobs with an image
    login, password.json    for the image's registry: while the image is pulled, and until the job starts
    script, work, staging    the commands, the default working folder, and an empty folder for mounts
    archives, files    links to the archives of the job's files; those of absolute paths, unpacked
    *.reserve     space for begun, stop.json, running.json and exit.json, so that a full disk does not keep a job from
                  being stopped or its end from being recorded

The supervisor starts for each job, so this module imports little.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

RESERVE_BYTES = 4096
MESSAGE_CHARACTERS = 500
"""The longest message that an end records: each character takes at most 6 bytes of the reserve."""


class StartError(Exception):
    """The job cannot be started; the text says why."""


class Folder:
    """The names of one job's files, and how they are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = path / "job.json"
        self.variables = path / "variables"
        self.lock = path / "lock"
        self.control = path / "control"
        self.stop = path / "stop.json"
        self.begun = path / "begun"
        self.running = path / "running.json"
        self.exit = path / "exit.json"
        self.log = path / "log"
        self.script = path / "script"
        self.work = path / "work"
        self.staging = path / "staging"
        self.container = path / "container.json"
        self.problem = path / "problem.json"
        self.login = path / "login"
        self.password = path / "password.json"
        self.archives = path / "archives"
        self.files = path / "files"

    @property
    def reserved(self) -> tuple[Path, ...]:
        """The files that can be written on a full disk."""
        return self.begun, self.stop, self.running, self.exit

    def wake(self) -> None:
        """Let the supervisor look at stop.json; nothing happens when there is none yet, or no more."""
        with suppress(OSError):
            opened = os.open(self.control, os.O_WRONLY | os.O_NONBLOCK)
            try:
                os.write(opened, b"!")
            finally:
                os.close(opened)


def write(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file atomically and durably: a reader finds all of it or nothing."""
    new = path.with_name(f"{path.name}.{os.getpid()}")
    with new.open("w") as file:
        json.dump(content, file)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
    sync(path.parent)


def reserve(path: Path) -> None:
    """Take the space that `write_reserved` needs for this file. Raises OSError."""
    path.with_name(f"{path.name}.reserve").write_bytes(b" " * RESERVE_BYTES)


def write_reserved(path: Path, content: dict[str, Any]) -> None:
    """Write a JSON file of at most `RESERVE_BYTES` atomically and durably, in the space of its reserve.

    A second write of the same file has no reserve and needs space of its own. Raises OSError.
    """
    space = path.with_name(f"{path.name}.reserve")
    if not space.exists():
        write(path, content)
        return
    with space.open("r+") as file:
        json.dump(content, file)  # over what is allocated already
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
    space.replace(path)
    sync(path.parent)


def read(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file; None when there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content


def strip(folder: Folder) -> None:
    """Remove the variables and the password of a job that is not started again from its folder."""
    for path in (folder.variables, folder.password):
        with suppress(FileNotFoundError):
            path.unlink()


def sync(folder: Path) -> None:
    """Make the names in this folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
