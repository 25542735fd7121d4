"""Why a request was refused."""

from dataclasses import dataclass

from atoll.model.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was refused. `code` is an `ErrorCode` or `FailureKind`; `diagnostics` point into the files."""

    code: str
    message: str
    help: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
