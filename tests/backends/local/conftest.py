"""Local backends with the stand-in for an agent."""

import sys
from collections.abc import Sequence
from pathlib import Path


def stand_in(state: Path, machine: str, socket: Path) -> Sequence[str]:
    """The command line of the stand-in."""
    return (sys.executable, "-S", str(Path(__file__).with_name("agent.py")), str(socket), machine)


def stubborn(state: Path, machine: str, socket: Path) -> Sequence[str]:
    """One that does not end on request."""
    return (*stand_in(state, machine, socket), "stubborn")
