"""The dataclasses of `atoll.wire.agent` from JSON and to it, with the standard library alone."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from atoll.agent.http import HttpError
from atoll.wire.agent import Container, JobFile, JobStop, JobSubmission, MachineFolder, Mount, Share


def submission(body: bytes) -> JobSubmission:
    """A job's submission. Raises HttpError (422) that names the wrong field."""
    content = _object(body)
    return JobSubmission(
        commands=tuple(_texts(content, "commands")),
        env={name: _of(value, str, f"env.{name}") for name, value in _of(content.get("env", {}), dict, "env").items()},
        shell=_of(content.get("shell", "/bin/sh"), str, "shell"),
        working_dir=_optional_text(content, "working_dir"),
        mounts=tuple(_mount(each) for each in _of(content.get("mounts", []), list, "mounts")),
        max_duration=None if content.get("max_duration") is None else _number(content, "max_duration"),
        container=None if content.get("container") is None else _container(content["container"]),
        files=tuple(_file(each) for each in _of(content.get("files", []), list, "files")),
        folders=tuple(_folder(each) for each in _of(content.get("folders", []), list, "folders")),
        share=None if content.get("share") is None else _share(content["share"]),
    )


def stop(body: bytes) -> JobStop:
    """A request to stop a job. Raises HttpError (422)."""
    return JobStop(_number(_object(body), "grace"))


def plain(value: object) -> Any:
    """What `json.dumps` takes, of a dataclass of the protocol."""
    if is_dataclass(value):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    return [plain(each) for each in value] if isinstance(value, (list, tuple)) else value


def _object(body: bytes) -> dict[str, Any]:
    try:
        content: dict[str, Any] = _of(json.loads(body), dict, "the body")
    except (ValueError, RecursionError) as error:
        raise HttpError(422, f"the body is not JSON: {error}") from error
    return content


def _mount(content: object) -> Mount:
    each = _of(content, dict, "mounts")
    return Mount(*(_of(each.get(name), str, f"mounts.{name}") for name in ("volume", "source", "path")))


def _file(content: object) -> JobFile:
    each = _of(content, dict, "files")
    return JobFile(*(_of(each.get(name), str, f"files.{name}") for name in ("digest", "path")))


def _folder(content: object) -> MachineFolder:
    each = _of(content, dict, "folders")
    source, path = (_of(each.get(name), str, f"folders.{name}") for name in ("source", "path"))
    return MachineFolder(source, path, _of(each.get("optional", False), bool, "folders.optional"))


def _share(content: object) -> Share:
    part = _of(content, dict, "share")
    gpus = tuple(_of(each, int, "share.gpus") for each in _of(part.get("gpus", []), list, "share.gpus"))
    vendor = _of(part.get("gpu_vendor", ""), str, "share.gpu_vendor")
    return Share(_number(part, "cpus"), _number(part, "memory_gb"), gpus, vendor)


def _container(content: object) -> Container:
    each = _of(content, dict, "container")
    return Container(
        _of(each.get("image"), str, "container.image"),
        tuple(_texts({"entrypoint": [], **each}, "entrypoint")),
        _of(each.get("user", ""), str, "container.user"),
        _of(each.get("privileged", False), bool, "container.privileged"),
        None if each.get("shm_bytes") is None else int(_number(each, "shm_bytes")),
        _of(each.get("username", ""), str, "container.username"),
        _of(each.get("password", ""), str, "container.password"),
    )


def _texts(content: dict[str, Any], name: str) -> list[str]:
    return [_of(each, str, name) for each in _of(content.get(name), list, name)]


def _optional_text(content: dict[str, Any], name: str) -> str | None:
    value = content.get(name)
    return None if value is None else _of(value, str, name)


def _number(content: dict[str, Any], name: str) -> float:
    value = content.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise HttpError(422, f"`{name}` is a number")
    return value


def _of(value: Any, kind: type, name: str) -> Any:
    if not isinstance(value, kind):
        raise HttpError(422, f"`{name}` has the wrong type: expected {_KINDS[kind]}")
    return value


_KINDS: dict[type, str] = {
    str: "a text",
    list: "a list",
    dict: "an object",
    bool: "true or false",
    int: "a whole number",
}
