"""A container's files: copied into it, as the container's user, before it starts."""

from __future__ import annotations

import posixpath
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from typing import IO, Any, cast

from atoll.agent.containers import ContainerError, Engine
from atoll.agent.folder import Folder, StartError
from atoll.agent.unpacking import member_path


def copy_in(engine: Engine, container: str, workdir: str, folder: Folder, job: Mapping[str, Any]) -> None:
    """Copy a job's files into a container that has not started; relative paths begin at `workdir`.

    Folders that the image has keep what else is in them. Raises ContainerError.
    """
    owner = _ids(engine, container, job["container"]["user"])
    with tempfile.TemporaryFile() as errors:
        command = [engine.program, "cp", "-a", "-", f"{container}:/"]
        with subprocess.Popen(command, env=engine.environment, stdin=subprocess.PIPE, stderr=errors) as process:
            stream = cast("IO[bytes]", process.stdin)
            with suppress(BrokenPipeError), tarfile.open(fileobj=stream, mode="w|", format=tarfile.PAX_FORMAT) as out:
                for each in job["files"]:
                    target = posixpath.normpath(posixpath.join(workdir, each["path"]))
                    _copy(folder.archives / each["digest"], target, owner, out, bare=target == workdir)
            with suppress(BrokenPipeError):
                stream.close()
        errors.seek(0)
        if process.returncode != 0:
            raise ContainerError(f"files cannot be copied into it: {engine.explained(errors.read().decode())}")


def _copy(archive: Any, target: str, owner: tuple[int, int], out: tarfile.TarFile, bare: bool) -> None:
    """Add an archive's members at their paths in the container; with `bare` without the folder itself."""
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                name = member_path(member.name, member.linkname if member.issym() else None)
                if bare and not name and member.isdir():
                    continue
                member.name = posixpath.join(target, name).strip("/") if name else target.strip("/")
                member.uid, member.gid = owner
                member.pax_headers = {}
                out.addfile(member, tar.extractfile(member) if member.isfile() else None)
    except (StartError, tarfile.TarError) as error:
        raise ContainerError(str(error)) from error


def _ids(engine: Engine, container: str, user: str) -> tuple[int, int]:
    """The numbers of the container's user and group; root's for one that the image does not know."""
    name, _, group = user.partition(":")
    if name.isdecimal():
        return int(name), int(group) if group.isdecimal() else 0
    if name:
        with suppress(ContainerError):
            # A tar file with one text file in it, whose first line follows zeros.
            known = engine.call("cp", "--follow-link", f"{container}:/etc/passwd", "-")
            found = re.search(rf"(?:^|\0){re.escape(name)}:[^:\n]*:(\d+):(\d+):", known, re.MULTILINE)
            if found is not None:
                return int(found[1]), int(group) if group.isdecimal() else int(found[2])
    return 0, 0
