"""A job's folder: the files through which the agent and the job's supervisor communicate, even if one of them is dead.

    job.json      what to run; written by the agent, durably, before it answers; without variables once it runs
    lock          locked for as long as a supervisor lives; the agent hands the locked file to it
    control       a FIFO; a byte written to it makes the supervisor look at stop.json
    stop.json     a stop request, and when to kill
    begun         a supervisor has started: the job must not be started a second time
    running.json  the shell runs
    exit.json     how it ended; the last word
    log           the output, in the format of `atoll.wire.logs`
    container, problem    the container to be removed, and why it did not start; for jobs with an image
    login         how to sign in to a registry, while an image is pulled
    script, work, staging    the commands, the default working folder, and an empty folder for mounts

The supervisor starts for each job, so this module imports little.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any


class Folder:
    """The names of one job's files, and how they are written."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.job = path / "job.json"
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


def read(path: Path) -> dict[str, Any] | None:
    """The content of a JSON file; None when there is none."""
    try:
        content: dict[str, Any] = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    return content


def strip(folder: Folder) -> None:
    """Remove the variables and the password of a job that is not started again from its folder."""
    job = read(folder.job)
    if job is None:
        return
    container = job.get("container")
    if job.get("environment") or (container and container["password"]):
        bare = {**container, "password": ""} if container else None
        write(folder.job, {**job, "environment": {}, "container": bare})


def sync(folder: Path) -> None:
    """Make the names in this folder survive a power cut."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
