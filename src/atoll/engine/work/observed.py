"""Backends and handlers with metrics: wrapped around the interface, so that none of them depends on metrics."""

import time
from collections.abc import Awaitable, Callable
from typing import Any, cast

from atoll.backends.base import Backend, BackendError, VolumeBackend, ZoneFaults
from atoll.engine.parts.log_context import work_id
from atoll.engine.parts.metrics import Figures
from atoll.engine.work.handler import Due, Handler
from atoll.model.zone import Zone
from atoll.store.work import Lease, LeaseLost

_CALLS = {
    Backend: ("listing", "launch", "describe", "find", "terminate"),
    VolumeBackend: ("create_volume", "describe_volume", "find_volumes", "delete_volume", "attach", "detach"),
    ZoneFaults: ("fail_zone", "restore_zone"),
}
"""The operations that go to the provider, by the protocol that they are of."""


class _Observed:
    """Everything but the counted calls is the inner backend's own."""

    def __init__(self, inner: Backend) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def observed(name: str, inner: Backend, figures: Figures) -> Backend:
    """The same backend, whose calls are counted under `name`. It has the abilities of the inner one and no others."""
    abilities: object = inner
    operations = list(_CALLS[Backend])
    for protocol in (VolumeBackend, ZoneFaults):
        if isinstance(abilities, protocol):
            operations += _CALLS[protocol]
    methods = {operation: _counted(name, operation, figures) for operation in operations}
    # A class for each combination of abilities: `isinstance` with a protocol looks at what the class has.
    return cast(Backend, type("Observed", (_Observed,), methods)(inner))


def _counted(backend: str, operation: str, figures: Figures) -> Callable[..., Awaitable[Any]]:
    seconds = figures.call_seconds.labels(backend, operation)

    async def call(self: _Observed, *arguments: Any, **named: Any) -> Any:
        zone = _zone_of((*arguments, *named.values()))
        outcome, began = "cancelled", time.perf_counter()
        try:
            answer = await getattr(self._inner, operation)(*arguments, **named)
            outcome = "ok"
        except BackendError as error:
            outcome = error.kind.value
            raise
        except Exception:
            outcome = "fault"
            raise
        finally:
            seconds.observe(time.perf_counter() - began)
            figures.call(backend, operation, zone, outcome).inc()
        return answer

    return call


def _zone_of(arguments: tuple[Any, ...]) -> str:
    """The zone that a call is about, empty for none."""
    for argument in arguments:
        zone = argument if isinstance(argument, Zone) else getattr(argument, "zone", None)
        if isinstance(zone, Zone):
            return str(zone)
    return ""


class ObservedHandler:
    """A handler whose turns are counted and timed, and whose log lines name the work item."""

    def __init__(self, inner: Handler, figures: Figures) -> None:
        self._inner = inner
        self._figures = figures

    async def work(self, lease: Lease) -> Due:
        """The inner handler's turn. Raises LeaseLost, BackendError."""
        work_id.set(f"{lease.kind}/{lease.id}#{lease.fence}")
        outcome, began = "failed", time.perf_counter()
        try:
            due = await self._inner.work(lease)
            outcome = "failed" if due.failed else "ok"
        except LeaseLost:
            outcome = "lost"
            self._figures.leases_lost.labels(lease.kind).inc()
            raise
        finally:
            self._figures.turn(lease.kind, outcome).observe(time.perf_counter() - began)
        return due
