"""Is it true what is said of volumes and of instances that are there?"""

from atoll.planning.request import (
    RunRequest,
    VolumeRequest,
)
from tests.planning import rules
from tests.planning.truth.said import Said


def volume_zone(said: Said) -> bool:
    """No volume of this mount is in the zone, nor may be."""
    run = said.document
    assert isinstance(run, RunRequest)
    wanted, homes = said.refusal.data["volumes"], said.refusal.data["zones"]
    assert isinstance(wanted, tuple)
    assert isinstance(homes, tuple)
    existing = {v.name: v.zone for v in said.case.snapshot.volumes if v.name in wanted}
    new = {
        d.name: p.zone
        for d, p in zip(said.case.request.documents, said.answer.documents, strict=True)
        if isinstance(d, VolumeRequest) and d.name in wanted and d.name not in existing
    }
    if said.zone in existing.values():
        return False
    requested = [d for d in said.case.request.documents if isinstance(d, VolumeRequest) and d.name in new]
    possible = {z for d in requested for z in rules.volume_homes(d, said.case.snapshot)}
    placed = {zone for zone in new.values() if zone is not None}
    known = {str(zone) for zone in {*existing.values(), *placed, *possible}}
    if not homes:
        return not known or (not existing and not possible)
    return set(homes) <= known and str(said.zone) not in homes


def attached(said: Said) -> bool:
    if said.refusal.data.get("run"):
        return _in_use(said, str(said.refusal.data["volume"]))
    volume = next(v for v in said.case.snapshot.volumes if v.name == said.refusal.data["volume"])
    known = {i.id: f"{i.fleet}-{i.node}" for i in said.case.snapshot.instances}
    told = said.refusal.data["instances"]
    if volume.zone != said.zone or not isinstance(told, tuple):
        return False
    return set(told) == {known.get(i, i) for i in volume.attached_to} and bool(told)


def _in_use(said: Said, volume: str) -> bool:
    """Another run of the plan mounts the volume, here, and the document names it."""
    others = [part for part in said.answer.documents if part is not said.part]
    users = [node for part in others for node in part.placements if volume in node.volumes]
    assert isinstance(said.document, RunRequest)
    names = {name for node in said.document.nodes for mount in node.mounts for name in mount.volumes}
    return volume in names and bool(users) and all(node.zone == said.zone for node in users)


def no_volumes(said: Said) -> bool:
    return any(b.name == said.zone.backend and not b.volumes for b in said.case.snapshot.backends)


def busy(said: Said) -> bool:
    """All instances here that would do are busy: all of them, or those that meet the requirements."""
    suited = [i for i in said.instances if rules.machine_allowed(i.instance_type, i.market, i.price, said.requirements)]
    same = bool(said.refusal.data["joint"]) == (len(suited) < len(said.instances))
    return bool(suited) and all(i.busy for i in suited) and len(suited) == said.refusal.data["count"] and same


def no_instance(said: Said) -> bool:
    return not said.instances
