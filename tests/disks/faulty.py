"""A folder whose files cannot be changed for a while, as on a disk that fails or was made read-only by the kernel.

The process under test runs with a small library before libc (`faulty.c`), since a full or read-only file system of
its own shows neither an I/O error nor a disk that fails under files that are open.
"""

import shutil
import subprocess
from pathlib import Path

COMPILER = shutil.which("gcc") or shutil.which("cc")


class FaultyDisk:
    """The disk below `folder`, for processes that run with `environment`. `scratch` is on another disk."""

    def __init__(self, folder: Path, scratch: Path) -> None:
        assert COMPILER is not None
        library = scratch / "faulty.so"
        source = Path(__file__).with_name("faulty.c")
        subprocess.run([COMPILER, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
        self._number = scratch / "number"
        self.environment = {
            "LD_PRELOAD": str(library), "FAULTY_FOLDER": f"{folder}/", "FAULTY_NUMBER": str(self._number),
        }  # fmt: skip

    def fail(self, number: int) -> None:
        """Let changes fail with this errno from now on."""
        draft = self._number.with_suffix(".new")
        draft.write_text(str(number))
        draft.replace(self._number)

    def heal(self) -> None:
        """Let changes succeed again."""
        self._number.unlink()
