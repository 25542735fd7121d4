"""Follows what was applied, stopped or deleted until it is settled: progress from events, and the logs of runs.

Level-triggered: an event only says that it is time to look; the state that the server then returns decides.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from atoll.cli import errors, terminal, units
from atoll.cli.event import is_step, line
from atoll.cli.fleet import READY, ready
from atoll.cli.log import PLAIN, Format, LogPrinter
from atoll.client import ApiError, Client, ClientError
from atoll.wire.api import ON_HOLD, ApplyResponse, ChangeAction, EventQuery, FleetView, RunView, VolumeView

WAIT_SECONDS = 10.0
FAILED = "failed"
GONE = "deleted"
HELD = ("available", "attached", "active", "in-use")
"""The states of a volume that exists."""
_SHELL_CODES = {126: "the command cannot be executed", 127: "the command was not found", 137: "it was killed"}
"""What a shell means by an exit code (POSIX, 2.8.2)."""

View = FleetView | VolumeView | RunView


@dataclass(frozen=True, slots=True)
class Target:
    """A thing to follow: `kind` is fleet, volume or run; `id` is set where only that record is meant."""

    kind: str
    name: str
    id: str | None = None

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of a target: its exit code, and a sentence about it."""

    code: int
    text: str


def follow_applied(client: Client, accepted: ApplyResponse, *, verbose: bool = False) -> int:
    """Show progress and logs until everything that changed is settled. Returns the first exit code that is not 0.

    `verbose` shows each step of each instance and job, instead of the number of those that are ready.
    """
    targets = [
        Target(change.kind, change.name) for change in accepted.changes if change.action != ChangeAction.UNCHANGED
    ]
    runs = [target.name for target in targets if target.kind == "run"]
    logs = Logs(client, several=len(runs) > 1)
    try:
        follower = Follower(client, targets, accepted.event, steps=verbose)
        outcomes = follower.until_settled(lambda view: _settled(view, logs))
        logs.join()
    except KeyboardInterrupt:
        raise left_running(runs) from None
    for outcome in outcomes.values():
        if outcome.code:
            errors.show(outcome.text)
        else:
            terminal.note(f" {outcome.text}")
    return next((outcome.code for outcome in outcomes.values() if outcome.code), 0)


def follow_stop(client: Client, run: RunView, after: int) -> RunView:
    """Show progress until a run has stopped; returns it."""
    name = run.name
    found: list[RunView] = []

    def look(view: View) -> Outcome | None:
        if isinstance(view, RunView) and view.finished_at is not None:
            found.append(view)
            return Outcome(0, "")
        return None

    try:
        Follower(client, [Target("run", name, run.id)], after).until_settled(look)
    except KeyboardInterrupt:
        raise errors.LeftRunning(f"run {name} is still stopping", [f"atoll run get {name}"]) from None
    return found[0] if found else run


def follow_deleted(client: Client, target: Target, after: int) -> None:
    """Show progress until a target is gone."""
    try:
        Follower(client, [target], after).until_settled(lambda view: None)
    except KeyboardInterrupt:
        raise errors.LeftRunning(f"{target} is still being deleted", [f"atoll {target.kind}"]) from None


def left_running(runs: Sequence[str]) -> "errors.LeftRunning":
    """The message after Ctrl-C: what continues, and how to reattach."""
    if not runs:
        return errors.LeftRunning("the work continues", ["atoll event -f", "atoll fleet"])
    hints = [hint for name in runs for hint in (f"atoll logs {name} -f", f"atoll stop {name}")]
    return errors.LeftRunning(f"{', '.join(runs)} is still running", hints)


def newest_event(client: Client) -> int:
    """The number of the newest event: what comes after it is news."""
    newest = client.events(last=1)
    return newest[-1].seq if newest else 0


def follow_logs(client: Client, run: RunView, form: Format) -> None:
    """Print the logs of all jobs of a run, each line with its job before it, until the run is finished."""
    logs = Logs(client, several=True, form=form)
    try:
        after = newest_event(client)
        while True:
            logs.watch(run)
            if run.finished_at is not None:
                break
            events = client.events(after=after, wait=WAIT_SECONDS, wanted=EventQuery("job"))
            after = max((event.seq for event in events), default=after)
            run = client.run(run.name)
        logs.join()
    except KeyboardInterrupt:
        raise left_running([run.name]) from None


