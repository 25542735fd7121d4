"""The agent as one file: a zip of Python sources that Python 3.9 or newer runs, without any package.

The same sources always give the same bytes, so the file's name carries their hash: a new version stands beside an old
one, which stays as long as supervisors of running jobs come from it.
"""

from __future__ import annotations

import hashlib
import io
import os
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_MODULES = (
    "__init__",
    "model/__init__",
    "model/system_error",
    "wire/__init__",
    "wire/agent",
    "wire/logs",
    "wire/streams",
    *(f"agent/{name}" for name in ("__init__", "__main__", "app", "archives", "container_files", "containers")),
    *(
        f"agent/{name}"
        for name in ("folder", "http", "jobs", "machine_folders", "mounts", "notices", "output", "processes", "shapes")
    ),
    *(f"agent/{name}" for name in ("share", "streams", "supervisor", "unpacking")),
)
_MAIN = "import sys\nfrom atoll.agent.__main__ import main\nsys.exit(main())\n"
_DATE = (1980, 1, 1, 0, 0, 0)


@lru_cache(maxsize=1)
def agent_bytes() -> bytes:
    """The file's content, some 50 KB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for module in _MODULES:
            source = (_PACKAGE / f"{module}.py").read_bytes()
            file.writestr(zipfile.ZipInfo(f"atoll/{module}.py", _DATE), source, zipfile.ZIP_DEFLATED)
        file.writestr(zipfile.ZipInfo("__main__.py", _DATE), _MAIN, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def agent_name() -> str:
    """The file's name: `agent-` and the first 12 digits of its SHA-256."""
    return f"agent-{hashlib.sha256(agent_bytes()).hexdigest()[:12]}.pyz"


def write_agent(folder: Path) -> Path:
    """The file in `folder`, written when it is not there yet. Raises OSError."""
    path = folder / agent_name()
    if not path.exists():
        handle, draft = tempfile.mkstemp(dir=folder, prefix=".agent-")
        with os.fdopen(handle, "wb") as file:
            file.write(agent_bytes())
        Path(draft).replace(path)
    return path
