"""Plans against a snapshot file instead of the live world, and writes such files."""

from dataclasses import replace
from pathlib import Path

from atoll.cli.errors import CommandError, InvalidFiles
from atoll.client import ApiError, Client
from atoll.model.diagnostic import Diagnostic
from atoll.model.error_codes import ErrorCode
from atoll.private_files import write_private
from atoll.wire.api import PlanResponse, Submission
from atoll.wire.snapshot import LARGEST_BYTES


def replay(client: Client, sent: Submission, path: str) -> PlanResponse:
    """The plan in the world of the file. Raises InvalidFiles when the file cannot be read or is no snapshot."""
    try:
        size = Path(path).stat().st_size
        if size > LARGEST_BYTES:
            message = f"`{path}` is larger than {LARGEST_BYTES >> 20} MiB"
            help = "write the offers as a table; `atoll export schema --snapshot` prints the schema"
            raise InvalidFiles((Diagnostic("snapshot-too-large", message, help=help),), {})
        with Path(path).open("rb") as file:
            return client.replay(sent, file, size)
    except FileNotFoundError as error:
        finding = Diagnostic("missing-file", f"there is no file `{path}`", help="check the path after `--snapshot`")
        raise InvalidFiles((finding,), {}) from error
    except OSError as error:
        finding = Diagnostic("unreadable-file", f"cannot read `{path}`: {error.strerror}")
        raise InvalidFiles((finding,), {}) from error
    except ApiError as error:
        if error.problem.code != ErrorCode.INVALID_SNAPSHOT:
            raise
        found = tuple(
            replace(diagnostic, notes=(*diagnostic.notes, f"in {path}")) for diagnostic in error.problem.diagnostics
        )
        raise InvalidFiles(found, {}) from error


def write(content: bytes, path: str) -> None:
    """Write a snapshot file, whole or not at all, readable by its owner alone. Raises CommandError."""
    try:
        write_private(Path(path), content)
    except OSError as error:
        raise CommandError(f"cannot write `{path}`: {error.strerror}") from error
