"""One golden case: what is in its folder, and what the planner and the printer make of it now.

It takes the way of `atoll plan --snapshot`: the engine's replay, the server's view, the command line's text.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec

from atoll.cli import plan_view as printer
from atoll.cli.diagnostics import render as diagnostics
from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.replay import replay
from atoll.server.views import plan_view
from atoll.wire.api import PlanResponse, Problem, SourceFile, Submission

FOLDER = Path(__file__).parent
REQUEST, SNAPSHOT, PLAN, TEXT, VERBOSE = (
    "request.atoll.yml",
    "snapshot.json",
    "plan.json",
    "plan.txt",
    "plan-v.txt",
)


@dataclass(frozen=True)
class Case:
    """A folder, THEME/NAME below this one."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.relative_to(FOLDER).as_posix()

    def expected(self, name: str) -> str:
        return (self.folder / name).read_text()

    def actual(self) -> dict[str, str]:
        """The files as they would be now; the verbose text only where the case has one."""
        text = (self.folder / REQUEST).read_text()
        submission = Submission((SourceFile(REQUEST, text),))
        try:
            planned = replay((self.folder / SNAPSHOT).read_bytes(), submission)
        except Refused as refused:
            problem = Problem(refused.code, refused.message, refused.help, refused.diagnostics)
            return {PLAN: _json(problem), TEXT: diagnostics(refused.diagnostics, {REQUEST: text}, colour=False)}
        view = plan_view(planned)
        warnings = diagnostics(planned.diagnostics, {REQUEST: text}, colour=False)
        head = f"{warnings.rstrip()}\n\n" if warnings else ""
        found = {
            PLAN: _json(PlanResponse((), view, planned.diagnostics)),
            TEXT: f"{head}{printer.render((), view, verbose=False)}\n",
        }
        if (self.folder / VERBOSE).exists():
            found[VERBOSE] = f"{head}{printer.render((), view, verbose=True)}\n"
        return found


def cases() -> list[Case]:
    """All of them, in the order of their names."""
    return [Case(path.parent) for path in sorted(FOLDER.glob(f"*/*/{REQUEST}"))]


def _json(value: object) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=1).decode() + "\n"
