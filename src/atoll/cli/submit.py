"""`atoll run -- COMMAND`: a task from the command line, without a file."""

import os
import sys
from typing import Any

import click

from atoll.cli import environment, errors, task_document, terminal
from atoll.cli.apply import carry_out
from atoll.cli.noun import verbose_option
from atoll.client import connect
from atoll.wire.api import SourceFile, Submission

NEWEST = 1000
"""Among how many of the newest runs a free name is looked for."""


@click.command()
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("-n", "--name", metavar="NAME", help="The name of the run; by default the program's, with a number.")
@task_document.demand_options()
@click.option(
    "-e",
    "--env",
    "entries",
    metavar="NAME[=VALUE]",
    multiple=True,
    help="Set a variable; without a value, the one of the current environment. May be repeated.",
)
@click.option("--env-file", "env_files", metavar="FILE", multiple=True, help="Set the variables in this file.")
@click.option("--print", "only_print", is_flag=True, help="Print the file that it makes, and run nothing.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("-d", "--detach", is_flag=True, help="Return once it is accepted, without following it.")
@verbose_option
def submit(
    *, command: tuple[str, ...], name: str | None, demand: task_document.Demand, only_print: bool, **options: Any
) -> int:
    """Run COMMAND as a task: `atoll run -- COMMAND` is `atoll run submit -- COMMAND`.

    One word is a line for the shell (`-- 'nproc && free -g'`); several are a program and its arguments. The job starts
    in an empty folder of its machine; the `files` of a configuration copy files to it. The file that is made is
    printed, to be kept and applied again with `atoll apply`.
    """
    entries, env_files = options.pop("entries"), options.pop("env_files")
    variables = environment.variables(entries, env_files, os.environ)
    name = name or _free_name(command)
    document = {"type": "task", "name": name, **demand.keys()}
    if variables:
        document["env"] = sorted(variables)
    document["commands"] = [task_document.shell_line(command)]
    text = task_document.written([document])
    if only_print:
        terminal.out(text.rstrip("\n"))
        return 0
    _warn_of_files(command)
    terminal.out("\n".join(f" {terminal.paint(line, 'dim', sys.stdout)}" for line in text.splitlines()) + "\n")
    sent = Submission((SourceFile(f"{name}.atoll.yml", text),), variables, variables=tuple(variables))
    return carry_out(sent, **options)


def _free_name(command: tuple[str, ...]) -> str:
    runs, _ = connect().newest_runs(NEWEST)
    return task_document.free_name(task_document.name_of(command), [run.name for run in runs])


def _warn_of_files(command: tuple[str, ...]) -> None:
    files = task_document.files_named(command)
    if files:
        errors.warn(
            f"`{files[0]}` is a file of this folder, and the job starts in an empty one",
            "`--print` the file that this makes, add `files:` to it, and apply that",
        )
