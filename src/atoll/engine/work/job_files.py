"""The files of a job and the folders of its machine: where each goes, and how files reach the machine."""

import posixpath
from collections.abc import Sequence

from atoll.backends.agent_client import AgentClient
from atoll.configuration.types.mount import InstanceMount
from atoll.configuration.types.run import Run as RunSpec
from atoll.engine.context import Context
from atoll.engine.parts.provider_calls import in_time
from atoll.store.archives import Archive
from atoll.wire.agent import JobFile, MachineFolder

PART_BYTES = 512 << 10
"""What one call carries: an agent takes 1 MiB, and a slow link must carry it within the time limit of a call."""
TURN_BYTES = 16 << 20
"""What one turn sends before it gives its worker slot to other work."""


class FilesGone(Exception):  # noqa: N818 - a fact about the server's data folder
    """The server no longer has the files of a job."""


def files_of(spec: RunSpec) -> tuple[JobFile, ...]:
    """The files of a run's jobs, with their places on the machine or in the container."""
    return tuple(JobFile(entry.digest, _place(entry.target, spec)) for entry in spec.files if entry.digest is not None)


def folders_of(spec: RunSpec) -> tuple[MachineFolder, ...]:
    """The folders of the machine that a run's jobs get."""
    wanted = [mount for mount in spec.volumes if isinstance(mount, InstanceMount)]
    return tuple(
        MachineFolder(posixpath.normpath(one.instance_path), posixpath.normpath(one.path), one.optional)
        for one in wanted
    )


def _place(target: str, spec: RunSpec) -> str:
    if target == "~" or target.startswith("~/"):
        return target if spec.image is None else posixpath.normpath(spec.home_dir + target[1:])
    return posixpath.normpath(posixpath.join(spec.working_dir or "", target))


async def send_files(context: Context, project: str, files: Sequence[JobFile], agent: AgentClient) -> bool:
    """Send the archives that a machine lacks, at most `TURN_BYTES`; False where more is to be sent.

    Raises FilesGone, and what calls to the agent raise.
    """
    left = TURN_BYTES
    for digest in dict.fromkeys(file.digest for file in files):
        state = await in_time(agent.archive(digest))
        if state.complete:
            continue
        async with context.database.read() as tx:
            archive = await tx.archives.get(project, digest)
        if archive is None:
            raise FilesGone("the server no longer has its files: apply the configuration again")
        while not state.complete:
            if left <= 0:
                return False
            data = await _read(context, archive, state.bytes)
            end = state.bytes + len(data) >= archive.bytes
            state = await in_time(agent.send_archive(digest, state.bytes, data, end))
            left -= len(data)
    return True


async def _read(context: Context, archive: Archive, offset: int) -> bytes:
    try:
        return (await context.archives.read(archive, offset))[:PART_BYTES]
    except FileNotFoundError as error:
        raise FilesGone("the server's copy of its files is missing: apply the configuration again") from error
