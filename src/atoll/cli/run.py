"""`atoll run`, `ps`, `logs` and `stop`: runs, their logs, and their end."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import click

from atoll.cli import terminal, units
from atoll.cli.completion import existing
from atoll.cli.examples import with_example
from atoll.cli.moment import moment
from atoll.cli.noun import NounGroup, add_deletion, watch_option
from atoll.cli.output import Output, output_options
from atoll.cli.table import Table
from atoll.client import Client, connect
from atoll.wire.api import ON_HOLD, JobView, RunView


def rank(ctx: click.Context, param: click.Parameter, text: str) -> int | None:
    """A job's rank; None for `all`. Raises BadParameter."""
    if text == "all":
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise click.BadParameter(f"`{text}` is neither a rank, such as `0`, nor `all`", ctx, param)
    return int(text)


NEWEST = 100
"""How many runs `-a` shows by default."""


def page_options(command: Callable[..., None]) -> Callable[..., None]:
    """Which runs a list shows."""
    all = click.option("-a", "--all", "finished", is_flag=True, help=f"Show finished runs too, the newest {NEWEST}.")
    limit = click.option(
        "-n", "--last", "--limit", "limit", type=click.IntRange(1, 1_000_000), metavar="N",
        help="Show the newest N runs, finished or not.",
    )  # fmt: skip
    before = click.option(
        "--before", metavar="RUN", shell_complete=existing("run"), help="Show runs that are older than this one."
    )
    return all(limit(before(command)))


