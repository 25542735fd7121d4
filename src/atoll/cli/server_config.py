"""`atoll server config`: shows, checks and edits the configuration of this machine's server.

What is right in it, the backends know: a process of the server's own code checks the file.
"""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec

from atoll.cli import terminal, units
from atoll.cli.config_example import EXAMPLE
from atoll.cli.errors import CommandError, InvalidFiles, show_diagnostics
from atoll.cli.own_server import end, own_folder, process_of
from atoll.client import Client, ClientError, autostart, location
from atoll.model.diagnostic import Diagnostic
from atoll.private_files import write_private

CONFIG, DRAFT = "config.yml", "config.yml.draft"
_SECRET = re.compile(r"secret|token|password|external_id|private_key", re.IGNORECASE)
_PUBLIC = ("type", "profile", "role_arn", "access_key")
"""The keys of `creds` whose values are no secrets."""
_COMMENTED = re.compile(
    r"(?m)^(\s*#.*?\b\w*(?:secret|token|password|external_id)\w*\s*:[ \t]*)([^\s{].*)$", re.IGNORECASE
)
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The types of the configured backends, and what is wrong with the file."""

    backends: tuple[str, ...]
    findings: tuple[Diagnostic, ...]


@click.group()
def config() -> None:
    """Show, check and edit the configuration of this machine's server.

    A server reads its configuration when it starts: after a change, restart it. Instances and jobs continue meanwhile.
    """


@config.command()
@click.option("--example", is_flag=True, help="Print an example with every backend, commented out.")
def show(example: bool) -> None:
    """Print the configuration, with secrets masked."""
    if example:
        terminal.out(EXAMPLE.rstrip())
        return
    path = own_folder() / CONFIG
    text = _text(path)
    if text is None:
        terminal.note(f"there is no {path}: the server has the backends `local` and `ssh` with their defaults")
        terminal.note("`atoll server config edit` creates it; `atoll server config show --example` prints an example")
        return
    terminal.note(f"{path}:")
    terminal.out(masked(text).rstrip())


@config.command()
def check() -> None:
    """Check the configuration, without an account or a server. Exits with code 1 for an error.

    `atoll server check` also asks the clouds what the accounts permit.
    """
    path = own_folder() / CONFIG
    text = _text(path)
    if text is None:
        terminal.out(f"there is no {path}: the server has the backends `local` and `ssh` with their defaults")
        return
    found = _checked(path, path, text)
    names = units.listed([f"`{name}`" for name in found.backends]) or "`local` and `ssh`, the default"
    terminal.out(f"{path} has no errors; backends: {names}")
    if _is_newer(path):
        terminal.out("it changed after the server started: `atoll server stop`, and the next command starts it with it")


@config.command()
@click.option("-y", "--yes", is_flag=True, help="Do not ask; restart a running server.")
def edit(yes: bool) -> None:
    """Open the configuration in an editor, check it, and save it when it has no errors.

    The editor is that of VISUAL or EDITOR. A first file begins with commented examples of every backend. A file with
    errors is kept as `config.yml.draft`, with which the next edit begins. After saving, the command offers to restart
    a running server.
    """
    folder = own_folder()
    path, draft = folder / CONFIG, folder / DRAFT
    if not (terminal.interactive() or os.environ.get("VISUAL") or os.environ.get("EDITOR")):
        raise CommandError("there is no terminal for an editor", f"write {path}, then `atoll server config check`")
    with autostart.usable(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = _text(path)
    begun = _text(draft)
    if begun is not None:
        older = before is not None and draft.stat().st_mtime < path.stat().st_mtime
        terminal.note(f"this continues {draft}" + (f", which is older than {path}" if older else ""))
    else:
        write_private(draft, (EXAMPLE if before is None else before).encode())
    while True:
        click.edit(filename=str(draft))
        text = _text(draft)
        if text is None or text == before or (before is None and text == EXAMPLE):
            draft.unlink(missing_ok=True)
            terminal.out("nothing changed")
            return
        try:
            _checked(draft, path, text)
            break
        except InvalidFiles as error:
            if yes or not terminal.interactive():
                terminal.note(f"what you wrote is kept in {draft}; {path} is as before")
                raise
            show_diagnostics(error.diagnostics, error.sources)
            if not click.confirm("Edit it again?", default=True):
                raise CommandError("the configuration is as before", f"what you wrote is kept in {draft}") from None
    draft.chmod(0o600)
    draft.replace(path)
    terminal.out(f"saved {path}")
    _offer_restart(folder, yes=yes)


def masked(text: str) -> str:
    """The text of a configuration with each letter of its secrets as `*`, so that positions in it hold.

    Raises CommandError where it cannot be read, and secrets cannot be found.
    """
    from atoll.configuration.reading.reader import Unreadable, read
    from atoll.configuration.reading.source import SourceFile

    try:
        spans = [
            place.value
            for document in read(SourceFile(CONFIG, text))
            for path, place in document.places.items()
            if _is_secret(path) and not any(longer[:-1] == path for longer in document.places)
        ]
    except Unreadable as error:
        raise CommandError("the configuration cannot be read", "see `atoll server config check`") from error
    starts = [0, *(found.end() for found in _BREAK.finditer(text))]
    letters = list(text)
    for span in spans:
        for at in range(starts[span.line - 1] + span.column - 1, starts[span.end_line - 1] + span.end_column - 1):
            letters[at] = "*" if not letters[at].isspace() else letters[at]
    return _COMMENTED.sub(lambda found: found[1] + "*" * len(found[2]), "".join(letters))


def _is_secret(path: tuple[str | int, ...]) -> bool:
    names = [step for step in path if isinstance(step, str)]
    return any(map(_SECRET.search, names)) or ("creds" in names[:-1] and names[-1] not in _PUBLIC)


def _text(path: Path) -> str | None:
    """The text of a file; None where there is none. Raises CommandError for one that cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise CommandError(f"{path} is not text in UTF-8", "save it as UTF-8") from error
    except OSError as error:
        raise CommandError(f"cannot read {path}: {error.strerror}") from error


