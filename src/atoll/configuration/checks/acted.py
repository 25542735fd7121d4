"""Which keys this release acts on; the others are read, checked, and warned about. The one place that says so."""

from collections.abc import Iterator

from atoll.configuration.reading.document import Document
from atoll.configuration.reading.reader import Path
from atoll.configuration.types.fleet import Fleet
from atoll.configuration.types.mount import InstanceMount
from atoll.configuration.types.run import Task
from atoll.model.diagnostic import Diagnostic, Severity

_PLACED = {
    "resources", "backends", "regions", "availability_zones", "instance_types", "spot_policy", "max_price",
    "idle_duration",
}  # fmt: skip

ACTED_ON: dict[str, frozenset[str]] = {
    "fleet": frozenset(_PLACED | {"nodes", "placement", "retry"}),
    "volume": frozenset({"backend", "region", "availability_zone", "size", "binding_mode"}),
    "task": frozenset(
        _PLACED
        | {"commands", "env", "shell", "working_dir", "nodes", "volumes"}
        | {"retry", "max_duration", "stop_duration", "stop_criteria", "creation_policy", "fleets"}
    ),
}
"""The keys acted on, by type; a type that is not in here is only checked."""

_ALWAYS = {"type", "name"}


def warnings(document: Document) -> Iterator[Diagnostic]:
    """A warning for each key that is set to something and has no effect yet, and for each such part of a key."""
    acted_on = ACTED_ON.get(document.type)
    if acted_on is None:
        yield _warning(document, ("type",), f"`{document.type}` is checked, but cannot be applied yet")
        return
    fields = type(document.spec).model_fields
    for key in fields:
        if key in _ALWAYS or key in acted_on or key not in document.spec.model_fields_set:
            continue
        if getattr(document.spec, key) != fields[key].get_default(call_default_factory=True, validated_data={}):
            yield _warning(document, (key,), f"`{key}` is read, but has no effect yet")
    yield from _parts(document)


def _parts(document: Document) -> Iterator[Diagnostic]:
    spec = document.spec
    if isinstance(spec, Fleet | Task) and spec.resources.shm_size is not None:
        yield _warning(document, ("resources", "shm_size"), "`shm_size` is read, but has no effect yet")
    if isinstance(spec, Fleet) and spec.retry is not None and spec.retry.duration is not None:
        message = "`duration` has no effect on a fleet, which is tried again for as long as it exists"
        yield _warning(document, ("retry", "duration"), message)
    if isinstance(spec, Task):
        for index, mount in enumerate(spec.volumes):
            if isinstance(mount, InstanceMount):
                message = "mounting a folder of the instance has no effect yet"
                yield _warning(document, ("volumes", index), message)


def _warning(document: Document, path: Path, message: str) -> Diagnostic:
    span = document.span(path, key=isinstance(path[-1], str) and path != ("type",))
    return Diagnostic("not-acted-on", message, Severity.WARNING, span)
