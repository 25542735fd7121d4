"""YAML text to typed specs with source positions, and diagnostics. The server, the engine and `atoll validate` use it.

The public names are loaded on first use: a command that only looks for the names of variables pays for no pydantic.
"""

from typing import TYPE_CHECKING, Any

from atoll.configuration.reading.source import SourceFile
from atoll.model.diagnostic import Span

if TYPE_CHECKING:
    from atoll.configuration.loading import Choices, ordered, parse
    from atoll.configuration.reading.document import Document, Parsed, Unread, spec_from_json

__all__ = [
    "Choices",
    "Document",
    "Parsed",
    "SourceFile",
    "Unread",
    "named_environment",
    "named_files",
    "ordered",
    "parse",
    "spec_from_json",
]

_HOMES = dict.fromkeys(("Choices", "ordered", "parse"), "loading") | dict.fromkeys(
    ("Document", "Parsed", "Unread", "spec_from_json"), "reading.document"
)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def named_environment(text: str) -> tuple[str, ...]:
    """The variables that a file names without a value, in its order; none when it cannot be read."""
    if "env" not in text:
        return ()
    from atoll.configuration.reading.reader import Unreadable, read

    names: dict[str, None] = {}
    try:
        for document in read(SourceFile("", text)):
            env = document.data.get("env") if isinstance(document.data, dict) else None
            if isinstance(env, dict):
                names.update(dict.fromkeys(name for name, value in env.items() if value is None))
            elif isinstance(env, list):
                names.update(dict.fromkeys(entry for entry in env if isinstance(entry, str) and "=" not in entry))
    except Unreadable:
        return ()
    return tuple(names)


def named_files(source: SourceFile) -> tuple[tuple[str, Span | None], ...]:
    """The local paths of the entries of `files` and their places; none when the file cannot be read."""
    if "files" not in source.text:
        return ()
    from atoll.configuration.reading.reader import Unreadable, read

    found: list[tuple[str, Span | None]] = []
    try:
        for document in read(source, written=True):
            listed = document.data.get("files") if isinstance(document.data, dict) else None
            for index, entry in enumerate(listed if isinstance(listed, list) else ()):
                local = entry.get("local_path") if isinstance(entry, dict) else entry
                if isinstance(local, str) and local:
                    local = local if isinstance(entry, dict) else local.partition(":")[0]
                    place = document.places.get(("files", index))
                    found.append((local, place.value if place else None))
    except Unreadable:
        return ()
    return tuple(found)
