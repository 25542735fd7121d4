"""Which documents of a request depend on each other: those that share a fleet, a volume or idle machines."""

from collections.abc import Iterable, Iterator, Sequence

from atoll.planning.request import Document, FleetRequest, RunRequest, VolumeRequest
from atoll.planning.terrain import Terrain


def may_use(run: RunRequest, fleet: str) -> bool:
    """True when a run may use machines that are planned for a fleet."""
    return run.instances is None and (run.fleets is None or fleet in run.fleets)


def components(documents: Sequence[Document], terrain: Terrain) -> list[list[Document]]:
    """The documents in groups of which none depends on another."""
    idle = {i.fleet for members in terrain.fleets.values() for i in members if not i.busy}
    fleets = [d.name for d in documents if isinstance(d, FleetRequest)]
    root = list(range(len(documents)))
    first: dict[object, int] = {}

    def group(place: int) -> int:
        while root[place] != place:
            root[place] = place = root[root[place]]
        return place

    for place, document in enumerate(documents):
        for tie in _ties(document, fleets, idle):
            one, other = sorted((group(place), group(first.setdefault(tie, place))))
            root[other] = one
    groups: dict[int, list[Document]] = {}
    for place, document in enumerate(documents):
        groups.setdefault(group(place), []).append(document)
    return list(groups.values())


def _ties(document: Document, fleets: Iterable[str], idle: Iterable[str]) -> Iterator[object]:
    """What a document depends on."""
    if isinstance(document, FleetRequest):
        yield ("fleet", document.name)
    elif isinstance(document, VolumeRequest):
        yield ("volume", document.name)
    else:
        yield ("run", document.name)
        yield from (("volume", name) for node in document.nodes for mount in node.mounts for name in mount.volumes)
        yield from (("fleet", fleet) for fleet in fleets if may_use(document, fleet))
        yield from (("idle", fleet) for fleet in idle if document.fleets is None or fleet in document.fleets)