def print_logs(client: Client, run: RunView, form: Format) -> None:
    """Print what there is of the logs of all jobs of a run, one after the other."""
    for job in run.jobs:
        LogPrinter(client, run.name, job.rank, replace(form, prefix=f"{run.name}-{job.rank} | ")).print_all()


class Follower:
    """Prints the events of some targets until each is settled or gone.

    Without `steps`, those that everything goes through are not printed, but how much of each target is ready.
    """

    def __init__(self, client: Client, targets: Sequence[Target], after: int, *, steps: bool = True) -> None:
        self._client = client
        self._targets = list(targets)
        self._after = after
        self._steps = steps
        self._reported: dict[tuple[Target, str], str] = {}

    def until_settled(self, settled: Callable[[View], Outcome | None]) -> dict[Target, Outcome]:
        """Check each target with `settled` whenever something happened; a target that is gone is settled."""
        outcomes: dict[Target, Outcome] = {}
        while True:
            for target in self._targets:
                if target not in outcomes and (outcome := self._look(target, settled)) is not None:
                    outcomes[target] = outcome
            if len(outcomes) == len(self._targets):
                self._news(wait=0)
                return {target: outcomes[target] for target in self._targets}
            while not self._news(wait=WAIT_SECONDS):
                pass

    def _look(self, target: Target, settled: Callable[[View], Outcome | None]) -> Outcome | None:
        try:
            view = view_of(self._client, target)
        except ApiError as error:
            if error.status == 404:
                return Outcome(1, f"{target} was deleted")
            raise
        if view.status == GONE or target.id not in (None, view.id):
            return Outcome(1, f"{target} was deleted")
        outcome = settled(view)
        if outcome is None:
            self._report(target, "message", view.message)
            if not self._steps:
                self._report(target, "progress", _progress(view))
        return outcome

    def _report(self, target: Target, what: str, text: str) -> None:
        """Print what is said of a target, where it differs from what was printed last."""
        if text and text != self._reported.get((target, what)):
            self._reported[target, what] = text
            terminal.note(f" {target}: {text}")

    def _news(self, wait: float) -> bool:
        """Print the event; True when it is time to look (an event of our targets, or a time-out)."""
        events = self._client.events(after=self._after, wait=wait)
        ours = False
        for event in events:
            self._after = max(self._after, event.seq)
            if any(event.name == target.name or event.name.startswith(f"{target.name}-") for target in self._targets):
                ours = True
                if self._steps or not is_step(event):
                    terminal.note(line(event))
        return ours or not events


class Logs:
    """Prints the logs of runs, each job's in a thread of its own. `several` puts the run's name before each line."""

    def __init__(self, client: Client, *, several: bool, form: Format = PLAIN) -> None:
        self._client = client
        self._several = several
        self._form = form
        self._threads: dict[tuple[str, int], threading.Thread] = {}
        self._finished: dict[str, threading.Event] = {}

    def watch(self, run: RunView) -> None:
        """Start printers for the run's jobs that have started; after the run finishes, printers end with their logs."""
        finished = self._finished.setdefault(run.name, threading.Event())
        for job in run.jobs:
            key = (run.name, job.rank)
            if key not in self._threads and (job.instance or job.started_at):
                name = run.name if len(run.jobs) == 1 else f"{run.name}-{job.rank}"
                prefix = f"{name} | " if self._several or len(run.jobs) > 1 else ""
                if run.ports and job.rank == 0:
                    ports = ", ".join(str(port.port) for port in run.ports)
                    terminal.note(f" run {run.name}: `atoll attach {run.name}` forwards its ports ({ports})")
                printer = LogPrinter(self._client, run.name, job.rank, replace(self._form, prefix=prefix))
                self._threads[key] = threading.Thread(target=_print_log, args=(printer, finished), daemon=True)
                self._threads[key].start()
        if run.finished_at is not None:
            finished.set()

    def join(self) -> None:
        """Wait until every line of the finished runs is printed. The logs of runs on hold have no end yet."""
        for (run, _), thread in self._threads.items():
            if self._finished[run].is_set():
                thread.join()


