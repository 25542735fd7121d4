"""Answers as JSON: encoded by msgspec, which knows the wire's dataclasses and is quicker than a validating encoder."""

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from fastapi import Response

from atoll.engine.parts.refusal import Refused
from atoll.engine.queries.page import Page
from atoll.model.system_error import DISK_WORDS, DiskTrouble
from atoll.wire.api import NEXT, Problem

T = TypeVar("T")
_encoder = msgspec.json.Encoder()
_DISK_HELP = {
    DiskTrouble.FULL: "free space on the disk of the data folder",
    DiskTrouble.READ_ONLY: "make the disk of the data folder writable",
    DiskTrouble.FAILING: "check the disk of the data folder, and `server.log` there",
}


def encoded(content: Any) -> bytes:
    """A wire value as JSON on one line."""
    return _encoder.encode(content)


def answer(content: Any, status: int = 200) -> Response:
    """A wire value as a response."""
    return Response(encoded(content), status, media_type="application/json")


async def answered(view: Callable[[T], Any], value: T) -> Response:
    """The view of a value that may be large, as a response: made in a thread, so that others are answered meanwhile."""
    return Response(await asyncio.to_thread(lambda: encoded(view(value))), media_type="application/json")


def page(found: Page[Any]) -> Response:
    """A list as a response; where more follows, its header says after which id."""
    response = answer(found.items)
    if found.more and found.items:
        response.headers[NEXT] = found.items[-1].id
    return response


def problem(code: str, message: str, status: int, help: str | None = None) -> Response:
    """A refusal as a response."""
    return answer(Problem(code, message, help), status)


def disk_refusal(trouble: DiskTrouble) -> Response:
    """The refusal of a request that could not be stored because of the server's disk."""
    help = f"{_DISK_HELP[trouble]}, then run the command again"
    words = DISK_WORDS[trouble].replace("the disk", "the server's disk")
    return problem(trouble.value, f"{words}: nothing was stored", 507, help)


def refusal(error: Refused) -> Response:
    """A refusal of the engine, as a response."""
    return answer(Problem(error.code, error.message, error.help, error.diagnostics), error.status)
