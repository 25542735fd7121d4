"""The configuration page, made from the models: `python -m atoll.configuration.reference > docs/configuration.md`."""

import sys
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from atoll.configuration.checks.support import mark_of
from atoll.configuration.meanings import meaning
from atoll.configuration.reading.document import MODELS, Spec
from atoll.configuration.schema import default, parts, schema
from atoll.configuration.types import base
from atoll.configuration.types.profile import Profile, ProfileParameters
from atoll.configuration.types.run import Run

HEAD = """\
# Configuration

Made from the models by `python -m atoll.configuration.reference`; changes belong into `src/atoll/configuration`.

A file holds one document, or several that `---` divides; all documents of a command are planned together, and may name
each other. `type` says what a document is: `fleet`, `volume`, `task`, `service`, `dev-environment` or `gateway`. The
suffix is `.atoll.yml`; dstack's `.dstack.yml` is read too, with the same keys. `atoll validate FILE` checks without a
server, `atoll plan -f FILE` shows what would happen, and `atoll export schema` prints the JSON Schema for editors.

```yaml
type: fleet
name: train
nodes: 6
backends: [aws]
regions: [us-east-1]
availability_zones: [us-east-1a, us-east-1b, use1-az4]
resources: {cpu: 4.., memory: 16GB..}
placement: spread
spot_policy: auto
max_price: 12.5
---
type: volume
name: data
backend: aws
region: us-east-1
size: 100GB
---
type: task
name: fit
fleets: [train]
commands:
  - python fit.py
volumes:
  - data:/data
```

## Values

| kind | how it is written |
|---|---|
| duration | `90s`, `5m`, `2h`, `3d`, `1w`, a number of seconds, or `off` for no limit |
| size | `512MB`, `16GB`, `1TB`, or a number of GB |
| range | `4`, `4..`, `..8`, `4..8`, or `{min, max}`; of numbers or of sizes |
| switch | `true` or `false`; `yes`, `no`, `on`, `off` too |
| zone | the provider's name or id, in any case (`us-east-1a`, `use1-az4`, `eastus-1`), or `REGION/NAME`. \
In a list also globs, `us-east-1*`, and exclusions, `!us-east-1e`, which YAML wants in quotes |

A key marked "checked only" is read and its value checked, and this release does nothing with it: `atoll validate` and
`atoll apply` warn, with what happens instead. One marked "needs a later release" would change what runs or where:
`atoll validate` warns, and `atoll plan` and `atoll apply` refuse it. Keys at the top that begin with `x-` are ignored;
they can hold anchors. Any other key that is none of this page is an error.

Numbers are read as their text where text is meant, as they are written: `1.10` is `1.10`.
"""

RUNS = """\
## Every run

The keys that tasks, services and dev environments have in common. Those from `backends` to `instances` can also stand
in a [profile](#profiles).
"""

PROFILES = """\
## Profiles

`.atoll/profiles.yml` or `.dstack/profiles.yml`, beside the configuration or in the current folder, holds keys for runs
to take over where they do not set them: a list `profiles`, of which `--profile NAME` chooses one, else the default one.

```yaml
profiles:
  - name: cheap
    default: true
    spot_policy: spot
    max_price: 2
```
"""

_KINDS = (
    (base.DURATION_SCHEMA, "duration"),
    (base.SIZE_SCHEMA, "size"),
    (base.COUNT_SCHEMA, "range"),
    (base.SIZE_RANGE_SCHEMA, "range of sizes"),
    ({"enum": [True, False, "yes", "no", "on", "off"]}, "switch"),
)
_PLAIN = {"string": "text", "integer": "whole number", "number": "number", "boolean": "switch", "array": "list"}


def page() -> str:
    """The page in Markdown."""
    definitions = schema()["$defs"]
    sections = [HEAD]
    for type, model in MODELS.items():
        if type == "task":
            sections.append(RUNS + "\n" + _table(Run, _keys(Run), definitions["Task"]))
        sections.append(_of_type(type, model, definitions))
    profile = {"name": {"type": "string"}, "default": {"enum": [True, False, "yes", "no", "on", "off"]}}
    sections.append(PROFILES + "\n" + _table(Profile, list(profile), {"properties": profile}))
    types = {model.__name__ for model in MODELS.values()}
    sections.append("## Parts\n\nWhat keys above refer to.\n")
    for name, part in sorted(parts(*MODELS.values()).items()):
        if name not in types:
            sections.append(f"### {name}\n\n{_intro(part)}\n\n{_table(part, _keys(part), definitions[name])}")
    return "\n".join(sections)


