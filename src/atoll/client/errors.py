"""What can go wrong on the way to the server and back.

ClientError
├── ApiError      the server refused: holds its `Problem`
├── ServerGone    no answer, or half of one: the connection failed or the time was up
└── NoServer      there is no server to talk to, and none could be started
"""

from atoll.wire.api import Problem


class ClientError(Exception):
    """Anything that keeps a call from its answer. `help` says what to do about it."""

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
    """The server went away before it answered. What it had accepted goes on when it is back."""

    def __init__(self, address: str, doing: str, cause: str) -> None:
        super().__init__(
            f"the server at {address} went away while {doing} ({cause})",
            "nothing is lost: run the command again",
        )
        self.address = address
        self.doing = doing


class NoServer(ClientError):  # noqa: N818 - likewise
    """No server is known or none could be started."""
