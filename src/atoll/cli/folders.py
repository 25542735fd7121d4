"""Which files a command takes: those of a folder, and the current folder's own when none is named."""

import os
from collections.abc import Iterator
from pathlib import Path

import click

DEFAULTS = (".atoll.yml", ".atoll.yaml", ".dstack.yml", ".dstack.yaml")
"""The configuration of a folder that has one; also the endings of those with a name before it."""
CONFIGURATION_FOLDERS = frozenset({".atoll", ".dstack"})
"""The hidden folders in which configurations are looked for."""
PROFILES = frozenset({"profiles.yml", "profiles.yaml"})
_UNDOTTED = frozenset(name[1:] for name in DEFAULTS)


def inside(folder: str) -> Iterator[str]:
    """The configurations in a folder and below; other hidden folders are environments, caches, repositories."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") or name in CONFIGURATION_FOLDERS]
        hidden = Path(place).name in CONFIGURATION_FOLDERS
        for name in files:
            if name.endswith(DEFAULTS) or (hidden and name.endswith((".yml", ".yaml")) and name not in PROFILES):
                yield str(Path(place, name))


def none_inside(folder: str) -> str | None:
    """What to do about a folder without a configuration, when there is a file that may be meant for one."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        meant = sorted(_UNDOTTED.intersection(files))
        if meant:
            path = Path(place, meant[0])
            return f"`{path}` lacks the dot: rename it to `.{meant[0]}`, or name the file itself"
    return "configurations end in `.atoll.yml` or `.dstack.yml`"


def chosen(files: tuple[str, ...]) -> tuple[str, ...]:
    """The files that were named, or the current folder's own. Raises UsageError when there is none."""
    if files:
        return files
    for name in DEFAULTS:
        if Path(name).is_file():
            return (name,)
    raise click.UsageError("name a configuration: there is no `.atoll.yml` or `.dstack.yml` in this folder")
