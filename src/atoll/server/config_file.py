"""The configuration file of a server: its content, and what is wrong with it, with the place in the file.

`python -m atoll.server.config_file FILE` prints the findings as JSON, for the command line, which knows no backends.
The file is read as users' own configurations are: by the rules of YAML 1.2.
"""

import argparse
import json
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from atoll.backends.registry import check_settings
from atoll.configuration.reading.document import span_of
from atoll.configuration.reading.reader import Path as KeyPath
from atoll.configuration.reading.reader import Place, Unreadable, read
from atoll.configuration.reading.source import SourceFile
from atoll.engine.parts.disruption_config import disruption_of
from atoll.engine.parts.retention_config import retention_of
from atoll.model.diagnostic import Diagnostic
from atoll.model.suggestion import did_you_mean

CONFIG = "config.yml"
KEYS = ("backends", "disruption", "dstack", "retention")
_QUOTED = re.compile("`([^`]+)`")
_ABOUT_KEYS = ("has no setting", "has no key", "unknown key")
_LIST = "write for example `backends: [{type: local}]`"


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says, and its findings; the content counts only without findings."""

    content: Mapping[str, Any] = field(default_factory=dict)
    findings: tuple[Diagnostic, ...] = ()


def read_config(path: Path, name: str | None = None) -> ConfigFile:
    """The configuration at `path`, called `name` in findings; an empty one where there is no file."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ConfigFile()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text in UTF-8"
        return ConfigFile(findings=(Diagnostic("unreadable-file", f"cannot read `{path}`: {why}"),))
    return parsed(SourceFile(name or str(path), text))


def parsed(file: SourceFile) -> ConfigFile:
    """The configuration that a file's text says."""
    try:
        documents = list(read(file))
    except Unreadable as error:
        return ConfigFile(findings=(error.diagnostic,))
    if not documents:
        return ConfigFile()
    data, places = documents[0].data, documents[0].places
    findings = list(documents[0].findings)
    if len(documents) > 1:
        findings.append(
            Diagnostic("wrong-value", "a server's configuration is one document", span=span_of(documents[1].places, ()))
        )
    if isinstance(data, dict):
        findings += _faults(data, places)
        return ConfigFile(data, tuple(sorted(dict.fromkeys(findings), key=_position)))
    help = f"the keys are {_listed(KEYS)}"
    findings.append(
        Diagnostic("wrong-type", "a server's configuration is a mapping", span=span_of(places, ()), help=help)
    )
    return ConfigFile(findings=tuple(findings))


def dstack_aliases(config: Mapping[str, Any]) -> Mapping[str, str] | None:
    """What `dstack: true` or `dstack: {alias: {aws: local}}` says: dstack's names of backends by which configured ones
    are called; None where its clients are not served. Raises ValueError.
    """
    value = config.get("dstack")
    if value is None or isinstance(value, bool):
        return {} if value else None
    aliases = value.get("alias") or {} if isinstance(value, Mapping) and not {*value} - {"alias"} else None
    if isinstance(aliases, Mapping) and all(isinstance(each, str) for pair in aliases.items() for each in pair):
        return dict(aliases)
    raise ValueError("`dstack` is `true`, `false`, or `{alias: {DSTACK-BACKEND: BACKEND}}`")


def _faults(content: Mapping[str, Any], places: Mapping[KeyPath, Place]) -> Iterator[Diagnostic]:
    """What is wrong with the keys of the file and with each backend."""
    for key in content:
        if key not in KEYS and not str(key).startswith("x-"):
            help = did_you_mean(str(key), KEYS, f"the keys are {_listed(KEYS)}")
            yield Diagnostic("unknown-key", f"unknown key `{key}`", span=span_of(places, (key,), True), help=help)
    for check in (retention_of, disruption_of, dstack_aliases):
        yield from _refused(check, content, places, ())
    entries = content.get("backends")
    if entries is not None and not isinstance(entries, list):
        span = span_of(places, ("backends",))
        yield Diagnostic(
            "wrong-type", "`backends` must be a list of mappings, each with a `type`", span=span, help=_LIST
        )
        return
    seen: set[str] = set()
    for index, entry in enumerate(entries or ()):
        at: KeyPath = ("backends", index)
        if not isinstance(entry, dict) or not isinstance(entry.get("type"), str):
            message = "`backends` must be a list of mappings, each with a `type`"
            yield Diagnostic("wrong-type", message, span=span_of(places, (*at, "type")), help=_LIST)
            continue
        type, settings = entry["type"], {key: value for key, value in entry.items() if key != "type"}
        if type in seen:
            message = f"`backends` has `{type}` more than once"
            yield Diagnostic("duplicate-name", message, span=span_of(places, (*at, "type")),
                             help="put all its settings into one entry")  # fmt: skip
            continue
        seen.add(type)
        yield from _refused(partial(check_settings, type), settings, places, at)


def _position(one: Diagnostic) -> tuple[int, int]:
    return (one.span.line, one.span.column) if one.span else (0, 0)


def _refused(
    check: Callable[[Mapping[str, Any]], object],
    value: Mapping[str, Any],
    places: Mapping[KeyPath, Place],
    base: KeyPath,
) -> Iterator[Diagnostic]:
    """The finding of a check that raises ValueError, at the key that its sentence names."""
    try:
        check(value)
    except ValueError as error:
        message, _, help = str(error).partition("; ")
        about_key = any(words in message for words in _ABOUT_KEYS)
        span = span_of(places, _named(message, places, base), about_key)
        code = "unknown-key" if about_key else "wrong-value"
        yield Diagnostic(code, message, span=span, help=help or None)


def _named(message: str, places: Mapping[KeyPath, Place], base: KeyPath) -> KeyPath:
    """The path of the key that a message names in backquotes, outermost first: `creds`, or `retention.events`."""
    path = base
    for name in _QUOTED.findall(message):
        for step in str(name).split("."):
            if (*path, step) in places:
                path = (*path, step)
                continue
            below = [place for place in places if place[: len(path)] == path and place[-1:] == (step,)]
            if len(below) == 1:
                path = below[0]
    if path == base and base and (*base, "type") in places:
        return (*base, "type")
    return path


def _listed(keys: tuple[str, ...]) -> str:
    return ", ".join(f"`{key}`" for key in keys)


def main() -> None:
    """Print the findings of a file as JSON: `{"backends": [TYPE...], "findings": [...]}`."""
    parser = argparse.ArgumentParser(prog="atoll.server.config_file")
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", help="the name of the file in the findings")
    arguments = parser.parse_args()
    found = read_config(arguments.file, arguments.name)
    types = [] if found.findings else [entry["type"] for entry in found.content.get("backends") or ()]
    json.dump({"backends": types, "findings": [asdict(finding) for finding in found.findings]}, sys.stdout)


if __name__ == "__main__":
    main()
