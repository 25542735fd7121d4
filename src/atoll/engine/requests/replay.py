"""Planning on a saved world: no cloud, no database, the same answer on every machine."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from atoll.configuration import Document, named_environment
from atoll.configuration.checks.reach import Home
from atoll.configuration.checks.support import APPLIED
from atoll.configuration.checks.zoning import Ground, homes
from atoll.configuration.types.volume import Volume as VolumeSpec
from atoll.engine.parts.refusal import Refused
from atoll.engine.placing.demand import demand_of, run_of, volume_names
from atoll.engine.requests.check import Scene, check
from atoll.engine.requests.parsing import in_order, parse_submission, refuse_errors, with_zones
from atoll.engine.requests.planned import Planned
from atoll.engine.snapshots.fault import BadSnapshot
from atoll.engine.snapshots.reading import read_snapshot
from atoll.engine.snapshots.saved import Saved, Settled, digest
from atoll.model.diagnostic import Diagnostic
from atoll.model.error_codes import ErrorCode
from atoll.model.zone import BackendInfo, Zone, ZoneInfo
from atoll.planning.budget import Budget
from atoll.planning.planner import Planner
from atoll.planning.request import Request, VolumeRequest
from atoll.planning.snapshot import Snapshot
from atoll.planning.waiting import answer
from atoll.wire.api import Submission
from atoll.zones.directory import Directory, builtin

MOST_PAIRS = 100_000_000
"""The largest product of offers and zones of a snapshot: 115,000 offers in 200 zones are a fifth of it."""


def replay(content: bytes, submission: Submission) -> Planned:
    """The plan of these files in the world of a snapshot file, which `content` is.

    The changes are left out: they depend on what is applied, and a saved world has places only. Raises Refused
    with diagnostics for a wrong file of either kind.
    """
    try:
        saved = read_snapshot(content)
    except BadSnapshot as error:
        raise Refused(
            ErrorCode.INVALID_SNAPSHOT, "wrong snapshot", diagnostics=error.diagnostics, status=422
        ) from error
    snapshot = saved.snapshot
    size = len(snapshot.catalog) * len(_seen(snapshot))
    if size > MOST_PAIRS:
        message = f"the snapshot has {len(snapshot.catalog):,} offers × {len(_seen(snapshot)):,} zones = {size:,}"
        raise Refused(
            ErrorCode.TOO_LARGE, message, help=f"at most {MOST_PAIRS:,} can be planned: leave some out", status=422
        )
    directory = _directory(snapshot)
    infos = _backends(snapshot)
    ground = Ground(directory, with_zones(infos, [ZoneInfo(zone) for zone in _seen(snapshot)]))
    parsed = parse_submission(_filled(submission), ground)
    scene = replace(_scene(saved, parsed.documents, directory, infos), unread=parsed.unread)
    documents = [document for document in parsed.documents if not _is_unknown_disk(document)]
    asking = [document for document in documents if not _is_settled(document, saved)]
    found = [
        _unknown_disk(document)
        for document in parsed.documents
        if _is_unknown_disk(document) and not _is_kept(document, snapshot)
    ]
    found += [finding for one in (*asking, *parsed.partial) for finding in check(one, scene)]
    findings = in_order([*parsed.diagnostics, *found], submission)
    refuse_errors(findings)
    demands = [demand_of(one, saved.project) for one in asking]
    request = Request(saved.project, (*demands, *_waiting(saved, parsed.documents)), confirmed=True)
    names = {instance.id: f"{instance.fleet}-{instance.node}" for instance in snapshot.instances}
    return Planned((), answer(request, snapshot, Planner(Budget())), findings, 0, parsed.default_profile, names)


def _is_unknown_disk(document: Document) -> bool:
    """Whether the document registers an existing disk without what a plan looks up."""
    spec = document.spec
    known = isinstance(spec, VolumeSpec) and spec.size is not None and spec.availability_zone is not None
    return isinstance(spec, VolumeSpec) and spec.volume_id is not None and not known


def _is_kept(document: Document, snapshot: Snapshot) -> bool:
    return document.name in {volume.name for volume in snapshot.volumes}


def _unknown_disk(document: Document) -> Diagnostic:
    help = "add its `size`, `region` and `availability_zone`"
    message = "a snapshot does not know the disks of the provider"
    return Diagnostic("disk-unusable", message, span=document.span(("volume_id",)), help=help)


def _is_settled(document: Document, saved: Saved) -> bool:
    """True when the document required nothing more in that world, because it was applied as it is."""
    if document.type not in APPLIED:
        return False
    return Settled(document.kind, document.name, digest(demand_of(document, saved.project))) in saved.settled


def _filled(submission: Submission) -> Submission:
    """Variables without a value here are empty: no plan depends on them, and the machine may be another one."""
    names = {name: "" for file in submission.files for name in named_environment(file.text)}
    return replace(submission, environment={**names, **submission.environment})


def _directory(snapshot: Snapshot) -> Directory:
    """What zones there are: those that the snapshot lists, or else the built-in ones beside those of its offers."""
    directory = builtin()
    listed = {info.zone.backend for info in snapshot.zones}
    seen = _seen(snapshot)
    for backend in sorted({zone.backend for zone in seen}):
        own = {zone: zone for zone in seen if zone.backend == backend}
        others = () if backend in listed else directory.zones(backend)
        zones = [*own, *(zone for zone in others if zone not in own)]
        directory = directory.with_live(backend, zones, snapshot.now)
    return directory


def _seen(snapshot: Snapshot) -> list[Zone]:
    return list(dict.fromkeys([*(info.zone for info in snapshot.zones), *snapshot.catalog.zones]))


def _backends(snapshot: Snapshot) -> dict[str, BackendInfo]:
    """The backends that are listed, and those of zones without; their zones show whether they have any."""
    infos: dict[str, BackendInfo] = {}
    for zone in _seen(snapshot):
        before = infos.get(zone.backend)
        infos[zone.backend] = BackendInfo(zone.backend, zoned=bool(zone.name) or (before is not None and before.zoned))
    return infos | {info.name: info for info in snapshot.backends}


def _scene(
    saved: Saved, documents: Sequence[Document], directory: Directory, backends: Mapping[str, BackendInfo]
) -> Scene:
    snapshot = saved.snapshot
    submitted = homes([document for document in documents if document.kind == "volume"], directory)
    waiting = {one.name: Home(one.backend or "", one.region) for one in saved.waiting}
    kept = {volume.name: Home(volume.zone.backend, volume.zone.region, volume.zone) for volume in snapshot.volumes}
    fleets = {*saved.fleets, *(document.name for document in documents if document.kind == "fleet")}
    infos = {info.zone: info for info in snapshot.zones}
    zones = [infos.get(zone, ZoneInfo(zone)) for zone in _seen(snapshot)]
    return Scene(saved.project, backends, directory, zones, snapshot.catalog, submitted | waiting | kept, fleets)


def _waiting(saved: Saved, documents: Sequence[Document]) -> list[VolumeRequest]:
    """Volumes that have no zone yet and that a run of the files brings one."""
    wanted = {name for document in documents if document.type == "task" for name in volume_names(run_of(document))}
    submitted = {document.name for document in documents if document.kind == "volume"}
    return [one for one in saved.waiting if one.name in wanted and one.name not in submitted]
