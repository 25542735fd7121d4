"""The packed files of runs: what is sent beside a submission, and stored by its digest.

An archive is a tar file of one entry of `files`. It begins with the entry itself, named `.`: a regular file, or a
folder whose files, folders and symbolic links follow by their relative names.
"""

from dataclasses import dataclass

ARCHIVE_BYTES = 128 << 20
"""The longest archive."""
ARCHIVE_MEMBERS = 20_000
"""The most files, folders and links of one archive."""
DIGEST_PATTERN = r"^[0-9a-f]{64}$"


@dataclass(frozen=True, slots=True)
class PackedFiles:
    """What an entry of `files` holds where the command runs: `local_path`, as `file` has it, and its SHA-256."""

    file: str
    local_path: str
    digest: str


@dataclass(frozen=True, slots=True)
class WantedArchives:
    """The digests of archives that a submission needs."""

    digests: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ArchiveView:
    """An archive that the server holds."""

    digest: str
    bytes: int