class RunGroup(NounGroup):
    """`atoll run [OPTIONS] -- COMMAND` is `atoll run submit [OPTIONS] -- COMMAND`."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*super().list_commands(ctx), "submit"])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name != "submit":
            return super().get_command(ctx, cmd_name)
        from atoll.cli.submit import submit  # only it needs what applying does

        return with_example("run submit", submit)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0].startswith("-") and not ctx.resilient_parsing:
            options = {name for option in list_runs.params for name in (*option.opts, *option.secondary_opts)}
            first = args[0].partition("=")[0]
            if "--" in args:
                args = ["submit", *args]
            elif first.startswith("--") and first not in {*options, "--help"}:
                raise click.UsageError(f"`{first}` goes with a command to run: `atoll run {first} … -- COMMAND`", ctx)
        return super().parse_args(ctx, args)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and self.get_command(ctx, args[0]) is None:
            line = " ".join(args)
            raise click.UsageError(f"no such command `{args[0]}`; to run it as a task: `atoll run -- {line}`", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=RunGroup)
def run() -> None:
    """Show runs, or run a command: `atoll run -- COMMAND`. Default: list."""


@run.command("list")
@page_options
@watch_option
@output_options
def list_runs(*, output: Output, **page: Any) -> None:
    """Show the runs that are not finished, or all in pages."""
    _list(output, **page)


@run.command("get")
@click.argument("name", shell_complete=existing("run"))
@output_options
def get_run(name: str, output: Output) -> None:
    """Show one run."""
    found = connect().run(name)
    if output.show_one(found, run_table) and found.attempts:
        terminal.out("")
        attempt_table(found, units.now()).print()


@run.command("retry")
@click.argument("name", shell_complete=existing("unfinished"))
def retry_run(name: str) -> None:
    """Retry a run that waits or is on hold, without further pause.

    Remembered failures still leave their zones out.
    """
    connect().retry_run(name)
    terminal.out(f"run {name}: trying again; `atoll logs {name} -f` follows it")


add_deletion(run, "run", "finished runs")


@click.command(short_help="Show unfinished runs, as `atoll run list` does.")
@page_options
@watch_option
@output_options
def ps(*, output: Output, **page: Any) -> None:
    """Show the runs that are not finished; the same as `atoll run list`."""
    _list(output, **page)


@click.command()
@click.argument("name", metavar="RUN", shell_complete=existing("run"))
@click.option("-f", "--follow", is_flag=True, help="Go on until the run is finished.")
@click.option(
    "--job", callback=rank, default="0", metavar="RANK|all", help="The job, by its rank, or all; 0 by default."
)
@click.option("--attempt", type=click.IntRange(min=1), help="The attempt, counted from 1; the newest by default.")
@click.option("--tail", type=click.IntRange(min=0), metavar="N", help="Start with the last N lines.")
@click.option(
    "--since", metavar="TIME", callback=moment, help="Print lines from this time on: `10m` ago, or `2026-11-28T14:00`."
)
@click.option("-t", "--timestamps", "times", is_flag=True, help="Begin each line with its time, in UTC.")
@click.option("--raw", is_flag=True, help="Keep all control characters on a terminal.")
def logs(name: str, *, follow: bool, job: int | None, attempt: int | None, **form: Any) -> None:
    """Print the log of one job of a run, or of all.

    On a terminal, colours are kept and other control sequences are dropped; a pipe or file receives all bytes.
    """
    from atoll.cli.log import Format, LogPrinter

    if follow and attempt is not None:
        raise click.UsageError("`-f` follows the newest attempt: pass it without `--attempt`")
    if job is None and attempt is not None:
        raise click.UsageError("an attempt is of one job: pass its `--job RANK`")
    chosen = Format(**form)
    client = connect()
    view = client.run(name)
    if job is None:
        from atoll.cli.follow import follow_logs, print_logs

        follow_logs(client, view, chosen) if follow else print_logs(client, view, chosen)
        return
    printer = LogPrinter(client, name, job, chosen, attempt=attempt)
    if not follow:
        printer.print_all()
        return
    try:
        printer.follow()
    except KeyboardInterrupt:
        from atoll.cli.follow import left_running

        raise left_running([name]) from None


@click.command()
@click.argument("names", metavar="[RUN]...", nargs=-1, shell_complete=existing("unfinished"))
@click.option("--all", is_flag=True, help="Stop all runs that are not finished; asks first.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask, with `--all`.")
@click.option("--abort", is_flag=True, help="Kill it at once, without a grace period.")
@click.option("-d", "--detach", is_flag=True, help="Do not wait until it has stopped.")
def stop(names: tuple[str, ...], *, all: bool, yes: bool, abort: bool, detach: bool) -> None:
    """Stop runs and wait until they have stopped.

    Nothing is stopped unless all of them exist.
    """
    from atoll.cli.follow import follow_stop, newest_event

    client = connect()
    after = newest_event(client)
    if bool(names) == all:
        raise click.UsageError("which run? name them, or pass `--all`")
    views = _agreed(client, yes) if all else [client.run(name) for name in names]
    versions = {view.name: view.version for view in views}
    stopping = [client.stop_run(name, abort=abort, version=version) for name, version in versions.items()]
    for view in stopping:
        last = view if detach or view.finished_at is not None else follow_stop(client, view, after)
        terminal.out(f"run {last.name}: {last.status}" + ("" if last.finished_at else ", stopping"))


def _agreed(client: Client, yes: bool) -> list[RunView]:
    """All unfinished runs after a yes; those that appear after the question are shown, and need another yes."""
    from atoll.cli.question import confirm

    shown = client.runs()
    while shown:
        confirm(f"Stop {', '.join(view.name for view in shown)}?", yes=yes)
        before, shown = shown, [] if yes else client.runs()
        more = [view.name for view in shown if view.name not in {one.name for one in before}]
        if not more:
            return before
        terminal.note(f" not shown before: {', '.join(more)}")
    terminal.out("nothing to stop: no run is unfinished")
    return []


def run_table(runs: list[RunView], at: datetime, verbose: bool) -> Table:
    """The key facts, with a line for each job where there are several."""
    if verbose:
        return _details(runs, at)
    headings = ("NAME", "TYPE", "ZONE", "INSTANCE", "PRICE", "STATUS", "CREATED", "NOTE", "ERROR")
    table = Table(headings, optional=("NOTE", "ERROR"))
    for one in runs:
        single = one.jobs[0] if len(one.jobs) == 1 else None
        zones = units.place(single.zone) if single else units.zone_counts(job.zone for job in one.jobs)
        instance = (single.instance if single else None) or "-"
        created = units.ago(one.created_at, at)
        table.add(
            one.name,
            one.type,
            zones or "-",
            instance,
            units.price(one.price),
            _status(one),
            created,
            *_note_and_error(one, single),
        )
        for job in one.jobs if single is None else ():
            table.add(
                f" {job.rank}",
                "",
                units.place(job.zone),
                job.instance or "-",
                "",
                _status(job),
                "",
                *_note_and_error(job),
            )
    return table


def attempt_table(view: RunView, at: datetime) -> Table:
    """The earlier attempts of a run, whose logs `atoll logs RUN --attempt N` prints."""
    table = Table(("ATTEMPT", "JOB", "ZONE", "INSTANCE", "STATUS", "STARTED", "FINISHED", "ERROR"), optional=("ERROR",))
    for job in view.attempts:
        started, finished = units.ago(job.started_at, at), units.ago(job.finished_at, at)
        where = units.place(job.zone)
        table.add(str(job.submission + 1), str(job.rank), where, job.instance or "-", _status(job), started, finished,
                  _error(job))  # fmt: skip
    return table


def _details(runs: list[RunView], at: datetime) -> Table:
    headings = ("NAME", "TYPE", "BACKEND", "REGION", "ZONE", "ZONE ID", "FLEET", "INSTANCE", "INSTANCE TYPE", "ATTEMPT",
                "PRICE", "STATUS", "CREATED", "FINISHED", "ID", "NOTE", "ERROR")  # fmt: skip
    table = Table(headings, optional=("ZONE ID", "FINISHED", "NOTE", "ERROR"))
    for one in runs:
        zones = units.zone_counts(job.zone for job in one.jobs)
        table.add(one.name, one.type, "", "", zones or "-", "", "", "", "", "", units.price(one.price), _status(one),
                  units.ago(one.created_at, at), units.ago(one.finished_at, at), one.id,
                  *_note_and_error(one))  # fmt: skip
        for job in one.jobs:
            backend, region = (job.zone.backend, job.zone.region) if job.zone else ("-", "-")
            table.add(f" {job.rank}", "", backend, region, units.place(job.zone), units.zone_id(job.zone),
                      job.fleet or "-", job.instance or "-", job.instance_type or "-", str(job.submission + 1), "",
                      _status(job), units.ago(job.started_at, at), units.ago(job.finished_at, at), job.id,
                      *_note_and_error(job))  # fmt: skip
    return table


def _status(one: RunView | JobView) -> str:
    return f"{one.status} ({one.exit_code})" if one.exit_code else one.status


def _note_and_error(one: RunView | JobView, single: JobView | None = None) -> tuple[str, str]:
    """What a run or job says in its two columns: why it waits, and why it failed."""
    text = _error(one) or (_error(single) if single else "")
    if text == one.status:
        return "", ""
    return ("", text) if one.status in ("failed", ON_HOLD) else (text, "")


def _error(one: RunView | JobView) -> str:
    if one.message or one.finished_at is None:
        return one.message  # the reason of what runs is why it is where it is, as the end of the attempt before
    return one.reason if one.exit_code != 0 else ""


def _list(output: Output, *, finished: bool, limit: int | None, before: str | None) -> None:
    client, more = connect(), False
    if finished or limit is not None or before is not None:
        found, more = client.newest_runs(limit or NEWEST, None if before is None else client.run(before).id)
    else:
        found = client.runs()
    output.show_all(found, run_table, empty="no runs: `atoll run -- COMMAND` starts one, `-a` shows finished ones")
    if more:
        terminal.note(f"older runs follow: `atoll run list -a --before {found[0].name}`")
