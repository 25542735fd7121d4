"""Backends and handlers with metrics: wrapped around the interface, so that none of them depends on metrics."""

import time
from collections.abc import Awaitable, Callable
from typing import ParamSpec, TypeVar

from atoll.backends.agent_client import AgentClient
from atoll.backends.base import (
    AttachedDisk,
    Backend,
    BackendError,
    Disk,
    DiskRequest,
    DiskSnapshot,
    DiskSnapshots,
    Faults,
    LaunchRequest,
    Listing,
    Machine,
    Tags,
    Volumes,
)
from atoll.engine.parts.log_context import work_id
from atoll.engine.parts.metrics import Metrics
from atoll.engine.work.handler import Due, Handler
from atoll.model.limits import TimeLimits
from atoll.model.zone import BackendInfo, Zone
from atoll.store.work import Lease, LeaseLost

P = ParamSpec("P")
T = TypeVar("T")


class CallMetrics:
    """Counts and times the calls to one backend."""

    def __init__(self, backend: str, metrics: Metrics) -> None:
        self._backend = backend
        self._metrics = metrics

    async def count(
        self, operation: str, zone: Zone | None, call: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Make a call and count it under `operation` and its zone. Raises what the call raises."""
        outcome, began = "cancelled", time.perf_counter()
        try:
            answer = await call(*args, **kwargs)
            outcome = "ok"
        except BackendError as error:
            outcome = error.kind.value
            raise
        except Exception:
            outcome = "fault"
            raise
        finally:
            self._metrics.call_seconds.labels(self._backend, operation).observe(time.perf_counter() - began)
            self._metrics.call(self._backend, operation, "" if zone is None else str(zone), outcome).inc()
        return answer


class ObservedBackend:
    """A backend whose calls are counted under `name`; its abilities are those of the inner one."""

    def __init__(self, name: str, inner: Backend, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = CallMetrics(name, metrics)
        self.volumes = None if inner.volumes is None else ObservedVolumes(inner.volumes, self._metrics)
        self.snapshots = None if inner.snapshots is None else ObservedSnapshots(inner.snapshots, self._metrics)
        self.checks = inner.checks
        self.faults = None if inner.faults is None else ObservedFaults(inner.faults, self._metrics)

    @property
    def info(self) -> BackendInfo:
        """As `Backend.info`."""
        return self._inner.info

    @property
    def limits(self) -> TimeLimits:
        """As `Backend.limits`."""
        return self._inner.limits

    async def listing(self) -> Listing:
        """As `Backend.listing`."""
        return await self._metrics.count("listing", None, self._inner.listing)

    async def launch(self, request: LaunchRequest) -> Machine:
        """As `Backend.launch`."""
        return await self._metrics.count("launch", request.zone, self._inner.launch, request)

    async def describe(self, machine: str, zone: Zone) -> Machine:
        """As `Backend.describe`."""
        return await self._metrics.count("describe", zone, self._inner.describe, machine, zone)

    async def find(self, owner: str) -> tuple[Machine, ...]:
        """As `Backend.find`."""
        return await self._metrics.count("find", None, self._inner.find, owner)

    async def terminate(self, machine: str, zone: Zone) -> None:
        """As `Backend.terminate`."""
        await self._metrics.count("terminate", zone, self._inner.terminate, machine, zone)

    def agent(self, machine: Machine) -> AgentClient:
        """As `Backend.agent`."""
        return self._inner.agent(machine)

    async def close(self) -> None:
        """As `Backend.close`."""
        await self._inner.close()


class ObservedVolumes:
    """A backend's volumes whose calls are counted."""

    def __init__(self, inner: Volumes, metrics: CallMetrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def create(self, request: DiskRequest) -> Disk:
        """As `Volumes.create`."""
        return await self._metrics.count("create_volume", request.zone, self._inner.create, request)

    async def describe(self, disk: str, zone: Zone) -> Disk:
        """As `Volumes.describe`."""
        return await self._metrics.count("describe_volume", zone, self._inner.describe, disk, zone)

    async def look_up(self, disk: str, region: str | None) -> Disk:
        """As `Volumes.look_up`."""
        return await self._metrics.count("look_up_volume", None, self._inner.look_up, disk, region)

    async def find(self, owner: str) -> tuple[Disk, ...]:
        """As `Volumes.find`."""
        return await self._metrics.count("find_volumes", None, self._inner.find, owner)

    async def delete(self, disk: str, zone: Zone) -> None:
        """As `Volumes.delete`."""
        await self._metrics.count("delete_volume", zone, self._inner.delete, disk, zone)

    async def attach(self, disk: str, machine: str, zone: Zone) -> AttachedDisk:
        """As `Volumes.attach`."""
        return await self._metrics.count("attach", zone, self._inner.attach, disk, machine, zone)

    async def detach(self, disk: str, machine: str, zone: Zone) -> None:
        """As `Volumes.detach`."""
        await self._metrics.count("detach", zone, self._inner.detach, disk, machine, zone)


class ObservedSnapshots:
    """A backend's snapshots of disks, whose calls are counted."""

    def __init__(self, inner: DiskSnapshots, metrics: CallMetrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def create(self, disk: str, zone: Zone, tags: Tags) -> DiskSnapshot:
        """As `DiskSnapshots.create`."""
        return await self._metrics.count("create_snapshot", zone, self._inner.create, disk, zone, tags)

    async def describe(self, snapshot: str, zone: Zone) -> DiskSnapshot:
        """As `DiskSnapshots.describe`."""
        return await self._metrics.count("describe_snapshot", zone, self._inner.describe, snapshot, zone)

    async def find(self, owner: str) -> tuple[DiskSnapshot, ...]:
        """As `DiskSnapshots.find`."""
        return await self._metrics.count("find_snapshots", None, self._inner.find, owner)

    async def delete(self, snapshot: str, zone: Zone) -> None:
        """As `DiskSnapshots.delete`."""
        await self._metrics.count("delete_snapshot", zone, self._inner.delete, snapshot, zone)


class ObservedFaults:
    """A backend's simulated outages, counted."""

    def __init__(self, inner: Faults, metrics: CallMetrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def fail(self, zone: Zone) -> None:
        """As `Faults.fail`."""
        await self._metrics.count("fail_zone", zone, self._inner.fail, zone)

    async def restore(self, zone: Zone) -> None:
        """As `Faults.restore`."""
        await self._metrics.count("restore_zone", zone, self._inner.restore, zone)


class ObservedHandler:
    """A handler whose turns are counted and timed, and whose log lines name the work item."""

    def __init__(self, inner: Handler, metrics: Metrics) -> None:
        self._inner = inner
        self._metrics = metrics

    async def work(self, lease: Lease) -> Due:
        """The inner handler's turn. Raises LeaseLost, BackendError."""
        work_id.set(f"{lease.kind}/{lease.id}#{lease.fence}")
        outcome, began = "failed", time.perf_counter()
        try:
            due = await self._inner.work(lease)
            outcome = "failed" if due.failed else "ok"
        except LeaseLost:
            outcome = "lost"
            self._metrics.leases_lost.labels(lease.kind).inc()
            raise
        finally:
            self._metrics.turn(lease.kind, outcome).observe(time.perf_counter() - began)
        return due
