"""`python -m atoll.model.diagrams > docs/states.md`: the page of the state machines, made from their tables."""

import sys
from inspect import cleandoc

from atoll.model.states import (
    MACHINES,
    AttachmentState,
    ClosureState,
    FleetState,
    InstanceState,
    JobState,
    RunState,
    VolumeState,
)
from atoll.model.waits import PART, WAITS, WOKEN

_HEAD = """\
# State machines

Generated from the tables in `src/atoll/model/states.py` by `python -m atoll.model.diagrams`; do not edit. A change of
state that is not in its table is refused, and changes nothing. Each step is recorded as an event (`atoll event list`).

A state that waits looks at its own condition by itself, at the latest after the time in the tables; wake-ups usually
come first. A call that a provider refused is tried again after a growing pause of at most 15 minutes.
"""
_LOOKS = {PART: "as the state that it is a part of", WOKEN: "woken by its run"}
_STATES = {
    "fleet": FleetState,
    "instance": InstanceState,
    "volume": VolumeState,
    "attachment": AttachmentState,
    "run": RunState,
    "job": JobState,
    "closure": ClosureState,
}


def page() -> str:
    """The page in Markdown, with a Mermaid diagram for each kind of thing."""
    parts = [_HEAD]
    for kind, machine in MACHINES.items():
        meaning = cleandoc(_STATES[kind].__doc__ or "")
        parts.append(f"\n## {kind.capitalize()}\n\n{meaning}\n\n```mermaid\n{machine.diagram()}\n```\n")
        parts.append(_waits(kind))
    return "".join(parts)


def _waits(kind: str) -> str:
    """The table of the kind's states that wait."""
    lines = ["\n| state | lasts until | looks by itself |\n|---|---|---|\n"]
    for (of, state), waiting in WAITS.items():
        if of == kind:
            looks = f"every {waiting.looks:g} s" if isinstance(waiting.looks, float) else _LOOKS[waiting.looks]
            lines.append(f"| {state} | {waiting.ends} | {looks} |\n")
    return "".join(lines)


if __name__ == "__main__":
    sys.stdout.write(page())
