"""`atoll get`: the configuration of a run, fleet or volume, as it was applied."""

import click

from atoll.cli import terminal
from atoll.cli.completion import existing
from atoll.cli.follow import kind_of
from atoll.cli.output import print_json, print_yaml
from atoll.cli.why import KINDS, find
from atoll.client import connect

_HIDDEN = {
    "env": "values of variables are not shown; `apply` takes them from its environment, or from `-e` and `--env-file`",
    "registry_auth": "`registry_auth` is not shown",
}


@click.command(short_help="Show a configuration as it was applied.")
@click.argument("name", shell_complete=existing("any"))
@click.option("--kind", type=click.Choice(KINDS), help="Which one, where a run, fleet and volume share the name.")
@click.option("-o", "--output", "form", type=click.Choice(("yaml", "json")), default="yaml", show_default=True,
              help="The form in which it is printed.")  # fmt: skip
def get(name: str, kind: str | None, form: str) -> None:
    """Show the configuration of a run, fleet or volume as it was applied last.

    What it prints can be applied again. Values are in GB, seconds and USD an hour; those of variables are not shown.
    `atoll run get`, `fleet get` and `volume get` show the state.
    """
    client = connect()
    found = client.configuration(kind_of(find(client, name, (kind,) if kind else KINDS)), name)
    if form == "json":
        print_json(found.content)
        return
    for key in found.hidden:
        terminal.out(f"# {_HIDDEN.get(key, f'`{key}` is not shown')}")
    print_yaml(found.content)
