"""The base of all handlers: the loop of look, decide, act, and the handling of backends' errors."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import ClassVar, Generic, ParamSpec, Protocol, TypeVar

from atoll.backends.base import Backend, BackendError, InvalidRequest, Unavailable, Volumes
from atoll.engine.context import Context
from atoll.model.records import Record
from atoll.model.waits import bounded
from atoll.model.zone import Zone
from atoll.reconcile.action import Finished, Mark, Step, Wait
from atoll.store.transaction import Transaction
from atoll.store.work import Lease

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R", bound=Record)
S = TypeVar("S")
E = TypeVar("E")


@dataclass(frozen=True, slots=True)
class Due:
    """When to look again: after `seconds`, or None: only when woken. `failed` counts as an attempt that failed."""

    seconds: float | None
    failed: bool = False


class Handler(Protocol):
    """Processes one leased item until nothing is due."""

    async def work(self, lease: Lease) -> Due:
        """Do what is due. Raises LeaseLost, BackendError."""
        ...


class Reconciling(ABC, Generic[R, S, E]):
    """The loop: look, decide, act, again, until the decision is to wait.

    A handler loads the state (`look`), calls its reconciler (`decide`), and carries out its own effects
    (`effect`), which are of the types `E`; steps, marks and waits are the same for all.
    """

    tries_in: ClassVar[str] = ""
    """The state that records the intent of the effect that makes something."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self._untried: dict[str, int] = {}

    async def work(self, lease: Lease) -> Due:
        """Do what is due. Raises LeaseLost, BackendError."""
        seen = await self.look(lease.id)
        while seen is not None:
            record, sight = seen
            action = self.decide(sight)
            result: Due | R | None = None
            match action:
                case Wait(seconds):
                    return Due(bounded(lease.kind, record.state, seconds))
                case Finished():
                    return Due(None)
                case Step():
                    result = await self.step(lease, record, action)
                case Mark(changes):
                    async with self.context.database.write(lease) as tx:
                        await self.after(tx, await tx.update(record, **changes))
                case _:
                    result = await self._effect(lease, record, sight, action)
            if isinstance(result, Due):
                return result
            seen = await (self.look(lease.id) if result is None else self.look_on(result))
        return Due(None)

    async def _effect(self, lease: Lease, record: R, sight: S, action: E) -> Due | R | None:
        """Carry out an effect; what a backend said against it stands with the record until it succeeds."""
        try:
            return await self.effect(lease, sight, action)
        except BackendError as error:
            if record.message != error.message:
                async with self.context.database.write(lease) as tx:
                    await tx.update(record, message=error.message)
            raise

    async def step(self, lease: Lease, record: R, action: Step) -> R:
        """Record a change of state, and wake whom it concerns; the record as it is then."""
        async with self.context.database.write(lease) as tx:
            stepped = await tx.step(record, action.state, reason=action.reason, **action.changes)
            await self.observe(tx, stepped)
            await self.after(tx, stepped)
        if action.state == self.tries_in:
            self._untried[record.id] = lease.fence
        return stepped

    def first_try(self, lease: Lease) -> bool:
        """Whether no server, not even a dead one, can have tried this record's effect before. To be called once."""
        return self._untried.pop(lease.id, None) == lease.fence

    @abstractmethod
    async def look(self, id: str) -> tuple[R, S] | None:
        """The record and all that its reconciler needs to see; None when there is no such record."""

    async def look_on(self, record: R) -> tuple[R, S] | None:
        """The same after a step of this turn that made the record as it is: what is known need not be read again.

        A concurrent change of the record wakes its item, which is then due at this turn's end.
        """
        return await self.look(record.id)

    @abstractmethod
    def decide(self, sight: S) -> Step | Mark | Wait | Finished | E:
        """The reconciler of this kind."""

    @abstractmethod
    async def effect(self, lease: Lease, sight: S, action: E) -> Due | R | None:
        """Carry out an effect; the record that it stepped on, or None, to go on at once."""

    async def after(self, tx: Transaction, record: R) -> None:
        """Wake whom a change of this record concerns."""

    async def observe(self, tx: Transaction, record: R) -> None:
        """Record what is learned from the step to the record's state."""

    async def call(self, zone: Zone, method: Callable[P, Awaitable[T]], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a method of the zone's backend, by way of its circuit. Raises BackendError."""
        return await self.context.calls.make(zone.backend, zone, method, *args, **kwargs)

    def backend(self, zone: Zone) -> Backend:
        """The backend of a zone. Raises Unavailable when it is not configured (any more)."""
        backend = self.context.backends.get(zone.backend)
        if backend is None:
            raise Unavailable(f"backend `{zone.backend}` is not configured on this server")
        return backend

    def volumes(self, zone: Zone) -> Volumes:
        """The volumes of a zone's backend. Raises InvalidRequest when it has none, Unavailable as `backend`."""
        volumes = self.backend(zone).volumes
        if volumes is None:
            raise InvalidRequest(f"backend `{zone.backend}` has no volumes")
        return volumes


def reason_of(error: BackendError) -> str:
    """The stable word for an error in states and events."""
    return error.kind.value
