"""The errors of calls to the server.

ClientError
├── ApiError      the server refused: holds its `Problem`
├── ServerGone    no answer, or half of one: the connection failed or the time was up
└── NoServer      there is no server to talk to, and none could be started
"""

from atoll.client.transport import Unreachable
from atoll.wire.api import Problem


class ClientError(Exception):
    """Any failure of a call. `help` says what to do about it."""

    def __init__(self, message: str, help: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.help = help


class ApiError(ClientError):
    """The server refused a request, with the HTTP `status` and a `problem` that says why."""

    def __init__(self, status: int, problem: Problem) -> None:
        super().__init__(problem.message, problem.help)
        self.status = status
        self.problem = problem


class ServerGone(ClientError):  # noqa: N818 - what happened, as callers say it
    """The server did not answer. Accepted work continues when it is back.

    `sent` is False when it never saw the request, so that nothing of it can have been accepted; `silent` is True when
    it did not answer in time.
    """

    def __init__(self, address: str, doing: str, cause: Unreachable) -> None:
        if cause.sent:
            what, help = f"went away while {doing}", "nothing is lost: run the command again"
        else:
            what, help = "cannot be reached", "check that it runs, then run the command again"
        super().__init__(f"the server at {address} {what} ({cause})", help)
        self.address = address
        self.sent = cause.sent
        self.silent = cause.silent


class NoServer(ClientError):  # noqa: N818 - likewise
    """No server is known or none could be started."""
