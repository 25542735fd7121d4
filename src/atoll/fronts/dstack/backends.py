"""Names of backends, which dstack's clients know as a closed list."""

from collections.abc import Mapping
from typing import Any

KNOWN = frozenset({"aws", "azure", "gcp", "kubernetes", "lambda", "nebius", "oci", "runpod", "slurm", "verda", "vultr"})
"""Those that both call by the same name."""
OTHER = "remote"
"""What its clients show as `ssh`: every backend that they do not know."""
WITH_VOLUMES = frozenset({"aws", "gcp", "runpod", "kubernetes"})
"""Those whose volumes its clients can read."""


class Names:
    """Translates names. `aliases` maps dstack's name to the backend that is configured here, for tests and moves."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        self._own = dict(aliases)
        self._theirs = {own: theirs for theirs, own in aliases.items()}

    def theirs(self, backend: str) -> str:
        """dstack's name of a backend."""
        name = self._theirs.get(backend, backend)
        return name if name in KNOWN else OTHER

    def own(self, value: Any) -> Any:
        """A name, or a list of names, that a client sent, in Atoll's words."""
        if isinstance(value, list):
            return [self.own(name) for name in value]
        return self._own.get(value, value) if isinstance(value, str) else value
