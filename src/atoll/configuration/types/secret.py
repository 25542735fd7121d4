"""`${{ secrets.NAME }}`: a secret of the project in the value of a variable, in dstack's form.

Nothing but the hand-over of a job to its agent puts a value in its place; everything that is kept or shown has the
reference.
"""

import re
from collections.abc import Mapping

NAME = r"[A-Za-z0-9_-]{1,200}"
"""What a secret may be called."""
_REFERENCE = re.compile(r"\$\{\{\s*secrets\.(" + NAME + r")\s*\}\}")


def secret_names(text: str) -> tuple[str, ...]:
    """The secrets that a text refers to, each once, in their order."""
    return tuple(dict.fromkeys(_REFERENCE.findall(text)))


def with_secrets(text: str, values: Mapping[str, str]) -> str:
    """The text with the values in place of the references. Raises KeyError with the name of a missing one."""
    return _REFERENCE.sub(lambda found: values[found[1]], text)
