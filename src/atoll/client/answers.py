"""What a server answered: a value of the expected type, or the problem."""

from typing import TypeVar

import msgspec

from atoll.client import transport
from atoll.client.errors import ApiError
from atoll.model.error_codes import ErrorCode
from atoll.wire.api import Problem

T = TypeVar("T")


def decoded(response: transport.Response, kind: type[T]) -> T:
    """The answer. Raises ApiError for one that is not understood."""
    try:
        return msgspec.json.decode(response.body, type=kind)
    except msgspec.MsgspecError as error:
        raise ApiError(response.status, _foreign(f"the server's answer was not understood: {error}")) from error


def problem_of(response: transport.Response) -> Problem:
    """Why a request was refused."""
    try:
        return msgspec.json.decode(response.body, type=Problem)
    except msgspec.MsgspecError:
        return _foreign(f"the server answered with HTTP status {response.status} and no reason")


def _foreign(message: str) -> Problem:
    """A problem with an answer that is not in an Atoll server's format."""
    return Problem(
        ErrorCode.UNKNOWN_ANSWER, message, "check the address and that server and command have the same version"
    )
