"""Zones and instance types between a snapshot file and the model."""

import re
from typing import Any

from atoll.engine.snapshots.fault import BadSnapshot, at
from atoll.model.resources import Gpu, InstanceType
from atoll.model.zone import Zone, ZoneKind
from atoll.wire.snapshot import Gpus, SavedGpus, SavedMachine, SavedMachineThere, SavedPlace

_SHORT = re.compile(r"(?P<name>[^:]+)(:(?P<memory>[0-9]+(\.[0-9]+)?)GB)?(:(?P<count>[0-9]{1,4}))?\Z", re.IGNORECASE)


def zone_of(place: SavedPlace) -> Zone:
    """The zone of a place in the file; one without a name is a region."""
    kind = place.kind or (ZoneKind.AVAILABILITY_ZONE if place.zone else ZoneKind.REGION)
    return Zone(place.backend, place.region, place.zone, place.zone_id, kind)


def place_of(place: SavedPlace) -> tuple[str, str, str]:
    """What a place is known by."""
    return place.backend, place.region, place.zone


def saved_place(zone: Zone) -> dict[str, Any]:
    """The keys of a place in the file."""
    usual = ZoneKind.AVAILABILITY_ZONE if zone.name else ZoneKind.REGION
    kind = None if zone.kind is usual else zone.kind
    return {"backend": zone.backend, "region": zone.region, "zone": zone.name, "zone_id": zone.zone_id, "kind": kind}


def type_of(machine: SavedMachine | SavedMachineThere, path: str) -> InstanceType:
    """The instance type; `path` is its place in the file. Raises BadSnapshot."""
    return InstanceType(
        machine.instance_type,
        machine.cpus,
        machine.memory_gb,
        machine.disk_gb,
        machine.arch,
        _gpu(machine.gpus, f"{path}.gpus"),
        machine.containers,
    )


def machine_of(machine: SavedMachine) -> tuple[object, ...]:
    """What an instance type is known by."""
    return tuple(getattr(machine, name) for name in SavedMachine.__struct_fields__)


def saved_machine(machine: InstanceType) -> dict[str, Any]:
    """The keys of an instance type in the file."""
    gpu = machine.gpu
    gpus = None
    if gpu is not None:
        ability = gpu.compute_capability
        gpus = SavedGpus(
            name=gpu.name,
            count=gpu.count,
            memory_gb=gpu.memory_gb,
            vendor=gpu.vendor,
            compute_capability=None if ability is None else f"{ability[0]}.{ability[1]}",
        )
    return {
        "instance_type": machine.name,
        "cpus": machine.cpus,
        "memory_gb": machine.memory_gb,
        "disk_gb": machine.disk_gb,
        "arch": machine.arch,
        "gpus": gpus,
        "containers": machine.containers,
    }


def _gpu(gpus: Gpus, path: str) -> Gpu | None:
    if gpus is None or gpus in (0, ""):
        return None
    if isinstance(gpus, int):
        return Gpu("", gpus, 0)
    if isinstance(gpus, str):
        match = _SHORT.match(gpus)
        if match is None:
            raise BadSnapshot([at(path, "expected GPUs such as `H100:8` or `H100:80GB:8`")])
        return Gpu(match["name"], int(match["count"] or 1), float(match["memory"] or 0))
    ability = gpus.compute_capability
    major, _, minor = (ability or "").partition(".")
    return Gpu(gpus.name, gpus.count, gpus.memory_gb, gpus.vendor, (int(major), int(minor)) if ability else None)
