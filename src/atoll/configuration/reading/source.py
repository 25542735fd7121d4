"""The text of one configuration file, as `parse` takes it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file's text; `name` as the user named it, for diagnostics."""

    name: str
    text: str