def _checked(file: Path, shown: Path, text: str) -> Checked:
    """What the server's own code finds in `file`, whose text is `text`; findings name it `shown`.

    Raises InvalidFiles for findings.
    """
    command = [sys.executable, "-m", "atoll.server.config_file", str(file), "--name", str(shown)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise CommandError(f"the configuration cannot be checked: {' '.join(last)}")
    found = msgspec.json.decode(done.stdout, type=Checked)
    if found.findings:
        try:
            sources = {str(shown): masked(text)}
        except CommandError:
            sources = {}  # a line of it could hold a secret
        raise InvalidFiles(found.findings, sources)
    return found


def _is_newer(path: Path) -> bool:
    """Whether the file changed after the running server of its folder started."""
    try:
        place = autostart.running(path.parent)
        if place is None:
            return False
        started = Client(place.address, place.token).status().started_at
        return path.stat().st_mtime > started.timestamp()
    except (ClientError, OSError):
        return False


def _offer_restart(folder: Path, *, yes: bool) -> None:
    """Restart the folder's server where a command started it; say what to do otherwise."""
    pid = process_of(folder)
    if pid is None:
        return
    if not _writes_log_file(folder, pid):
        terminal.out(f"the running server (pid {pid}) uses it after a restart, by what started it")
        return
    if not yes and not terminal.interactive():
        terminal.out("the running server uses it after `atoll server stop`: the next command starts it again")
        return
    if not yes and not click.confirm("Restart the server to use it? Instances and jobs continue.", default=True):
        terminal.out("the running server keeps its former configuration until it is restarted")
        return
    known = location.local(folder)
    address = urlsplit(known.address) if known is not None else None
    options = []
    if address is not None and address.scheme == "http" and address.port:
        options = ["--host", str(address.hostname), "--port", str(address.port)]
    end(folder, pid)
    place = autostart.start(folder, options)
    terminal.out(f"the server runs with it at {place.address} (pid {place.pid})")


def _writes_log_file(folder: Path, pid: int) -> bool:
    """Whether a command started the server, and not a user's shell or a supervisor: it writes to the folder's log."""
    try:
        return Path(f"/proc/{pid}/fd/2").samefile(folder / autostart.LOG_FILE)
    except OSError:
        return False
