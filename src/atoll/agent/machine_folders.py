"""Folders of the machine that a job asks for: which of them it gets, and why not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from atoll.agent import mounts
from atoll.agent.http import HttpError
from atoll.model.system_error import error_words
from atoll.wire.agent import MachineFolder


def found(wanted: Sequence[MachineFolder], hidden: Sequence[str], shows: bool) -> list[tuple[str, str]]:
    """Where each folder really is, and its path for the job; a missing one is made.

    `shows` says whether the machine can show a folder at another path; `hidden` are folders that no job may see.
    Raises HttpError (422) for one that is not optional and cannot be had.
    """
    answer = []
    for each in wanted:
        refused = mounts.refusal(each.path) or _forbidden(each.source, hidden)
        if refused is not None:
            raise HttpError(422, refused)
        real = os.path.realpath(each.source)
        problem = None if Path(real).exists() else _made(real, each)
        if problem is None and not shows and real != os.path.realpath(each.path):
            problem = f"this machine cannot show its folder {each.source} at {each.path}"
        if problem is None:
            answer.append((real, each.path))
        elif not each.optional:
            raise HttpError(422, problem)
    return answer


def _forbidden(source: str, hidden: Sequence[str]) -> str | None:
    """Why no job may have this folder; None where one may."""
    if not source.startswith("/"):
        return f"a folder of the machine has an absolute path, not {source!r}"
    real = Path(source).resolve()
    for each in (Path(one).resolve() for one in hidden):
        if real.is_relative_to(each) or each.is_relative_to(real):
            return f"jobs on this machine must not see the folder {source}"
    return None


def _made(real: str, wanted: MachineFolder) -> str | None:
    """Make a missing folder; why that is not possible. An optional one is not made."""
    if wanted.optional:
        return f"this machine has no folder {wanted.source}"
    try:
        Path(real).mkdir(parents=True)
    except OSError as error:
        return f"this machine has no folder {wanted.source}, and it cannot be made: {error_words(error)}"
    return None
