"""A task as a document: made from the options and the command of a command line, and written as YAML."""

import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path, PurePath
from typing import Any, TypeVar

import click

from atoll.cli.completion import existing

F = TypeVar("F", bound=Callable[..., Any])
LONGEST_NAME = 36
"""The longest name that is made from a command or folder: a number fits behind it."""


@dataclass(frozen=True, slots=True)
class Demand:
    """What the options say of a task's machines and of where they are; empty for what is not given."""

    cpu: str | None = None
    memory: str | None = None
    gpu: str | None = None
    disk: str | None = None
    nodes: int | None = None
    backends: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    fleets: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    spot: bool | None = None
    max_price: float | None = None

    def keys(self) -> dict[str, Any]:
        """The keys of the document, in the order in which people write them."""
        resources = {"cpu": self.cpu, "memory": self.memory, "gpu": self.gpu, "disk": self.disk}
        spot_policy = None if self.spot is None else "spot" if self.spot else "on-demand"
        keys = {
            "nodes": self.nodes,
            "backends": list(self.backends),
            "regions": list(self.regions),
            "availability_zones": list(self.zones),
            "fleets": list(self.fleets),
            "resources": {key: _scalar(value) for key, value in resources.items() if value},
            "spot_policy": spot_policy,
            "max_price": self.max_price,
            "volumes": list(self.volumes),
        }
        return {key: value for key, value in keys.items() if value not in (None, [], {})}


def demand_options(*without: str) -> Callable[[F], F]:
    """Adds the options about machines and places, but for these fields; the command gets `demand`."""

    def decorated(function: F) -> F:
        names = [name for name in _OPTIONS if name not in without]

        @wraps(function)
        def command(**options: Any) -> Any:
            demand = Demand(**{name: options.pop(name) for name in names})
            return function(demand=demand, **options)

        for name in reversed(names):
            command = _OPTIONS[name](command)
        return command  # type: ignore[return-value]

    return decorated


_OPTIONS: Mapping[str, Callable[[Any], Any]] = {
    "cpu": click.option("--cpu", metavar="COUNT", help="CPUs of each node, such as `4` or `4..8`."),
    "memory": click.option("--memory", metavar="SIZE", help="Memory of each node, such as `16GB..`."),
    "gpu": click.option("--gpu", metavar="GPU", help="GPUs of each node, such as `H100:8`, `24GB` or `1`."),
    "disk": click.option("--disk", metavar="SIZE", help="Disk of each node, such as `200GB..`."),
    "nodes": click.option("--nodes", type=click.IntRange(min=1), metavar="N", help="The number of nodes."),
    "backends": click.option(
        "--backend", "backends", metavar="NAME", multiple=True, help="Use this backend. May be repeated."
    ),
    "regions": click.option(
        "--region", "regions", metavar="NAME", multiple=True, help="Use this region. May be repeated."
    ),
    "zones": click.option(
        "--zone", "zones", metavar="ZONE", multiple=True, shell_complete=existing("zone"),
        help="Use this zone: a name, an id, a glob, or `!ZONE` for all others. May be repeated.",
    ),
    "fleets": click.option(
        "--fleet", "fleets", metavar="NAME", multiple=True, shell_complete=existing("fleet"),
        help="Use machines of this fleet only. May be repeated.",
    ),
    "volumes": click.option(
        "--volume", "volumes", metavar="NAME:/PATH", multiple=True, help="Mount this volume. May be repeated."
    ),
    "spot": click.option("--spot/--on-demand", "spot", default=None, help="Use spot machines only, or none."),
    "max_price": click.option(
        "--max-price", type=click.FloatRange(min=0, min_open=True), metavar="USD",
        help="The most that a node may cost in an hour.",
    ),
}  # fmt: skip


def shell_line(command: Sequence[str]) -> str:
    """The command as a line of a shell: one word is such a line already, several are quoted."""
    return command[0] if len(command) == 1 else shlex.join(command)


def name_of(command: Sequence[str]) -> str:
    """A name that says what runs: of a script that an interpreter runs, else of the program; `task` for neither."""
    words = command[0].split() if len(command) == 1 else list(command)
    script = next((word for word in words[1:] if PurePath(word).suffix in (".py", ".sh", ".R", ".jl", ".js")), None)
    return plain_name(PurePath(script or words[0]).stem if words else "") or "task"


def plain_name(text: str) -> str:
    """The text as a name: small letters, digits and hyphens, the first a letter; empty where nothing is left."""
    letters = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in text.lower())
    return "-".join(filter(None, letters.split("-"))).lstrip("0123456789-")[:LONGEST_NAME].rstrip("-")


def free_name(stem: str, taken: Sequence[str]) -> str:
    """`STEM-N` with the number after the highest that is taken."""
    behind = [name.removeprefix(f"{stem}-") for name in taken if name.startswith(f"{stem}-")]
    return f"{stem}-{max((int(number) for number in behind if number.isdecimal()), default=0) + 1}"


def files_named(command: Sequence[str]) -> list[str]:
    """The words of a command that are files of the current folder, which are not on the machine."""
    words = command[0].split() if len(command) == 1 else command
    return [word for word in words if not word.startswith("/") and _is_file(word)]


def written(documents: Sequence[Mapping[str, Any]]) -> str:
    """The documents as the text of a file."""
    return "---\n".join("".join(_line(key, value) for key, value in document.items()) for document in documents)


def _line(key: str, value: Any) -> str:
    """A key with its value in one line, but for commands, which have a line each."""
    import yaml

    def text(part: Any, flow: bool) -> str:
        dumped: str = yaml.safe_dump(
            part, sort_keys=False, width=float("inf"), allow_unicode=True, default_flow_style=flow
        )
        return dumped

    if key == "commands":
        return text({key: value}, False).replace("\n- ", "\n  - ")
    return f"{key}: {text(value, True)}" if isinstance(value, list | dict) else text({key: value}, False)


def _is_file(word: str) -> bool:
    try:
        return Path(word).is_file()
    except (OSError, ValueError):
        return False


def _scalar(text: str) -> str | int:
    return int(text) if text.isascii() and text.isdecimal() else text
