"""`python -m atoll.server.removal --home DIR`: deletes the data folder of a server that does not run.

Files that are not a server's remain, and are named: a data folder may be one that the user has for other things too.
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

from atoll.backends.local.sockets import remove_empty_folders
from atoll.model.system_error import error_words
from atoll.server.home import FILES, FOLDERS, HomeError, held


def main() -> None:
    """Delete it, and print what remains. Exits 1 with one line where a server runs, or a file cannot be deleted."""
    parser = argparse.ArgumentParser(prog="atoll.server.removal")
    parser.add_argument("--home", type=Path, required=True, help="the data folder")
    home = parser.parse_args().home
    try:
        others = remove(home)
    except (HomeError, OSError) as error:
        print(f"error: {error_words(error)}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
    if others:
        print(f"{home} is not in use any more; it still holds {', '.join(others)}")  # noqa: T201
    else:
        print(f"everything is deleted, {home} too")  # noqa: T201


def remove(home: Path) -> list[str]:
    """Delete a server's files and the folder; the names of other files, for which the folder remains.

    Raises HomeError where a server uses the folder.
    """
    lock = held(home)
    try:
        for name in FOLDERS:
            if (home / name).exists():
                shutil.rmtree(home / name)
        for name in FILES:
            (home / name).unlink(missing_ok=True)
    finally:
        os.close(lock)
    remove_empty_folders()
    others = sorted(path.name for path in home.iterdir())
    if not others:
        home.rmdir()
    return others


if __name__ == "__main__":
    main()
