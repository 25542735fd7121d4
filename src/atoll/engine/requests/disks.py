"""Existing disks that volumes register by `volume_id`: a plan that names them looks them up."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from atoll.backends.base import BackendError, Disk, MachineState
from atoll.configuration import Document
from atoll.configuration.types.volume import Volume as VolumeSpec
from atoll.engine.context import Context
from atoll.engine.placing.demand import spec_of
from atoll.model.diagnostic import Diagnostic
from atoll.model.records import Volume
from atoll.model.zone import Zone, ZoneInfo
from atoll.store.transaction import Transaction


async def with_disks(
    context: Context, documents: Sequence[Document], kept: Mapping[str, Volume], zones: Sequence[ZoneInfo]
) -> tuple[tuple[Document, ...], list[Diagnostic]]:
    """The documents, those of existing disks with the zone and size of the disk; a finding for each unusable disk.

    `kept` are the project's volumes by name: what is registered already is not looked up.
    """
    filled, found = [], []
    ids = {(info.zone.backend, info.zone.name): info.zone.zone_id or "" for info in zones}
    for document in documents:
        spec = document.spec
        if not isinstance(spec, VolumeSpec) or spec.volume_id is None:
            filled.append(document)
            continue
        volume = kept.get(document.name)
        if volume is not None and volume.backend_id == spec.volume_id and volume.zone is not None:
            disk: Disk | None = Disk(volume.backend_id, "", volume.zone, volume.size_gb, MachineState.READY)
        else:
            disk, problem = await _look_up(context, document, spec, spec.volume_id)
            found += problem
        if disk is None:
            filled.append(document)
            continue
        found += _differences(document, spec, disk, ids.get((spec.backend, disk.zone.name), ""))
        place = {"region": disk.zone.region, "availability_zone": disk.zone.name, "size": disk.size_gb}
        filled.append(replace(document, spec=spec.model_copy(update=place)))
    return tuple(filled), found


async def shared_disk(tx: Transaction, document: Document, project: str) -> list[Diagnostic]:
    """The existing disk of a volume that another volume registers, too."""
    spec = document.spec
    if not isinstance(spec, VolumeSpec) or spec.volume_id is None:
        return []
    for volume in await tx.volumes.listing():
        other = spec_of(volume)
        same = volume.backend == spec.backend and spec.volume_id in (other.volume_id, volume.backend_id)
        if same and (volume.project, volume.name) != (project, document.name):
            holder = f"volume `{volume.name}`" if volume.project == project else "a volume of another project"
            return [
                _unusable(document, f"{spec.volume_id} is the disk of {holder}", "a disk is one volume: use that one")
            ]
    return []


async def _look_up(
    context: Context, document: Document, spec: VolumeSpec, id: str
) -> tuple[Disk | None, list[Diagnostic]]:
    """The disk; None, with the reason, where it cannot be used."""
    backend = context.backends.get(spec.backend)
    if backend is None or backend.volumes is None:
        return None, []  # which `check` reports
    where = Zone(spec.backend, spec.region, "") if spec.region else None
    try:
        disk = await context.calls.make(spec.backend, where, backend.volumes.look_up, id, spec.region or None)
    except BackendError as error:
        return None, [_unusable(document, f"{id} cannot be used: {error.message}")]
    if disk.token:
        return None, [_unusable(document, f"{id} was created by Atoll", "use the volume that it belongs to")]
    if disk.attached_to:
        holders = ", ".join(disk.attached_to)
        return None, [_unusable(document, f"{id} is attached to {holders}", "detach it there first")]
    if disk.state is not MachineState.READY:
        return None, [_unusable(document, f"{id} is {disk.state.value}", "try again when it is available")]
    return disk, []


def _differences(document: Document, spec: VolumeSpec, disk: Disk, zone_id: str) -> list[Diagnostic]:
    """Where the document says of the disk what is not so."""
    zone, found = disk.zone, []
    if spec.region and spec.region != zone.region:
        help = f"`region: {zone.region}`, or leave it out"
        message = f"{disk.id} is in {zone.region}, and not in {spec.region}"
        found.append(_unusable(document, message, help, "region"))
    elif spec.availability_zone and spec.availability_zone not in (zone.name, zone_id):
        help = f"`availability_zone: {zone.name}`, or leave it out: a disk stays in its zone"
        message = f"{disk.id} is in {zone.name}, and not in {spec.availability_zone}"
        found.append(_unusable(document, message, help, "availability_zone"))
    if spec.size is not None and spec.size != disk.size_gb:
        message = f"{disk.id} has {disk.size_gb:g}GB, and not {spec.size:g}GB"
        found.append(_unusable(document, message, "leave `size` out", "size"))
    return found


def _unusable(document: Document, message: str, help: str | None = None, key: str = "volume_id") -> Diagnostic:
    return Diagnostic("disk-unusable", message, span=document.span((key,)), help=help)