def _of_type(type: str, model: type[Spec], definitions: Mapping[str, Any]) -> str:
    own = [key for key in _keys(model) if not issubclass(model, Run) or key not in _keys(Run)]
    shared = "\n\nBeside these, the keys of [every run](#every-run)." if issubclass(model, Run) else ""
    note = "" if model.later is None else " This release checks it and cannot apply it."
    table = _table(model, own, definitions[model.__name__])
    return f"## {type}\n\n{_intro(model)}{note}{shared}\n\n{table}"


def _intro(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split())


def _keys(model: type[BaseModel]) -> list[str]:
    """The keys in the order of a file: what it is, what it is made of, then where it may go."""
    names = {name: info.alias or name for name, info in model.model_fields.items()}
    first = [key for key in ("type", "name") if key in names]
    late = [key for key in ProfileParameters.model_fields if key in names] if "type" in names or model is Run else []
    middle = [key for key in names if key not in first and key not in late]
    return [names[key] for key in (*first, *middle, *late)]


def _table(model: type[BaseModel], keys: Collection[str], definition: Mapping[str, Any]) -> str:
    """A row for each key."""
    long = definition if "properties" in definition else definition["anyOf"][-1]
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    rows = ["| key | takes | default | meaning |", "|---|---|---|---|"]
    for key in keys:
        info = fields[key]
        takes = " or ".join(dict.fromkeys(_takes(long["properties"][key])))
        without = "required" if info.is_required() else _written(default(info), takes)
        mark = mark_of(info)
        effect = "" if mark is None else " Needs a later release." if mark.refused else " Checked only."
        if mark is not None and mark.beside:
            effect = f" For runs with an `{mark.beside}`."
        rows.append(f"| `{key}` | {takes} | {without} | {meaning(model, key)}{effect} |".replace("||", "| |"))
    return "\n".join(rows) + "\n"


def _takes(schema: Mapping[str, Any]) -> Iterator[str]:
    """The kinds of values of a key, from its JSON Schema."""
    bare = {key: value for key, value in schema.items() if key not in ("description", "default")}
    branches = [one for one in bare.get("anyOf", [bare]) if one.get("type") != "null"]
    for kind, name in _KINDS:
        wanted = kind.get("anyOf", [kind])
        if all(one in branches for one in wanted):
            yield name
            branches = [branch for branch in branches if branch not in wanted]
    for branch in branches:
        if "$ref" in branch:
            name = branch["$ref"].rpartition("/")[2]
            yield f"[{name}](#{name.lower()})" if name != "FleetReference" else "`{project, name}`"
        elif "anyOf" in branch:
            yield from _takes(branch)
        elif "const" in branch or "enum" in branch:
            values = branch["enum"] if "enum" in branch else [branch["const"]]
            yield ", ".join(f"`{value}`" for value in values if not isinstance(value, float))
        elif branch.get("type") == "array" and "items" in branch:
            yield "list of " + " or ".join(dict.fromkeys(_takes(branch["items"])))
        elif branch.get("type") == "object":
            yield "mapping of text"
        else:
            yield _PLAIN.get(branch.get("type", ""), "anything")


def _written(value: Any, takes: str) -> str:
    if takes == "duration":
        return f"`{_time(value)}`"
    if value is None or value in ([], {}):
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, dict) and value.keys() <= {"min", "max"}:
        unit = "GB" if "sizes" in takes else ""
        low, high = (f"{value[key]:g}{unit}" if key in value else "" for key in ("min", "max"))
        return f"`{low}`" if low == high else f"`{low}..{high}`"
    if isinstance(value, dict):
        return "its own defaults"
    return ", ".join(f"`{one}`" for one in value) if isinstance(value, list) else f"`{value}`"


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "off"
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


if __name__ == "__main__":
    sys.stdout.write(page())
