"""A request that the engine refuses: data for the user, nothing changed."""

from atoll.model.diagnostic import Diagnostic
from atoll.model.error_codes import ErrorCode


class Refused(Exception):  # noqa: N818 - it is an answer
    """Why a request cannot be done. `code` is one of `ErrorCode`; `status` is the HTTP status that fits it."""

    def __init__(
        self,
        code: str,
        message: str,
        *,
        help: str | None = None,
        diagnostics: tuple[Diagnostic, ...] = (),
        status: int = 409,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.help = help
        self.diagnostics = diagnostics
        self.status = status


def not_found(kind: str, name: str) -> Refused:
    """There is no such thing in the project."""
    return Refused(
        ErrorCode.NOT_FOUND, f"there is no {kind} `{name}`", help=f"`atoll {kind} list` shows them all", status=404
    )
