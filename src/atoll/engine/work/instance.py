"""Instances: launched, watched and ended on their backends."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, assert_never

from atoll.backends.base import (
    AuthFailed,
    BackendError,
    CapacityUnavailable,
    MachineState,
    NotFound,
    NotOffered,
    QuotaExceeded,
)
from atoll.engine.context import Context, machine_of
from atoll.engine.parts.provider_calls import in_time
from atoll.engine.placing import restraint
from atoll.engine.placing.demand import fleet_request, spec_of
from atoll.engine.placing.disruption import limits_of, take_turn
from atoll.engine.placing.launching import launch_request
from atoll.engine.snapshots.closures import out_of_service, zones_for
from atoll.engine.snapshots.world import FAILURE_MEMORY
from atoll.engine.work import observations
from atoll.engine.work.handler import Due, Reconciling
from atoll.engine.work.silence import Silence, health_of, interruption_in
from atoll.model.endpoint import Endpoint
from atoll.model.failure import FailureKind, MachineError, Scope
from atoll.model.limits import TimeLimits
from atoll.model.reasons import BROKEN, EndReason
from atoll.model.records import Fleet, Instance, Kind
from atoll.model.states import InstanceState
from atoll.planning.failures import OF_THE_REQUEST, remember
from atoll.planning.request import Strategy
from atoll.planning.shape import Member, can_spare, missing
from atoll.reconcile.action import EndFailed, InstanceEffect, Launch, Step, Terminate
from atoll.reconcile.instance import UNKNOWN, InstanceSight, decide
from atoll.store.errors import Conflict
from atoll.store.transaction import Transaction
from atoll.store.work import Lease
from atoll.wire.agent import JobPhase

log = logging.getLogger("atoll.engine")

AUTO_IDLE_SECONDS = 300.0
"""How long a machine that a run brought with it stays idle, where the run does not say (dstack's default)."""
LEAST_IDLE = timedelta(seconds=3)
"""How long a machine stays idle at least: the runs that wait for it are planned within that time."""
END_PAUSE = 5.0
"""The longest pause, in seconds, between two looks at a machine that is ending."""
NEIGHBOURS_PAUSE = timedelta(minutes=1)
"""How soon after one that fell silent another one has the agents of their zone called again."""
_REFUSED = (CapacityUnavailable, QuotaExceeded, NotOffered, AuthFailed, *restraint.REFUSED)


class _Observed(NamedTuple):
    """What `InstanceSight` holds of the machine and its agent."""

    machine: str | None = None
    answers: bool | None = None
    endpoint: Endpoint | None = None
    address: str | None = None
    public_address: str | None = None
    error: MachineError | None = None
    reason: str = ""
    interrupted_at: datetime | None = None


class InstanceHandler(Reconciling[Instance, InstanceSight, InstanceEffect]):
    """Works on instances."""

    decide = staticmethod(decide)
    tries_in = InstanceState.LAUNCHING

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._silence = Silence(context)

    async def look(self, id: str) -> tuple[Instance, InstanceSight] | None:
        """The instance, its machine and its agent, as far as its state makes them matter."""
        async with self.context.database.read() as tx:
            instance = await tx.get(Instance, id)
            if instance is None or instance.state is InstanceState.TERMINATED:
                return None
            claimed, idle_limit, blocked = False, None, ""
            if instance.state is InstanceState.ACTIVE:
                claimed, idle_limit = await self._use(tx, instance)
            elif instance.state is InstanceState.PENDING:
                blocked = await _waits_for(tx, instance.fleet_id)
        return await self._seen(instance, claimed=claimed, idle_limit=idle_limit, blocked=blocked)

    async def look_on(self, record: Instance) -> tuple[Instance, InstanceSight] | None:
        """The machine and its agent, which has just answered where the instance became active."""
        if record.state is InstanceState.TERMINATED:
            return None
        if record.state is not InstanceState.ACTIVE:
            return await self._seen(record)
        async with self.context.database.read() as tx:
            claimed, idle_limit = await self._use(tx, record)
        now = self.context.now()
        return record, InstanceSight(
            record, now, answers=True, claimed=claimed, idle_limit=idle_limit, limits=self._limits(record)
        )

    async def effect(self, lease: Lease, sight: InstanceSight, action: InstanceEffect) -> Due | Instance | None:
        """Launch or terminate the machine, or remember why it failed."""
        match action:
            case Launch():
                return await self._launch(lease, sight.instance)
            case EndFailed(error):
                await self._refused(lease, sight.instance, error, InstanceState.TERMINATING)
                return None
            case Terminate(last):
                return await self._terminate(lease, sight, last=last)
            case _:
                assert_never(action)

    async def _terminate(self, lease: Lease, sight: InstanceSight, *, last: bool) -> Due | None:
        if sight.instance.backend_id is not None:
            zone = sight.instance.zone
            await self.call(zone, self.backend(zone).terminate, sight.instance.backend_id, zone)
        if last:
            await self.step(lease, sight.instance, Step(InstanceState.TERMINATED, sight.instance.end_reason))
        if sight.machine is None or last:
            return None
        return Due(min(0.1 * 2 ** min(lease.attempts, 10), END_PAUSE), failed=True)  # it may take minutes to be gone

    async def observe(self, tx: Transaction, record: Instance) -> None:
        """Record the attempt, the launch or the end, and remember an interruption as a failure."""
        await observations.record_step(tx, record)
        if record.state is InstanceState.TERMINATED and record.end_reason == EndReason.INTERRUPTED:
            await _remember_interruption(tx, record)

    async def after(self, tx: Transaction, record: Instance) -> None:
        """Wake the fleet that lost it, and the jobs and attachments on it."""
        if record.end_reason == EndReason.IDLE and record.state is InstanceState.ACTIVE:
            await self._shrink(tx, record)
        if record.end_reason == EndReason.INTERRUPTED and record.state is InstanceState.ACTIVE:
            tx.requested(record, EndReason.INTERRUPTED, record.message)
            await _remember_interruption(tx, record)  # before its successor is planned
        if record.unreachable:
            await _call_neighbours(tx, record)
        ending = record.state in (InstanceState.TERMINATING, InstanceState.TERMINATED)
        if ending and record.end_reason in BROKEN:
            await restraint.count_machine(tx, record)
        if record.end_reason:
            await tx.work.wake(Kind.FLEET, [record.fleet_id], tx.now)
        if record.state not in (InstanceState.ACTIVE, InstanceState.TERMINATED, InstanceState.TERMINATING):
            return
        ties = await tx.attachments.live(instance=record.id)
        await tx.work.wake(Kind.ATTACHMENT, [tie.id for tie in ties], tx.now)
        claims = await tx.runs.claims(record.id)
        siblings = await tx.runs.jobs_of([job.run_id for job in claims])
        await tx.work.wake(Kind.JOB, [job.id for jobs in siblings.values() for job in jobs], tx.now)

    async def _seen(self, instance: Instance, **known: Any) -> tuple[Instance, InstanceSight]:
        known |= {**(await self._observe(instance))._asdict(), "limits": self._limits(instance)}
        sight = InstanceSight(instance, self.context.now(), **known)
        if sight.silent_too_long and await self._silence.is_widespread(instance):
            sight = replace(sight, now=self.context.now(), widespread=True)
        return instance, sight

    def _limits(self, instance: Instance) -> TimeLimits:
        backend = self.context.backends.get(instance.zone.backend)
        return TimeLimits() if backend is None else backend.limits

    async def _observe(self, instance: Instance) -> _Observed:
        """What the backend and the agent say of the machine, as far as it matters."""
        if instance.backend_id is None or instance.state in (InstanceState.PENDING, InstanceState.LAUNCHING):
            gone = instance.state is InstanceState.TERMINATING
            return _Observed("gone" if gone else None)
        if instance.state is InstanceState.ACTIVE:
            health = await health_of(self.backend(instance.zone), instance)
            if health is not None and health.jobs_exited:
                await self._forget_ended(instance)
            if health is not None:
                answers = not instance.unreachable or await self._end_given_up(instance)
                return _Observed(answers=answers, interrupted_at=interruption_in(health))
        try:
            machine = await self.call(
                instance.zone, self.backend(instance.zone).describe, instance.backend_id, instance.zone
            )
        except NotFound:
            return _Observed(UNKNOWN)
        except BackendError:
            # Neither answers, as in a zone that is dark: that the agent is silent is to be seen first.
            if instance.state is not InstanceState.ACTIVE or instance.unreachable:
                raise
            return _Observed(answers=False)
        answers = False
        if machine.state is MachineState.READY and instance.state is not InstanceState.TERMINATING:
            seen = replace(instance, endpoint=machine.endpoint)
            answers = await health_of(self.backend(instance.zone), seen) is not None
        where = (machine.endpoint, machine.address, machine.public_address)
        return _Observed(machine.state.value, answers, *where, machine.error, machine.reason)

    async def _forget_ended(self, instance: Instance) -> None:
        """Let the agent remove the files of jobs whose end is recorded: a server may have died between the two."""
        agent = self.backend(instance.zone).agent(machine_of(instance))
        try:
            exited = [state.id for state in await in_time(agent.jobs()) if state.phase is JobPhase.EXITED]
            async with self.context.database.read() as tx:  # afterwards: a job that is new there is known here by then
                claims = {job.id for job in await tx.runs.claims(instance.id)}
            for job in exited:
                if job not in claims:
                    await in_time(agent.forget(job))
        except BackendError:
            return  # the next look does the rest

    async def _end_given_up(self, instance: Instance) -> bool:
        """End what an instance that answers again still runs of jobs that were given up; whether that succeeded.

        It counts as silent until then, so that nothing new starts beside an old copy.
        """
        agent = self.backend(instance.zone).agent(machine_of(instance))
        async with self.context.database.read() as tx:
            claims = {job.id for job in await tx.runs.claims(instance.id)}
        try:
            for state in await in_time(agent.jobs()):
                if state.id not in claims and state.phase is not JobPhase.EXITED:
                    log.warning("instance=%s job=%s ended: given up while it was silent", instance.name, state.id)
                    await in_time(agent.stop(state.id, 0))
        except BackendError:
            return False
        return True

    async def _launch(self, lease: Lease, instance: Instance) -> Instance | None:
        async with self.context.database.read() as tx:
            fleet = await tx.get(Fleet, instance.fleet_id)
        request = launch_request(fleet, instance, self.context.owner)
        first = self.first_try(lease)
        await self.context.calls.room(instance.zone.backend)
        try:
            machine = await self.call(instance.zone, self.backend(instance.zone).launch, request)
        except _REFUSED as error:
            if isinstance(error, AuthFailed) and not first:
                raise  # a former try may have made a machine: only valid credentials can find out
            refusal = MachineError(error.kind, error.message, error.scope)
            await self._refused(lease, instance, refusal, InstanceState.TERMINATED)
            return None
        changes: dict[str, Any] = {"backend_id": machine.id, "endpoint": machine.endpoint, "message": ""}
        changes |= {"address": machine.address, "public_address": machine.public_address}
        async with self.context.database.write(lease) as tx:
            changes["unreachable_since"] = tx.now
            launched = await tx.step(instance, InstanceState.STARTING, **changes)
            await self.after(tx, launched)
        return launched

    async def _refused(self, lease: Lease, instance: Instance, error: MachineError, state: InstanceState) -> None:
        """Remember the provider's refusal, which came with the launch or after it, and step on to `state`."""
        scope = error.scope or _offer_scope(instance)
        async with self.context.database.write(lease) as tx:
            former = await tx.failures.recent(tx.now - FAILURE_MEMORY)
            if error.kind in OF_THE_REQUEST:
                await restraint.hold(tx, instance, error.message, self.context.config_digests)
            else:
                await tx.failures.remember(remember(former, error.kind, scope, tx.now, error.message))
            reason = error.kind.value
            changes: dict[str, Any] = {"end_reason": instance.end_reason or reason, "message": error.message}
            await observations.record_refusal(tx, instance, reason)
            await self.after(tx, await tx.step(instance, state, reason=reason, **changes))

    async def _use(self, tx: Transaction, instance: Instance) -> tuple[bool, timedelta | None]:
        """Whether a job holds the instance, and how long it may be idle where none does.

        A node of a fleet stays while its zone is out of service: it may not come back soon; and while a disruption
        budget keeps it.
        """
        if await tx.runs.claims(instance.id):
            return True, None
        limit = await _idle_limit(tx, instance)
        if limit is None:
            return False, None
        fleet = await tx.get(Fleet, instance.fleet_id)
        if fleet is not None and not fleet.auto_created:
            zones = await zones_for(tx, self.context.worlds.known().zones, instance.project)
            if instance.zone in out_of_service(zones) or not await self._may_go(tx, fleet, instance):
                return False, None
        return False, max(limit, LEAST_IDLE)

    async def _may_go(self, tx: Transaction, fleet: Fleet, instance: Instance) -> bool:
        """Whether the budgets let an idle node end now."""
        if self.context.disruption is None and spec_of(fleet).disruption is None:
            return True
        limits = await limits_of(tx, self.context.disruption, fleet, instance.id)
        return limits.allows(Member(instance.id, instance.zone, instance.node), tx.now)

    async def _shrink(self, tx: Transaction, instance: Instance) -> None:
        """An idle node of a fleet ends: the fleet's size follows, and its other idle nodes are looked at again."""
        fleet = await tx.get(Fleet, instance.fleet_id)
        if fleet is None or fleet.auto_created:
            return
        spec = spec_of(fleet)
        if self.context.disruption or spec.disruption:
            await take_turn(tx)
        if not await self._may_go(tx, fleet, instance):
            raise Conflict(f"another node was taken away at the same time as {instance.name}")
        placement = fleet_request(fleet.name, spec, fleet.nodes).placement
        fitting = (await tx.fleets.census(fleet.id)).fitting
        if missing(await _needed(tx, fleet), placement, fitting):
            raise Conflict(f"another node of {fleet.name} went idle at the same time")
        if missing(fleet.nodes, placement, fitting):
            await tx.update(fleet, nodes=max(fleet.nodes - 1, spec.nodes.min))
        if placement.strategy is Strategy.SPREAD:
            # What this one's end makes even may let another one go.
            others = [each.id for each in await tx.fleets.instances(fleet) if each.idle_since is not None]
            await tx.work.wake(Kind.INSTANCE, others, tx.now)


async def _call_neighbours(tx: Transaction, silent: Instance) -> None:
    """Have the other agents of a zone called in which an instance falls silent: the whole zone may be cut off.

    An idle instance is called rarely, and would get the jobs of the silent one. Of those that fall silent together only
    the first has the others called.
    """
    others = [each for each in await tx.fleets.in_zone(silent.zone, None) if each.id != silent.id]
    lately = tx.now - NEIGHBOURS_PAUSE
    if not any(each.unreachable_since is not None and each.unreachable_since > lately for each in others):
        active = [each.id for each in others if each.state is InstanceState.ACTIVE]
        await tx.work.wake(Kind.INSTANCE, active, tx.now)


async def _remember_interruption(tx: Transaction, instance: Instance) -> None:
    """Leave the interrupted offer out for a time."""
    earlier = await tx.failures.recent(tx.now - FAILURE_MEMORY)
    scope = _offer_scope(instance)
    await tx.failures.remember(remember(earlier, FailureKind.INTERRUPTED, scope, tx.now, instance.message))


def _offer_scope(instance: Instance) -> Scope:
    zone = instance.zone
    return Scope(zone.backend, zone.region, zone.name, instance.instance_type.name, instance.market)


async def _waits_for(tx: Transaction, fleet_id: str) -> str:
    """What a fleet's new nodes wait for while the nodes whose place they take are there: the first of these."""
    ending = await tx.fleets.ending(fleet_id, EndReason.REPLACED)
    runs = {job.instance_id: job.run for job in await tx.runs.claims()} if ending else {}
    for instance in sorted(ending, key=lambda each: (each.id not in runs, each.node)):
        run = runs.get(instance.id)
        return f"waits until run `{run}` on `{instance.name}` ends" if run else f"waits until `{instance.name}` ends"
    return ""


async def _idle_limit(tx: Transaction, instance: Instance) -> timedelta | None:
    fleet = await tx.get(Fleet, instance.fleet_id)
    if fleet is None:
        return timedelta(0)
    if fleet.auto_created:
        seconds = fleet.config.get("idle_duration", AUTO_IDLE_SECONDS)
        return timedelta(seconds=seconds) if isinstance(seconds, int | float) else None
    spec = spec_of(fleet)
    if spec.idle_duration is None:
        return None
    placement = fleet_request(fleet.name, spec, fleet.nodes).placement
    fitting = (await tx.fleets.census(fleet.id)).fitting
    if not can_spare(await _needed(tx, fleet), placement, fitting, instance.zone):
        return None
    return timedelta(seconds=spec.idle_duration)


async def _needed(tx: Transaction, fleet: Fleet) -> int:
    """How many nodes of a fleet have to remain, after the loss of as many zones as its placement survives.

    Those that runs use are as many as that; only where spares are kept for them are they counted.
    """
    spec = spec_of(fleet)
    least: int = spec.nodes.min
    if not fleet_request(fleet.name, spec, fleet.nodes).placement.survive_zones:
        return least
    used = {job.instance_id for job in await tx.runs.claims()}
    return max(least, sum(instance.id in used for instance in await tx.fleets.instances(fleet)))
