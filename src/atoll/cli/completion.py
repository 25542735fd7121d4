"""`atoll completion`: a shell's script, and the names that the server completes an argument with."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import click

from atoll.cli import terminal

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from atoll.client import Client

SECONDS = 1.0
"""How long a key press may wait for the server."""
SHELLS = ("bash", "zsh", "fish")
Complete = Callable[[click.Context, click.Parameter, str], "list[CompletionItem]"]


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the completion script of a shell: commands, options, and the names of existing things.

    For this session: `eval "$(atoll completion bash)"`. To keep it, save it as
    `~/.local/share/bash-completion/completions/atoll`, as `_atoll` in a folder of zsh's `fpath`, or as
    `~/.config/fish/completions/atoll.fish`.
    """
    from click.shell_completion import get_completion_class

    from atoll.cli.main import atoll

    kind = get_completion_class(shell)
    assert kind is not None, "a choice of shells that click knows"
    terminal.out(kind(atoll, {}, "atoll", "_ATOLL_COMPLETE").source().rstrip())


def existing(kind: str | None = None) -> Complete:
    """Completes an argument with the names of a kind: `run`, `unfinished`, `fleet`, `volume`,
    `zone`, or `any` of runs, fleets and volumes.

    Without a kind it is the value of the argument KIND. There are no names where no server answers in time.
    """

    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> "list[CompletionItem]":
        from click.shell_completion import CompletionItem

        from atoll.client import Client, ClientError, location

        try:
            place = location.remote() or location.local(location.home())
            if place is None:
                return []
            client = Client(place.address, place.token, location.project(place), timeout=SECONDS)
            names = set(_names(client, kind or str(ctx.params.get("kind"))))
        except (ClientError, OSError):
            return []
        return [CompletionItem(name) for name in sorted(names) if name.startswith(incomplete)]

    return complete


def _names(client: "Client", kind: str) -> Iterable[str]:
    match kind:
        case "run":
            return [run.name for run in client.runs(all=True)]
        case "unfinished":
            return [run.name for run in client.runs()]
        case "fleet":
            return [fleet.name for fleet in client.fleets()]
        case "volume":
            return [volume.name for volume in client.volumes()]
        case "any":
            return [name for one in ("run", "fleet", "volume") for name in _names(client, one)]
        case "zone":
            return [view.zone.name for view in client.zones()]
        case _:
            return []