def _print_log(printer: LogPrinter, finished: threading.Event) -> None:
    try:
        printer.follow(finished)
    except ClientError as error:
        terminal.note(f" log stream interrupted: {error.message}")


def kind_of(view: View) -> str:
    """fleet, volume or run."""
    return "fleet" if isinstance(view, FleetView) else "volume" if isinstance(view, VolumeView) else "run"


def view_of(client: Client, target: Target) -> View:
    """What bears the target's name now. Raises ApiError: 404."""
    if target.kind == "fleet":
        return client.fleet(target.name)
    return client.volume(target.name) if target.kind == "volume" else client.run(target.name)


def _settled(view: View, logs: Logs) -> Outcome | None:
    if isinstance(view, FleetView):
        return _fleet_outcome(view)
    if isinstance(view, VolumeView):
        return _volume_outcome(view)
    logs.watch(view)
    return run_outcome(view)


def _progress(view: View) -> str:
    """How much of a fleet or run is ready: `2 of 3 nodes active, local-a 1, local-b 1`.

    A fleet that keeps more nodes than requested, or gives some up, shows their number alone.
    """
    if isinstance(view, FleetView):
        zones = [instance.zone for instance in view.instances if instance.status in READY]
        count, state = view.nodes, "active"
        if len(zones) > count:
            going = f", {view.surplus} to go" if view.surplus else ""
            return f"{units.count(len(zones), 'node')} active{going}, {units.zone_counts(zones)}"
    elif isinstance(view, RunView) and len(view.jobs) > 1:
        zones = [job.zone for job in view.jobs if job.zone and job.status == "running"]
        count, state = len(view.jobs), "running"
    else:
        return ""
    return f"{len(zones)} of {units.count(count, 'node')} {state}, {units.zone_counts(zones)}" if zones else ""


def _fleet_outcome(view: FleetView) -> Outcome | None:
    if view.status == FAILED:
        return Outcome(1, _failure("fleet", view.name, view.message))
    if view.status == ON_HOLD:
        return Outcome(1, held("fleet", view))
    staying = [instance for instance in view.instances if not instance.reason]
    shrunk = not view.surplus and len(staying) == len(view.instances)
    if view.status == "active" and shrunk and ready(view) >= view.nodes + view.spare:
        zones = units.zone_counts(one.zone for one in staying)
        return Outcome(0, f"fleet {view.name} is active: {zones or 'no nodes until runs need them'}")
    return None


def _volume_outcome(view: VolumeView) -> Outcome | None:
    if view.status == FAILED:
        return Outcome(1, _failure("volume", view.name, view.message))
    if view.zone is None and view.binding != "immediate":
        return Outcome(0, f"volume {view.name} gets its zone at its first use")
    return Outcome(0, f"volume {view.name} is {view.status} in {view.zone}") if view.status in HELD else None


def run_outcome(view: RunView) -> Outcome | None:
    """How a run has ended, or is held; None while it goes on."""
    if view.status == ON_HOLD:
        return Outcome(1, held("run", view))
    if view.finished_at is None:
        up = view.type != "task" and view.status == "running"
        return Outcome(0, f"run {view.name} is running") if up else None
    if view.exit_code == 0 or (view.exit_code is None and view.status == "done"):
        return Outcome(0, f"run {view.name} is {view.status}")
    message = view.message or view.reason or next((job.message for job in view.jobs if job.message), "")
    if not message and view.exit_code is not None:
        message = f"exit code {view.exit_code}"
    if meaning := _SHELL_CODES.get(view.exit_code or 0):
        message = f"{message}, {meaning}"
    verb = "failed" if view.status == FAILED else f"ended as {view.status}"
    zones = sorted({str(job.zone) for job in view.jobs if job.zone and job.status == FAILED})
    where = f" in {', '.join(zones)}" if zones else ""
    return Outcome(view.exit_code or 1, f"run {view.name} {verb}{where}" + (f": {message}" if message else ""))


def held(kind: str, view: FleetView | RunView) -> str:
    """What is said of a fleet or run on hold: why, and what ends it."""
    cure = f"correct its configuration or the backend's, or `atoll {kind} retry {view.name}`"
    return f"{kind} {view.name} is on hold: {view.message}; {cure}"


def _failure(kind: str, name: str, message: str) -> str:
    return f"{kind} {name} failed" + (f": {message}" if message else "")
