"""Reads a snapshot file into the planner's snapshot, or diagnostics that point into the file."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from itertools import chain

import msgspec

from atoll.engine.snapshots import fault
from atoll.engine.snapshots.fault import BadSnapshot, repeats
from atoll.engine.snapshots.machine import place_of, type_of, zone_of
from atoll.engine.snapshots.offers import catalog_of
from atoll.engine.snapshots.saved import Saved, Settled
from atoll.model.diagnostic import Diagnostic
from atoll.model.failure import Failure, Scope
from atoll.model.offer import UNKNOWN_PRICE
from atoll.model.quota import Quota
from atoll.model.zone import BackendInfo, Capacity, Zone, ZoneInfo
from atoll.planning.request import Binding, VolumeRequest
from atoll.planning.snapshot import ExistingInstance, ExistingVolume, Snapshot, Usage
from atoll.wire import snapshot as wire
from atoll.wire.snapshot import LARGEST_BYTES, SavedCapacity, SavedFleet, SavedOffer, SnapshotFile

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
"""The time of a snapshot without one in which nothing ends."""


def read_snapshot(content: bytes) -> Saved:
    """The saved world of a file's content. Raises BadSnapshot."""
    if len(content) > LARGEST_BYTES:
        help = "write the offers as a table: `atoll export schema --snapshot` has its form"
        message = f"a snapshot may have {LARGEST_BYTES >> 20} MiB"
        raise BadSnapshot([Diagnostic("snapshot-too-large", message, help=help)])
    file = _decode(content)
    found = [*_repeats(file), *_missing(file)]
    if found:
        raise BadSnapshot(found)
    now = file.now or LONG_AGO
    snapshot = Snapshot(
        catalog=catalog_of(file.offers, now),
        zones=tuple(_zones(file)),
        now=now,
        backends=tuple(BackendInfo(**msgspec.structs.asdict(backend)) for backend in file.backends),
        instances=tuple(chain.from_iterable(_instances(fleet, index) for index, fleet in enumerate(file.fleets))),
        volumes=tuple(_volumes(file)),
        usage=tuple(Usage(zone_of(zone), _capacity(zone.used)) for zone in file.zones if zone.used is not None),
        quotas=tuple(Quota(**msgspec.structs.asdict(quota)) for quota in file.quotas),
        failures=tuple(_failures(file)),
        seed=file.seed,
    )
    return Saved(
        snapshot,
        file.project,
        tuple(_waiting(file)),
        tuple(fleet.name for fleet in file.fleets),
        frozenset(Settled(one.kind, one.name, one.demand) for one in file.settled),
    )


def _decode(content: bytes) -> SnapshotFile:
    try:
        if content.lstrip()[:1] == b"[":
            return SnapshotFile(offers=msgspec.json.decode(content, type=list[SavedOffer]))
        return msgspec.json.decode(content, type=SnapshotFile)
    except msgspec.ValidationError as error:
        raise BadSnapshot([fault.of_shape(error, _keys())]) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"the snapshot is not JSON: {str(error).removeprefix('JSON is malformed: ')}"
        raise BadSnapshot([Diagnostic("not-json", message)]) from error


@cache
def _keys() -> tuple[str, ...]:
    parts = (var for var in vars(wire).values() if isinstance(var, type) and issubclass(var, wire.Part))
    return tuple(dict.fromkeys(key for part in parts for key in part.__struct_fields__))


def _repeats(file: SnapshotFile) -> Iterator[Diagnostic]:
    yield from repeats("backends", file.backends, lambda one: one.name, "backend")
    yield from repeats("zones", file.zones, place_of, "zone")
    yield from repeats("quotas", file.quotas, lambda one: (one.backend, one.region, one.market), "region and market")
    yield from repeats("fleets", file.fleets, lambda one: one.name, "fleet")
    yield from repeats("volumes", file.volumes, lambda one: one.name, "volume")
    yield from repeats("waiting", file.waiting, lambda one: one.name, "volume")
    ids: dict[str, str] = {}
    for number, fleet in enumerate(file.fleets):
        for place, instance in enumerate(fleet.instances):
            path = f"fleets[{number}].instances[{place}]"
            if ids.setdefault(instance.id, path) != path:
                yield fault.at(path, f"the same id as `{ids[instance.id]}`")


def _missing(file: SnapshotFile) -> Iterator[Diagnostic]:
    if file.now is None and file.failures:
        yield fault.at("", "`now` is missing: it decides which failures have expired", "add `now`")
    for index, zone in enumerate(file.zones):
        if zone.used is not None and zone.capacity is None:
            yield fault.at(f"zones[{index}].used", "means nothing without `capacity`")


def _zones(file: SnapshotFile) -> Iterator[ZoneInfo]:
    for zone in file.zones:
        capacity = None if zone.capacity is None else _capacity(zone.capacity)
        yield ZoneInfo(zone_of(zone), zone.state, zone.reason, zone.until, capacity)


def _capacity(amount: SavedCapacity) -> Capacity:
    return Capacity(amount.cpus, amount.memory_gb, amount.gpus)


def _instances(fleet: SavedFleet, number: int) -> Iterator[ExistingInstance]:
    for index, one in enumerate(fleet.instances):
        yield ExistingInstance(
            one.id,
            zone_of(one),
            type_of(one, f"fleets[{number}].instances[{index}]"),
            one.market,
            UNKNOWN_PRICE if one.price is None else one.price,
            fleet.name,
            one.node,
            one.busy,
            tuple(one.attached),
            one.outdated,
            one.blocks,
            one.used_blocks,
        )


def _volumes(file: SnapshotFile) -> Iterator[ExistingVolume]:
    known: dict[Zone, Zone] = {zone_of(one): zone_of(one) for one in file.zones}
    for volume in file.volumes:
        zone = zone_of(volume)
        yield ExistingVolume(
            volume.name, known.get(zone, zone), volume.size_gb, tuple(volume.attached_to), volume.multi_attach
        )


def _failures(file: SnapshotFile) -> Iterator[Failure]:
    for failure in file.failures:
        scope = Scope(
            failure.backend, failure.region, failure.zone, failure.instance_type, failure.market, failure.resource
        )
        yield Failure(failure.kind, scope, failure.at, failure.until, failure.count)


def _waiting(file: SnapshotFile) -> Iterator[VolumeRequest]:
    for one in file.waiting:
        yield VolumeRequest(one.name, one.size_gb, one.backend, one.region, one.availability_zone, Binding(one.binding))
