"""`atoll server import-config`: the backends of dstack's server configuration, as Atoll's `config.yml`.

The file holds secrets, so none of its values is ever shown: findings name lines and keys alone.
"""

import os
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from atoll.cli import errors, terminal
from atoll.cli.errors import CommandError
from atoll.cli.question import confirm
from atoll.cli.textfile import read_text
from atoll.client import autostart, location
from atoll.model.backends import RUNNABLE
from atoll.model.diagnostic import Diagnostic

DSTACK = "~/.dstack/server/config.yml"
CONFIG = "config.yml"
SAVED = "config.yml.before-import"


@dataclass(frozen=True, slots=True)
class Imported:
    """The backends to write, by type, and what was left out and why."""

    backends: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


@click.command("import-config")
@click.argument("path", default=DSTACK, metavar="[PATH]")
@click.option("-y", "--yes", is_flag=True, help="Replace an existing `config.yml` without asking.")
def import_config(path: str, yes: bool) -> int:
    """Import the backends of a dstack server's configuration.

    PATH defaults to `~/.dstack/server/config.yml`. The backends of its projects are written to `config.yml` in the
    data folder, readable by you alone. Those that this release cannot run are named and left out; backends that
    `config.yml` has already stay as they are, and the former file is kept beside it.
    """
    if os.environ.get("ATOLL_SERVER_URL"):
        raise CommandError("ATOLL_SERVER_URL points to another server", "import where that server runs")
    found = imported(_content(Path(path).expanduser()))
    for reason in found.left_out:
        errors.warn(reason)
    if not found.backends:
        raise CommandError(f"nothing was imported from {path}", f"this release runs the backends {', '.join(RUNNABLE)}")
    folder = location.home()
    target = folder / CONFIG
    kept = _kept(target)
    new = {name: entry for name, entry in found.backends.items() if name not in kept}
    for name in found.backends.keys() - new.keys():
        errors.warn(f"backend `{name}` is in {target} already and stays as it is there")
    if not new:
        terminal.out(f"nothing to change in {target}")
        return 0
    if target.exists():
        confirm(f"Replace {target}, which has {', '.join(kept) or 'no backends'}? A copy is kept.", yes=yes)
    _write(folder, [*kept.values(), *new.values()])
    terminal.out(f"imported {', '.join(new)} into {target}")
    if autostart.running(folder) is not None:
        terminal.out("the running server uses it after `atoll server stop` and `atoll server start`")
    return 0


def imported(content: Mapping[str, Any]) -> Imported:
    """The backends of all projects of a dstack server configuration. Raises CommandError where it is none."""
    projects = content.get("projects")
    if not isinstance(projects, list) or not all(isinstance(project, dict) for project in projects):
        raise CommandError("this is not a dstack server configuration: `projects` is missing", f"the usual is {DSTACK}")
    backends: dict[str, Mapping[str, Any]] = {}
    left_out: list[str] = []
    for project, entry in _entries(projects):
        kind = entry.get("type")
        of_project = f"of project `{project}`"
        if not isinstance(kind, str):
            left_out.append(f"a backend {of_project} has no `type`: skipped")
        elif kind not in RUNNABLE:
            left_out.append(f"backend `{kind}` {of_project} is skipped: this release does not support it")
        elif kind in backends and backends[kind] != entry:
            left_out.append(f"backend `{kind}` {of_project} is skipped: another project has a different one")
        else:
            backends[kind] = entry
    return Imported(backends, tuple(left_out))


def _entries(projects: list[dict[str, Any]]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for project in projects:
        listed = project.get("backends")
        for entry in listed if isinstance(listed, list) else ():
            yield str(project.get("name", "main"))[:60], entry if isinstance(entry, dict) else {}


def _content(path: Path) -> Mapping[str, Any]:
    """The plain data of a YAML file. Raises CommandError, without any value of the file."""
    from atoll.configuration.reading.reader import Unreadable, read
    from atoll.configuration.reading.source import SourceFile

    text = read_text(str(path))
    if isinstance(text, Diagnostic):
        raise CommandError(text.message, text.help)
    findings: list[Diagnostic] = []
    data: Any = None
    try:
        for document in read(SourceFile(str(path), text)):
            data = document.data if data is None else data
            findings += document.findings
    except Unreadable as error:
        findings.append(error.diagnostic)
    if findings:
        lines = ", ".join(sorted({str(finding.span.line) for finding in findings if finding.span}))
        raise CommandError(f"{path} cannot be read as YAML: see line {lines or 1}", "nothing was imported")
    return data if isinstance(data, dict) else {}


def _kept(target: Path) -> dict[str, Mapping[str, Any]]:
    """The backends of the present `config.yml`, by type."""
    if not target.exists():
        return {}
    content = _content(target)
    listed = content.get("backends") or []
    if not isinstance(listed, list) or not all(isinstance(one, dict) and "type" in one for one in listed):
        raise CommandError(f"{target}: `backends` must be a list of mappings, each with a `type`", "fix it first")
    if content.keys() - {"backends"}:
        raise CommandError(f"{target} has more keys than `backends`: add the backends by hand", "nothing was changed")
    return {str(one["type"]): one for one in listed}


def _write(folder: Path, backends: list[Mapping[str, Any]]) -> None:
    """Write `config.yml`, 0600, at once or not at all; the former one stays beside it."""
    import yaml

    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    target = folder / CONFIG
    if target.exists():
        saved = _draft(folder, target.read_text())
        saved.replace(folder / SAVED)
        terminal.out(f"the former file is {folder / SAVED}")
    text = yaml.safe_dump({"backends": [dict(backend) for backend in backends]}, sort_keys=False, allow_unicode=True)
    _draft(folder, text).replace(target)


def _draft(folder: Path, text: str) -> Path:
    descriptor, name = tempfile.mkstemp(dir=folder, prefix=f".{CONFIG}.")  # mkstemp makes it 0600
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)
