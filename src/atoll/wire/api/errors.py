"""Why a request was refused."""

from dataclasses import dataclass

from atoll.model.diagnostic import Diagnostic


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request was refused. `code` is stable; `diagnostics` point into submitted files."""

    code: str
    message: str
    help: str | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
