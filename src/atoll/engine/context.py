"""The context shared by all parts of the engine."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from atoll.backends.base import Backend, Machine, MachineState
from atoll.backends.own_hosts import OwnHosts
from atoll.configuration.types.disruption import Disruption
from atoll.engine.parts.archive_storage import Archives
from atoll.engine.parts.due_timer import DueTimer
from atoll.engine.parts.log_storage import Logs
from atoll.engine.parts.metrics import Metrics
from atoll.engine.parts.notifier import Notifier
from atoll.engine.parts.planner import Planner
from atoll.engine.parts.provider_calls import Calls
from atoll.engine.parts.vault import Vault
from atoll.engine.snapshots.world import Worlds
from atoll.model.records import Instance
from atoll.model.retention import Retention
from atoll.store.transaction import Transaction
from atoll.store.work import Lease


class Transactions(Protocol):
    """What all work with of a database."""

    def read(self) -> AbstractAsyncContextManager[Transaction]:
        """A consistent view that writes nothing."""
        ...

    def look(self) -> AbstractAsyncContextManager[Transaction]:
        """Single statements that need not see the same state; the cheapest way to read one list."""
        ...

    def write(self, lease: Lease | None = None) -> AbstractAsyncContextManager[Transaction]:
        """A writing transaction, fenced by `lease` when given. Raises LeaseLost, Conflict."""
        ...


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one engine. `owner` is this installation's id, on every resource; `new_id` makes unique ids.

    `config_digests` shows whether a backend's configuration has changed; `disruption` is the server's budget.
    """

    database: Transactions
    backends: Mapping[str, Backend]
    calls: Calls
    worlds: Worlds
    logs: Logs
    archives: Archives
    news: Notifier
    alarm: DueTimer
    now: Callable[[], datetime]
    new_id: Callable[[], str]
    owner: str
    vault: Vault
    metrics: Metrics
    planner: Planner
    config_digests: Mapping[str, str] = field(default_factory=dict)
    own_hosts: OwnHosts | None = None
    retention: Retention = Retention()
    disruption: Disruption | None = None


def machine_of(instance: Instance) -> Machine:
    """The machine of an active instance, from its record."""
    return Machine(
        instance.backend_id or "",
        instance.id,
        instance.zone,
        instance.instance_type.name,
        instance.market,
        MachineState.READY,
        instance.endpoint,
        address=instance.address,
        public_address=instance.public_address,
    )
