"""What a client sends becomes files to submit: its configurations, without the fields that are unset."""

import json
import re
from collections.abc import Mapping
from typing import Any

from atoll.engine.parts.refusal import Refused
from atoll.fronts.dstack.backends import Names
from atoll.model.error_codes import ErrorCode
from atoll.wire.api import SourceFile, Submission

_REPOS = ("repo_code_hash", "file_archives")
_PATH = re.compile(r"[^\x00-\x1f\x7f]{1,300}")
_PROFILE = frozenset({"name", "default"})
"""The keys of a profile that are no key of a document."""


def cleaned(value: Any) -> Any:
    """A value without unset parts, None where nothing remains: clients send all fields, null or empty where unset."""
    if isinstance(value, Mapping):
        parts = {key: cleaned(part) for key, part in value.items()}
        return {key: part for key, part in parts.items() if part is not None} or None
    if isinstance(value, list):
        return [part for part in map(cleaned, value) if part is not None] or None
    return value


def run_submission(spec: Mapping[str, Any], names: Names, name: str) -> Submission:
    """The files of a run. Raises Refused (invalid-request) where it needs an archive of code or files."""
    for key in _REPOS:
        if cleaned(spec.get(key)):
            raise Refused(
                ErrorCode.INVALID_REQUEST, "this server takes no repos and files from dstack's clients", status=422
            )
    return _submission(spec, {"name": name}, names)


def fleet_submission(spec: Mapping[str, Any], names: Names) -> Submission:
    """The files of a fleet."""
    return _submission(spec, {}, names)


def volume_submission(configuration: Any, names: Names) -> Submission:
    """The files of a volume."""
    return _submission({"configuration": configuration}, {}, names)


def _submission(spec: Mapping[str, Any], extra: Mapping[str, Any], names: Names) -> Submission:
    """One document as a file: JSON, which is YAML as well. What a profile says is under what the document says."""
    configuration, profile = spec.get("configuration"), spec.get("profile") or {}
    if not isinstance(configuration, Mapping) or not isinstance(profile, Mapping):
        raise Refused(ErrorCode.INVALID_REQUEST, "the request has no configuration", status=422)
    own = cleaned(configuration) or {}
    of_profile = {key: value for key, value in (cleaned(profile) or {}).items() if key not in _PROFILE}
    document = {**of_profile, **own, **extra}
    for key in ("backend", "backends"):
        if key in document:
            document[key] = names.own(document[key])
    path = spec.get("configuration_path")
    name = path if isinstance(path, str) and _PATH.fullmatch(path) else f"{document.get('type', 'document')}.dstack.yml"
    return Submission((SourceFile(name, json.dumps(document, indent=1)),), rerun=True)
