"""Writes the planner's snapshot to a file.

Nothing that could be a secret goes into it: of what was applied there are names, places and amounts, and not even the
providers' messages.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from atoll.engine.snapshots.machine import saved_machine, saved_place
from atoll.engine.snapshots.offers import saved_offers
from atoll.engine.snapshots.saved import Saved
from atoll.model.zone import Capacity, Zone
from atoll.planning.snapshot import ExistingInstance, Snapshot
from atoll.wire.snapshot import (
    SavedBackend,
    SavedCapacity,
    SavedDocument,
    SavedFailure,
    SavedFleet,
    SavedInstance,
    SavedQuota,
    SavedVolume,
    SavedWaiting,
    SavedZone,
    SnapshotFile,
)


def write_snapshot(saved: Saved) -> bytes:
    """The content of the file: one line for each thing in it."""
    snapshot = saved.snapshot
    backends = sorted(snapshot.backends, key=lambda info: info.name)
    file = SnapshotFile(
        offers=saved_offers(snapshot.catalog),
        now=snapshot.now,
        seed=snapshot.seed,
        project=saved.project,
        backends=[
            SavedBackend(**{name: getattr(info, name) for name in SavedBackend.__struct_fields__}) for info in backends
        ],
        zones=list(_zones(snapshot)),
        quotas=[
            SavedQuota(**{name: getattr(quota, name) for name in SavedQuota.__struct_fields__})
            for quota in snapshot.quotas
        ],
        fleets=list(_fleets(saved)),
        volumes=[
            SavedVolume(
                **saved_place(volume.zone),
                name=volume.name,
                size_gb=volume.size_gb,
                attached_to=list(volume.attached_to),
                multi_attach=volume.multi_attach,
            )
            for volume in snapshot.volumes
        ],
        waiting=list(_waiting(saved)),
        failures=list(_failures(snapshot)),
        settled=[
            SavedDocument(kind=one.kind, name=one.name, demand=one.demand)  # type: ignore[arg-type]
            for one in sorted(saved.settled, key=lambda one: (one.kind, one.name))
        ],
    )
    return _lines(file)


def _zones(snapshot: Snapshot) -> Iterator[SavedZone]:
    used: dict[Zone, Capacity] = {}
    for usage in snapshot.usage:
        used[usage.zone] = used.get(usage.zone, Capacity()) + usage.used
    for info in snapshot.zones:
        capacity = info.capacity
        yield SavedZone(
            **saved_place(info.zone),
            state=info.state,
            reason=info.reason[:256],
            until=info.until,
            capacity=None if capacity is None else _capacity(capacity),
            used=_capacity(used[info.zone]) if capacity is not None and info.zone in used else None,
        )


def _capacity(amount: Capacity) -> SavedCapacity:
    return SavedCapacity(cpus=amount.cpus, memory_gb=amount.memory_gb, gpus=amount.gpus)


def _fleets(saved: Saved) -> Iterator[SavedFleet]:
    members: dict[str, list[ExistingInstance]] = {name: [] for name in saved.fleets}
    for instance in saved.snapshot.instances:
        members.setdefault(instance.fleet, []).append(instance)
    for name in sorted(members):
        yield SavedFleet(name=name, instances=[_instance(one) for one in members[name]])


def _instance(one: ExistingInstance) -> SavedInstance:
    return SavedInstance(
        **saved_place(one.zone),
        **saved_machine(one.instance_type),
        id=one.id,
        node=one.node,
        market=one.market,
        price=one.price,
        busy=one.busy,
        outdated=one.outdated,
        blocks=one.blocks,
        used_blocks=one.used_blocks,
        attached=list(one.attached),
    )


def _failures(snapshot: Snapshot) -> Iterator[SavedFailure]:
    for failure in snapshot.failures:
        scope = failure.scope
        yield SavedFailure(
            kind=failure.kind,
            backend=scope.backend,
            at=failure.at,
            region=scope.region,
            zone=scope.zone,
            instance_type=scope.instance_type,
            market=scope.market,
            resource=scope.resource,
            until=failure.until,
            count=failure.count,
        )


def _waiting(saved: Saved) -> Iterable[SavedWaiting]:
    for one in saved.waiting:
        yield SavedWaiting(
            name=one.name,
            size_gb=one.size_gb,
            backend=one.backend,
            region=one.region or None,
            availability_zone=one.availability_zone,
            binding=one.binding.value,
        )


def _lines(file: SnapshotFile) -> bytes:
    """JSON that is read and compared line by line."""
    fields: dict[str, Any] = msgspec.to_builtins(file)
    fields = {"format": 1, "now": fields.get("now"), **{key: fields[key] for key in fields if key != "now"}}
    lines = []
    for key, value in fields.items():
        name = msgspec.json.encode(key)
        if isinstance(value, list):
            entries = b",\n".join(b"  " + msgspec.json.encode(entry) for entry in value)
            lines.append(b" " + name + b": [\n" + entries + b"\n ]" if value else b" " + name + b": []")
        else:
            lines.append(b" " + name + b": " + msgspec.json.encode(value))
    return b"{\n" + b",\n".join(lines) + b"\n}\n"
