"""In which form a command prints what it read: as a table, as the API's objects in JSON or YAML, or as names."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any, TypeVar

import click

from atoll.cli import terminal, units
from atoll.cli.table import Table

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")
FORMS = ("wide", "json", "yaml", "name")
Tabulate = Callable[[list[T], datetime, bool], Table]
"""The table of some things at a time; with all columns or with those of the key facts."""


@dataclass(frozen=True, slots=True)
class Output:
    """The chosen form: `""` is a table of the key facts, `wide` one of all columns."""

    form: str = ""
    columns: tuple[str, ...] = ()
    headings: bool = True

    @property
    def verbose(self) -> bool:
        """Whether all is shown."""
        return self.form == "wide"

    @property
    def of_objects(self) -> bool:
        """Whether the API's objects themselves are printed."""
        return self.form in ("json", "yaml", "name")

    def show_all(self, found: list[T], tabulate: Tabulate[T], *, empty: str = "") -> None:
        """Print a list. `empty` is what a person at a terminal reads of one without entries."""
        if self.of_objects:
            self.objects(found)
            return
        self.table(found, tabulate).print(headings=self.headings)
        if not found and empty and terminal.interactive():
            terminal.note(f" {empty}")

    def show_one(self, found: T, tabulate: Tabulate[T]) -> bool:
        """Print one thing; returns whether as a table, beside which more can be shown."""
        if self.of_objects:
            self.objects(found)
            return False
        self.table([found], tabulate).print(headings=self.headings)
        return True

    def table(self, found: list[T], tabulate: Tabulate[T]) -> Table:
        """The table in its chosen columns. Raises UsageError for a column that it does not have."""
        at = units.now()
        table = tabulate(found, at, self.verbose)
        if not self.columns:
            return table
        if not table.has(self.columns):
            table = tabulate(found, at, True)
        return table.choose(self.columns)

    def objects(self, found: object) -> None:
        """Print the API's objects."""
        if self.form == "name":
            for one in found if isinstance(found, list) else [found]:
                terminal.out(_name(one))
        elif self.form == "yaml":
            print_yaml(found)
        else:
            print_json(found)


def output_options(function: F) -> F:
    """Adds `-v`, `--json`, `-o`, `--columns` and `--no-headers`; the command gets `output`."""

    @wraps(function)
    def command(*, verbose: bool, as_json: bool, form: str | None, columns: str, headings: bool, **options: Any) -> Any:
        chosen = {name for name, given in (("wide", verbose), ("json", as_json), (form or "", form)) if given}
        if len(chosen) > 1:
            raise click.UsageError("`-v`, `--json` and `-o` choose a form: pass one of them")
        names = tuple(name.strip() for name in columns.split(",") if name.strip())
        output = Output(chosen.pop() if chosen else "", names, headings)
        if names and output.of_objects:
            raise click.UsageError("`--columns` is for tables: pass it without `--json` and `-o`")
        return function(output=output, **options)

    for decorate in reversed(_OPTIONS):
        command = decorate(command)
    return command  # type: ignore[return-value]


_OPTIONS: Sequence[Callable[[Any], Any]] = (
    click.option("-v", "--verbose", is_flag=True, help="Show all columns: regions, ids, prices, errors."),
    click.option("--json", "as_json", is_flag=True, help="Print the API's objects as JSON."),
    click.option(
        "-o", "--output", "form", type=click.Choice(FORMS),
        help="Show all columns, print the API's objects, or print names alone.",
    ),
    click.option("--columns", metavar="NAMES", default="", help="Show these columns, such as `name,zone`."),
    click.option("--no-headers", "headings", flag_value=False, default=True, help="Leave the headings out."),
)  # fmt: skip


def print_json(value: object) -> None:
    """The API's objects, indented."""
    import msgspec

    terminal.out(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())


def print_yaml(value: object) -> None:
    """The API's objects as YAML."""
    import msgspec
    import yaml

    plain = msgspec.to_builtins(value)
    terminal.out(yaml.safe_dump(plain, sort_keys=False, allow_unicode=True, width=float("inf")).rstrip("\n"))


def _name(one: object) -> str:
    """What other commands take for it: a name; of a zone its whole path, of what has no name its id or number."""
    zone = getattr(one, "zone", None)
    for key in ("name", "prefix", "user", "id", "seq"):
        value = getattr(one, key, None)
        if value not in (None, ""):
            return str(value)
    if zone is None:
        raise click.UsageError("these have no names: use `-o json`")
    return "/".join(filter(None, (zone.backend, zone.region, zone.name)))
