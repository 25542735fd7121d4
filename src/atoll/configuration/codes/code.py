"""One diagnostic code: its title, its explanation, and a file that gets it beside the same file cured."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Code:
    """One code. `wrong` and `cured` are files; both are empty where the fault is not in a file's text.

    `planned` codes come from the server, which knows the world, and `given` is the world of the example
    like. Those of a `snapshot` are about such a file, and their examples are JSON. `warning` is true where the work
    goes on.
    """

    code: str
    title: str
    explanation: str
    wrong: str = ""
    cured: str = ""
    warning: bool = False
    planned: bool = False
    snapshot: bool = False
    given: str = ""
