"""`atoll apply` and `atoll plan`: show what a file means, then make it so."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, TypeVar

import click

from atoll.cli import configuration, environment, errors, folders, packed_files, plan_view, terminal
from atoll.cli.errors import CommandError, InvalidFiles
from atoll.cli.noun import json_option, verbose_option
from atoll.cli.output import print_json
from atoll.cli.question import confirm
from atoll.client import ApiError, Client, ServerGone, connect
from atoll.model.diagnostic import Diagnostic
from atoll.wire.api import (
    ON_HOLD,
    ApplyResponse,
    Change,
    ChangeAction,
    FleetView,
    PlanResponse,
    RunView,
    Submission,
    VolumeView,
)

CHANGED = "changed-since-plan"
"""What the server answers to an apply whose plan is not the one that was shown."""

F = TypeVar("F", bound=Callable[..., Any])


def source_options(function: F) -> F:
    """Adds the files and what is set beside them; the command gets `sources`."""

    @wraps(function)
    def command(
        *,
        paths: tuple[str, ...],
        files: tuple[str, ...],
        profile: str | None,
        name: str | None,
        entries: tuple[str, ...],
        env_files: tuple[str, ...],
        rerun: bool,
        **options: Any,
    ) -> Any:
        variables = environment.variables(entries, env_files, os.environ)
        choices = configuration.Choices(profile, name, variables, rerun)
        return function(sources=Sources(folders.chosen((*paths, *files)), choices), **options)

    for decorate in reversed(_SOURCE_OPTIONS):
        command = decorate(command)
    return command  # type: ignore[return-value]


_SOURCE_OPTIONS = (
    click.argument("paths", nargs=-1, metavar="[FILE]..."),
    click.option(
        "-f",
        "--file",
        "files",
        metavar="FILE",
        multiple=True,
        help="A configuration. May be repeated. Default: `.atoll.yml` or `.dstack.yml` in the current folder.",
    ),
    click.option("-n", "--name", metavar="NAME", help="The name of the run, or of the only document, in the files."),
    click.option(
        "-e",
        "--env",
        "entries",
        metavar="NAME[=VALUE]",
        multiple=True,
        help="Set a variable of the runs; without a value, the one of the current environment. May be repeated.",
    ),
    click.option(
        "--env-file", "env_files", metavar="FILE", multiple=True, help="Set the variables in this file, one a line."
    ),
    click.option("--profile", metavar="NAME", help="Use this profile of `.atoll/profiles.yml`."),
    click.option("--rerun", is_flag=True, help="Start a finished task again although its file is the same."),
)


@dataclass(frozen=True, slots=True)
class Sources:
    """The files of a command, and what its options set beside them."""

    files: tuple[str, ...]
    choices: configuration.Choices

    def read(self) -> Submission:
        """The request. Raises InvalidFiles."""
        return configuration.submission(self.files, self.choices)


@click.command(short_help="Show where everything would go, and why not elsewhere.")
@source_options
@click.option("--snapshot", metavar="FILE", help="Plan on this saved world, without calling any cloud.")
@click.option("--save-snapshot", "save", metavar="FILE", help="Write what was planned on, for `--snapshot`.")
@verbose_option
@json_option
def plan(sources: Sources, *, snapshot: str | None, save: str | None, verbose: bool, as_json: bool) -> int:
    """Show what applying would change, where everything would go, and why not elsewhere.

    Ends with exit code 1 when something cannot be placed.
    """
    if snapshot and save:
        raise click.UsageError("`--snapshot` reads a saved world and `--save-snapshot` writes one: pass one of them")
    sent = sources.read()
    with pointing_into(sent):
        answer = _planned(sent, snapshot, save)
    _show(answer, sent, verbose, as_json)
    if not as_json and not snapshot:
        _note_held(connect(), answer)
    return 0 if answer.plan.complete else errors.FAILED


@click.command()
@source_options
@json_option
def diff(sources: Sources, *, as_json: bool) -> int:
    """Show what applying would change, key by key. Ends with exit code 1 when it would change something."""
    sent = sources.read()
    with pointing_into(sent):
        answer = connect().plan(sent)
    if answer.diagnostics:
        errors.show_diagnostics(answer.diagnostics, configuration.sources(sent))
    if as_json:
        print_json(answer.changes)
    else:
        terminal.out("\n".join(plan_view.change_lines(answer.changes)))
    return 0 if _unchanged(answer) else errors.FAILED


@click.command(short_help="Show the plan, ask, make it so, and follow it.")
@source_options
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("-d", "--detach", is_flag=True, help="Return once it is accepted, without following it.")
@verbose_option
@click.option(
    "--json", "as_json", is_flag=True, help="Print the API's own answer as JSON; needs -y, and does not follow."
)
def apply(sources: Sources, *, yes: bool, detach: bool, verbose: bool, as_json: bool) -> int:
    """Show the plan, ask, make it so, and follow it; ends with the exit code of the task.

    Ctrl-C leaves everything running. `-v` shows every offer of the plan and every step of the work.
    """
    if as_json and not yes:
        raise click.UsageError("`--json` does not ask: pass `-y` too")
    return carry_out(sources.read(), yes=yes, detach=detach, verbose=verbose, as_json=as_json)


def carry_out(sent: Submission, *, yes: bool, detach: bool, verbose: bool, as_json: bool = False) -> int:
    """Show the plan of a submission, ask, make it so, and follow it. Returns the exit code."""
    with _resumable(), pointing_into(sent):
        client = connect()
        answer = client.plan(sent)
        _show(answer, sent, verbose, as_json=False, quiet=as_json)
        while True:
            _refuse_incomplete(answer)
            if not as_json and _unchanged(answer):
                return _nothing_to_change(client, answer)
            confirm("Apply?", yes=yes)
            packed_files.send_missing(client, sent)
            try:
                accepted = client.apply(replace(sent, basis=answer.basis))
            except ApiError as error:
                if error.problem.code != CHANGED:
                    raise
                former, answer = answer, client.plan(sent)
                terminal.note(" changed since the plan; the new plan:\n")
                _show(answer, sent, verbose, as_json=False, quiet=as_json)
                if yes:
                    _refuse_new_losses(former, answer)
                continue
            return _after(client, accepted, detach=detach, as_json=as_json, verbose=verbose)


def _refuse_new_losses(former: PlanResponse, answer: PlanResponse) -> None:
    """`-y` says yes to what was shown first: raises CommandError where more would be replaced, stopped or removed."""
    before, after = _losses(former), _losses(answer)
    more = sorted({text for loss, text in after.items() if loss not in before})
    if more:
        raise CommandError(
            f"changed since the plan: now it would {', '.join(more)}",
            "nothing was applied; look at the new plan, then run the command again",
        )


def _losses(answer: PlanResponse) -> dict[tuple[str, str], str]:
    """What a plan ends, by its action and id: a thing that was created since under the same name is another one."""
    ending = {ChangeAction.REPLACE: "replace", ChangeAction.RERUN: "start again"}
    losses: dict[tuple[str, str], str] = {}
    for change in answer.changes:
        if change.action in ending:
            text = f"{ending[change.action]} {change.kind} `{change.name}`"
            losses |= {(change.action.value, lost): text for lost in (change.id or "", *change.ending)}
    removed = [gone for document in answer.plan.documents for gone in document.removals]
    return losses | {("remove", gone.id): f"remove {gone.instance}" for gone in removed}


def _planned(sent: Submission, snapshot: str | None, save: str | None) -> PlanResponse:
    """The plan in the world, or in that of the file `snapshot`; the world is written to `save`."""
    client = connect()
    if not snapshot and not save:
        return client.plan(sent)
    from atoll.cli import saved_world

    if snapshot:
        return saved_world.replay(client, sent, snapshot)
    answer, content = client.plan_and_save(sent)
    saved_world.write(content, str(save))
    return answer


def _after(client: Client, accepted: ApplyResponse, *, detach: bool, as_json: bool, verbose: bool) -> int:
    if as_json:
        print_json(accepted)
        return 0
    if detach:
        terminal.note(" accepted; `atoll event -f` follows it")
        _note_held(client, accepted)
        return 0
    from atoll.cli.follow import follow_applied

    return follow_applied(client, accepted, verbose=verbose)


def _show(answer: PlanResponse, sent: Submission, verbose: bool, as_json: bool, quiet: bool = False) -> None:
    if answer.diagnostics:
        errors.show_diagnostics(answer.diagnostics, configuration.sources(sent))
    if as_json:
        print_json(answer)
    elif not quiet:
        if answer.default_profile:
            file = sent.profiles.name if sent.profiles else "the profiles"
            terminal.out(f" with the default profile `{answer.default_profile}` of {file}\n")
        terminal.out(plan_view.render(answer.changes, answer.plan, verbose=verbose))


def _refuse_incomplete(answer: PlanResponse) -> None:
    if answer.plan.complete:
        return
    short = [(document, document.shortfall) for document in answer.plan.documents if document.shortfall]
    why = "; ".join(f"{one.kind} `{one.name}` does not fit: {lack.message}" for one, lack in short)
    cures = [lack.cures[0].message for _, lack in short if lack.cures]
    raise CommandError(why, "\n        ".join([*cures, "nothing was applied; `atoll plan -v` shows every offer"]))


def _unchanged(answer: PlanResponse) -> bool:
    return all(change.action == ChangeAction.UNCHANGED for change in answer.changes)


def _nothing_to_change(client: Client, answer: PlanResponse) -> int:
    terminal.out(" nothing to change")
    held = []
    for change in answer.changes:
        view = _view(client, change)
        if text := _held(view):
            held.append(text)
        elif isinstance(view, FleetView | VolumeView):
            continue
        elif view.finished_at is None:
            terminal.out(f" run {change.name} goes on: `atoll logs {change.name} -f` follows it")
        else:
            terminal.out(f" run {change.name} is finished: `--rerun` starts it again")
    for text in held:
        errors.show(text)
    return errors.FAILED if held else 0


def _note_held(client: Client, answer: PlanResponse | ApplyResponse) -> None:
    """Says which of the unchanged documents are on hold or failed, and the way out."""
    for change in answer.changes:
        if change.action == ChangeAction.UNCHANGED and (text := _held(_view(client, change))):
            terminal.note(f" note: {text}")


def _view(client: Client, one: Change) -> FleetView | VolumeView | RunView:
    if one.kind == "volume":
        return client.volume(one.name)
    return client.fleet(one.name) if one.kind == "fleet" else client.run(one.name)


def _held(view: FleetView | VolumeView | RunView) -> str:
    """Why a fleet or run is on hold or a volume has failed, with the way out; empty where neither is so."""
    from atoll.cli import follow

    if not isinstance(view, VolumeView):
        return follow.held("fleet" if isinstance(view, FleetView) else "run", view) if view.status == ON_HOLD else ""
    if view.status != "failed":
        return ""
    why = view.message or "its disk is gone"
    return f"volume {view.name} failed: {why}; `atoll delete volume {view.name}`, then apply again"


@contextmanager
def pointing_into(sent: Submission) -> Iterator[None]:
    """Shows a refusal's diagnostics with the lines of the files that they are about."""
    try:
        yield
    except ApiError as error:
        found: tuple[Diagnostic, ...] = error.problem.diagnostics
        if not found:
            raise
        raise InvalidFiles(found, configuration.sources(sent)) from error


@contextmanager
def _resumable() -> Iterator[None]:
    """Says how to go on when the server goes away half-way."""
    try:
        yield
    except ServerGone as error:
        raise CommandError(
            f"the server at {error.address} went away; what was accepted goes on when it is back",
            "run the same command again",
        ) from error
