"""The text of a configuration file, or why there is none. Every command that takes files reads them here."""

from pathlib import Path

from atoll.model.diagnostic import Diagnostic

LARGEST_BYTES = 1024 * 1024


def read_text(path: str) -> str | Diagnostic:
    """The text of a file; a diagnostic when it is not a filled text file of a fitting size."""
    try:
        with Path(path).open("rb") as file:
            content = file.read(LARGEST_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        return Diagnostic("missing-file", f"there is no file `{path}`", help="check the path")
    except IsADirectoryError:
        return Diagnostic("unreadable-file", f"`{path}` is a folder", help="name a file in it")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "that is not a path"
        return Diagnostic("unreadable-file", f"cannot read `{path}`: {why}")
    if len(content) > LARGEST_BYTES:
        help = "configurations are small: keep data and scripts in files of their own"
        return Diagnostic("file-too-large", f"`{path}` is larger than 1 MiB", help=help)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        return Diagnostic("unreadable-file", f"`{path}` is not text in UTF-8: see line {line}", help="save it as UTF-8")
    if not text.strip():
        help = "begin with `type: fleet`, `type: volume` or `type: task`"
        return Diagnostic("empty-file", f"`{path}` is empty", help=help)
    return text
