"""Objects of the API as a server of three local zones would answer them."""

from datetime import UTC, datetime, timedelta
from typing import Any

from atoll.model.zone import Capacity, Zone, ZoneState
from atoll.wire.api import (
    ApplyResponse,
    Change,
    ChangeAction,
    EventView,
    FleetView,
    InstanceView,
    JobView,
    PlannedCure,
    PlannedDocument,
    PlannedNode,
    PlannedRefusal,
    PlanResponse,
    PlanView,
    RefusalScope,
    RunView,
    VolumeView,
    ZoneView,
)

NOW = datetime(2026, 11, 24, 12, 0, 0, tzinfo=UTC)
EARLIER = NOW - timedelta(minutes=2)
A, B, C = (Zone("local", "local", f"local-{letter}") for letter in "abc")
EAST_A = Zone("aws", "us-east-1", "us-east-1a", "use1-az4")


def instance(node: int, zone: Zone, **more: Any) -> InstanceView:
    values: dict[str, Any] = {
        "id": f"i-{node}", "name": f"train-{node}", "fleet": "train", "node": node, "status": "idle", "zone": zone,
        "instance_type": "local-2x8", "cpus": 2, "memory_gb": 8, "gpu": "", "market": "on-demand", "price": 0.2016,
        "created_at": EARLIER,
    }  # fmt: skip
    return InstanceView(**(values | more))


def fleet(*instances: InstanceView, **more: Any) -> FleetView:
    values: dict[str, Any] = {
        "id": "f-1", "name": "train", "status": "active", "nodes": len(instances), "strategy": "spread", "skew": 0,
        "price": 0.6048, "created_at": EARLIER, "auto_created": False, "instances": instances,
    }  # fmt: skip
    return FleetView(**(values | more))


def volume(zone: Zone | None = B, **more: Any) -> VolumeView:
    values: dict[str, Any] = {
        "id": "v-1", "name": "data", "status": "available", "size_gb": 100, "backend": "local", "zone": zone,
        "created_at": EARLIER,
    }  # fmt: skip
    return VolumeView(**(values | more))


def run(name: str = "hello", **more: Any) -> RunView:
    values: dict[str, Any] = {
        "id": "r-1", "name": name, "type": "task", "status": "running", "created_at": EARLIER, "price": 0.2,
        "jobs": (job(),),
    }  # fmt: skip
    return RunView(**(values | more))


def finished(name: str = "hello", exit_code: int | None = 0, **more: Any) -> RunView:
    status = "done" if exit_code == 0 else "failed"
    values: dict[str, Any] = {"status": status, "exit_code": exit_code, "finished_at": NOW}
    return run(name, **(values | more))


def job(rank: int = 0, zone: Zone | None = B, **more: Any) -> JobView:
    values: dict[str, Any] = {
        "id": f"j-{rank}", "rank": rank, "submission": 0, "status": "running", "zone": zone, "instance": "train-1",
        "fleet": "train", "instance_type": "local-2x8", "started_at": EARLIER,
    }  # fmt: skip
    return JobView(**(values | more))


def zone_view(zone: Zone, **more: Any) -> ZoneView:
    values: dict[str, Any] = {
        "zone": zone, "state": ZoneState.AVAILABLE, "as_of": NOW, "capacity": Capacity(16, 64), "used": Capacity(2, 8),
        "instances": 1, "volumes": 0, "faults": True,
    }  # fmt: skip
    return ZoneView(**(values | more))


def event(seq: int, kind: str, name: str, to_state: str, **more: Any) -> EventView:
    return EventView(seq, NOW, kind, name, more.pop("from_state", ""), to_state, **more)


def node(number: int, zone: Zone, **more: Any) -> PlannedNode:
    values: dict[str, Any] = {
        "document": "hello", "node": number, "backend": zone.backend, "region": zone.region, "zone": zone.name,
        "zone_id": zone.zone_id, "instance_type": "local-2x8", "cpus": 2, "memory_gb": 8, "gpu": "",
        "market": "on-demand", "price": 0.2016, "source": "new",
    }  # fmt: skip
    return PlannedNode(**(values | more))


def refusal(zone: Zone, code: str, message: str, **more: Any) -> PlannedRefusal:
    return PlannedRefusal(RefusalScope(zone.backend, zone.region, zone.name, zone.zone_id), code, {}, message, **more)


def cure(message: str) -> PlannedCure:
    return PlannedCure("cpu", None, (), 0, message)


def change(kind: str = "run", name: str = "hello", action: ChangeAction = ChangeAction.CREATE, **more: Any) -> Change:
    return Change("task" if kind == "run" else kind, kind, name, action, **more)


def planned(*changes: Change, documents: tuple[PlannedDocument, ...] = (), complete: bool = True) -> PlanResponse:
    return PlanResponse(changes, PlanView(documents, 0, complete))


def accepted(*changes: Change) -> ApplyResponse:
    return ApplyResponse(changes, PlanView((), 0, True), event=7)


def log(*lines: str, stream: str = "stdout") -> bytes:
    """A log file with these lines."""
    return "".join(f"2026-11-24T12:00:00.000000000Z {stream} F {line}\n" for line in lines).encode()
