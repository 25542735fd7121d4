"""The registry of diagnostic codes: what each means, a file that gets it, and the file cured.

`atoll explain` and the documentation print it: `python -m atoll.configuration.codes` writes `docs/diagnostics.md`.
"""

from collections.abc import Mapping
from functools import cache
from itertools import chain

from atoll.configuration.codes.code import Code
from atoll.configuration.codes.files import FILES, SHAPE, ZONES
from atoll.configuration.codes.planned import PLANNED
from atoll.configuration.codes.replayed import REPLAYED


@cache
def codes() -> Mapping[str, Code]:
    """Every code by its name, in the order of the documentation."""
    return {one.code: one for one in chain(FILES, SHAPE, ZONES, PLANNED, REPLAYED)}


def text(code: Code) -> str:
    """What `atoll explain` prints of a code, in Markdown."""
    severity = "A warning" if code.warning else "An error"
    source = "The server finds it while it plans." if code.planned else "It is found without a server."
    if code.snapshot:
        source = "It is about the file after `--snapshot`."
    parts = [f"`{code.code}`: {code.title}", f"{code.explanation} {severity}. {source}"]
    if code.given:
        parts.append(f"For example, {code.given}.")
    form = "json" if code.snapshot else "yaml"
    if code.wrong:
        parts.append(f"Wrong:\n\n```{form}\n{code.wrong}```")
        parts.append(f"Right:\n\n```{form}\n{code.cured}```")
    return "\n\n".join(parts)


def page() -> str:
    """The page of the documentation."""
    head = (
        "# Diagnostics\n\nEvery finding has a stable code; `atoll explain CODE` prints its section. This page is made "
        "by `python -m atoll.configuration.codes`.\n"
    )
    return head + "".join(f"\n## {text(code)}\n" for code in codes().values())
