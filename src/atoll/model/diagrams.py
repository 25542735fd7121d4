"""`python -m atoll.model.diagrams > docs/states.md`: the page of the state machines, made from their tables."""

import sys

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

_HEAD = """\
# State machines

Generated from the tables in `src/atoll/model/states.py` by `python -m atoll.model.diagrams`; do not edit. A change of
state that is not in its table is refused, and changes nothing. Each step is recorded as an event (`atoll event list`).
"""
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
        meaning = (_STATES[kind].__doc__ or "").strip()
        parts.append(f"\n## {kind.capitalize()}\n\n{meaning}\n\n```mermaid\n{machine.diagram()}\n```\n")
    return "".join(parts)


if __name__ == "__main__":
    sys.stdout.write(page())
