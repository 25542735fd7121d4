"""The engine: everything that the server's routes call, and the worker."""

import asyncio
import json
import logging
import secrets
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path
from typing import Any

from atoll.backends.base import Backend, BackendError, Faults
from atoll.backends.registry import open_backend
from atoll.backends.ssh import SshBackend
from atoll.configuration.types.disruption import Disruption
from atoll.engine.context import Context
from atoll.engine.following.logs import LogFollowing
from atoll.engine.parts.archive_storage import open_archives
from atoll.engine.parts.background import BackgroundDatabase
from atoll.engine.parts.computing import Computing
from atoll.engine.parts.disruption_config import disruption_of
from atoll.engine.parts.due_timer import DueTimer
from atoll.engine.parts.installation import emptied_at, forget_emptied, owner_of
from atoll.engine.parts.kept_listings import KeptListings
from atoll.engine.parts.log_storage import Logs, open_logs
from atoll.engine.parts.metrics import Metrics
from atoll.engine.parts.notifier import Notifier
from atoll.engine.parts.planner import Planner
from atoll.engine.parts.provider_calls import Calls
from atoll.engine.parts.refusal import Refused
from atoll.engine.parts.retention_config import retention_of
from atoll.engine.parts.vault import Vault
from atoll.engine.placing.batching import Placer, wake_waiting
from atoll.engine.placing.hosts import SSH
from atoll.engine.placing.restraint import forget_changed, release_changed
from atoll.engine.queries.accounts import AccountQueries
from atoll.engine.queries.configurations import ConfigurationQueries
from atoll.engine.queries.events import EventQueries
from atoll.engine.queries.fleets import FleetQueries
from atoll.engine.queries.runs import RunQueries
from atoll.engine.queries.status import StatusQueries
from atoll.engine.queries.volumes import VolumeQueries
from atoll.engine.queries.zones import ZoneQueries
from atoll.engine.requests import rebalancing, removal, retry
from atoll.engine.requests.hosts import declared_hosts
from atoll.engine.requests.offers import find_offers
from atoll.engine.requests.planned import Planned
from atoll.engine.requests.shown import ANY, Shown
from atoll.engine.requests.streams import open_port
from atoll.engine.requests.submission import apply_submission, plan_submission, replay_submission, save_submission
from atoll.engine.requests.why import explain_place
from atoll.engine.snapshots.world import Worlds, zone_scope
from atoll.engine.work.attachment import AttachmentHandler
from atoll.engine.work.closure import ClosureHandler
from atoll.engine.work.fleet import FleetHandler
from atoll.engine.work.handler import Handler
from atoll.engine.work.instance import InstanceHandler
from atoll.engine.work.job import JobHandler
from atoll.engine.work.key_rotation import reseal_in_background
from atoll.engine.work.observed import ObservedBackend, ObservedHandler
from atoll.engine.work.retention import ITEM, RetentionHandler
from atoll.engine.work.run import RunHandler
from atoll.engine.work.sweep import Resource, SweepHandler, end, look_over
from atoll.engine.work.volume import VolumeHandler
from atoll.engine.work.worker import Worker, ended
from atoll.model.error_codes import ErrorCode
from atoll.model.failure import FailureKind, Scope
from atoll.model.market import StalePart
from atoll.model.records import EventKind, Fleet, Kind, Run, Volume
from atoll.model.retention import Retention
from atoll.model.zone import Zone
from atoll.planning.offers import OfferSearch
from atoll.store.database import Database, open_database, sqlite_url
from atoll.store.errors import Conflict
from atoll.tunnels.stream import Stream
from atoll.wire.api import OfferQuery, Submission

log = logging.getLogger("atoll.engine")
STOP_SECONDS = 5.0
"""How long work under way may go on when the engine closes; the rest is taken up by its lease's end."""


def utc_now() -> datetime:
    """The time."""
    return datetime.now(UTC)


def random_id() -> str:
    """An id that fits into every provider's names and tags."""
    return secrets.token_hex(8)


def config_digest(entry: Mapping[str, Any]) -> str:
    """A digest that distinguishes a backend's configurations."""
    return blake2b(json.dumps(entry, sort_keys=True, default=str).encode(), digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Options:
    """What an engine takes from outside. `now` is its clock, and `new_id` makes ids that are unique.

    `secret_key` seals secrets instead of the keys in the data folder: one key, or the newest and the older ones with
    commas between. `digests` identify the configurations of the backends. `retention` says
    how long history is kept, `disruption` what may be taken away of all fleets together.
    """

    now: Callable[[], datetime] = utc_now
    new_id: Callable[[], str] = random_id
    secret_key: str | None = None
    digests: Mapping[str, str] = field(default_factory=dict)
    retention: Retention = Retention()
    disruption: Disruption | None = None


class Engine:
    """One engine over one database; several may share it."""

    def __init__(self, context: Context, database: Database) -> None:
        self.context = context
        self.database = database
        self.backends: Mapping[str, Backend] = context.backends
        self.logs: Logs = context.logs
        self.news: Notifier = context.news
        self.home: Path | None = None
        self.accounts = AccountQueries(context)
        self.configurations = ConfigurationQueries(context)
        self.events = EventQueries(context)
        self.fleets = FleetQueries(context)
        self.runs = RunQueries(context)
        self.status = StatusQueries(context)
        self.volumes = VolumeQueries(context)
        self.zones = ZoneQueries(context)
        behind = replace(context, database=BackgroundDatabase(database))
        placer = Placer(behind)
        self._following = LogFollowing(behind)
        handlers: dict[Kind, Handler] = {
            Kind.FLEET: FleetHandler(behind, placer),
            Kind.INSTANCE: InstanceHandler(behind),
            Kind.VOLUME: VolumeHandler(behind, placer),
            Kind.ATTACHMENT: AttachmentHandler(behind),
            Kind.RUN: RunHandler(behind, placer),
            Kind.JOB: JobHandler(behind, self._following),
            Kind.CLOSURE: ClosureHandler(behind),
            Kind.BACKEND: SweepHandler(behind),
            Kind.RETENTION: RetentionHandler(behind),
        }
        metrics = context.metrics
        self._worker = Worker(context, {kind: ObservedHandler(inner, metrics) for kind, inner in handlers.items()})
        self._waking: set[asyncio.Task[None]] = set()
        context.worlds.on_recovery = self._recovered
        self._running: asyncio.Task[None] | None = None
        self._resealing: asyncio.Task[None] | None = None
        self._warming: asyncio.Task[None] | None = None

    @classmethod
    async def open(
        cls,
        home: Path,
        *,
        database_url: str | None = None,
        config: Mapping[str, Any] | None = None,
        now: Callable[[], datetime] = utc_now,
        secret_key: str | None = None,
    ) -> "Engine":
        """Open the database and the configured backends (the local one, where nothing is configured).

        `secret_key` is what secrets are sealed with, in place of the keys in `home`: one key, or the newest and the
        older ones with commas between.
        Raises DatabaseError, and ValueError for a wrong configuration.
        """
        entries = (config or {}).get("backends") or [{"type": "local"}]
        retention, disruption = retention_of(config or {}), disruption_of(config or {})
        backends = {
            entry["type"]: open_backend(
                entry["type"],
                {key: value for key, value in entry.items() if key != "type"},
                home / "backends" / entry["type"],
                server=home,
            )
            for entry in entries
        }
        if SSH not in backends:  # fleets declare the hosts, so that there is nothing to configure
            backends[SSH] = open_backend(SSH, {}, home / "backends" / SSH)
        database = await open_database(database_url or sqlite_url(home / "atoll.db"), now)
        digests = {entry["type"]: config_digest(entry) for entry in entries}
        options = Options(now, secret_key=secret_key, digests=digests, retention=retention, disruption=disruption)
        engine = await cls.over(database, backends, home, options)
        engine.context.planner.computing = Computing(engine.context.metrics)
        return engine

    @classmethod
    async def over(
        cls,
        database: Database,
        backends: Mapping[str, Backend],
        home: Path,
        options: Options = Options(),
    ) -> "Engine":
        """An engine over parts that are open already. Raises ValueError for a malformed key."""
        now, new_id = options.now, options.new_id
        news, alarm = Notifier(), DueTimer()
        database.on_commit, database.on_due = news.notify, alarm.set
        owner = await owner_of(database, home, new_id)
        metrics, vault = Metrics(), Vault(home / "secret.key", options.secret_key)
        own_hosts = backends.get(SSH)
        if isinstance(own_hosts, SshBackend):
            own_hosts.use(lambda: declared_hosts(database), owner)
        backends = {name: ObservedBackend(name, backend, metrics) for name, backend in backends.items()}
        worlds, logs, archives, calls = (
            Worlds(backends, now, KeptListings(home / "listings", options.digests)),
            open_logs(database, home / "logs"),
            open_archives(database, home / "archives"),
            Calls(now),
        )
        context = Context(
            *(database, backends, calls, worlds, logs, archives, news, alarm),
            *(now, new_id, owner, vault, metrics, Planner()),
            config_digests=options.digests,
            retention=options.retention,
            disruption=options.disruption,
            own_hosts=own_hosts if isinstance(own_hosts, SshBackend) else None,
        )
        engine = cls(context, database)
        engine.home = home
        return engine

    async def take_over(self) -> None:
        """Take up at once what a server that was killed had leased; only where no other works on this database."""
        async with self.database.write() as tx:
            await tx.work.take_over()

    async def start(self) -> None:
        """Start the worker: it follows the logs of running jobs at once and retries credentials that were refused."""
        async with self.database.write() as tx:
            for name in self.backends:
                await tx.failures.forget(Scope(name), FailureKind.AUTH_FAILED)
            await release_changed(tx, self.context.config_digests)
            await forget_changed(tx, self.context.config_digests)
            await tx.work.wake(Kind.BACKEND, self.backends.keys(), tx.now)
            await tx.work.wake(Kind.RETENTION, [ITEM], tx.now)
            await tx.work.wake(Kind.JOB, [job.id for job in await tx.runs.claims()], tx.now)
        async with self.database.read() as tx:
            held = await tx.listing.held_backends()
        for name in sorted(held.keys() - {*self.backends}):
            log.warning("backend=%s is not configured and holds %d instances and %d volumes", name, *held[name])
        if (emptied := await emptied_at(self.database)) is not None:
            log.warning("the database was empty at %s: `atoll server orphans` lists what remains of before", emptied)
        self._running = asyncio.create_task(self._worker.run())
        self._warming = asyncio.create_task(self.context.planner.start())
        if self.context.vault.has_older_keys:
            self._resealing = asyncio.create_task(reseal_in_background(self.context))

    @property
    def working(self) -> bool:
        """Whether the worker runs."""
        return self._running is not None and not self._running.done()

    async def close(self) -> None:
        """Stop the worker, within little more than `STOP_SECONDS`, and close everything. Machines and jobs continue."""
        self.news.close()
        self.context.alarm.wake()
        await self.context.planner.close()
        for task in (self._resealing, self._warming):
            if task is not None:
                await ended(task)
        if self._running is not None:
            await asyncio.wait([self._running], timeout=STOP_SECONDS)
            await ended(self._running)
            await self._worker.stop(STOP_SECONDS)
        await self._following.close()
        for task in tuple(self._waking):
            await ended(task)
        await self.context.worlds.close()
        for backend in self.backends.values():
            await backend.close()
        await self.database.close()

    async def plan(self, project: str, submission: Submission) -> Planned:
        """What applying would do. Raises Refused."""
        return await plan_submission(self.context, project, submission)

    async def plan_and_save(self, project: str, submission: Submission) -> tuple[Planned, bytes]:
        """What applying would do, and a snapshot file of the world that it was planned in. Raises Refused."""
        return await save_submission(self.context, project, submission)

    async def replay(self, project: str, snapshot: bytes, submission: Submission) -> Planned:
        """The plan in the world of a snapshot file, and of nothing else. Raises Refused."""
        return await replay_submission(self.context, project, snapshot, submission)

    async def apply(self, project: str, submission: Submission) -> Planned:
        """Store the submission as the desired state. Raises Refused."""
        return await apply_submission(self.context, project, submission)

    async def explain_place(self, project: str, kind: Kind, name: str) -> Planned:
        """Why a fleet, volume or run is where it is, or waits. Raises Refused: not-found, made-for-runs."""
        return await explain_place(self.context, project, kind, name)

    async def delete_fleet(self, project: str, name: str, shown: Shown = ANY) -> Fleet:
        """Delete a fleet, if it still is what was shown. Raises Refused: not-found, changed-since-shown, fleet-busy."""
        return await removal.delete_fleet(self.context, project, name, shown)

    async def retry_fleet(self, project: str, name: str) -> Fleet:
        """Retry a fleet now. Raises Refused: not-found, being-deleted."""
        return await retry.retry_fleet(self.context, project, name)

    async def preview_rebalance(self, project: str, name: str, wanted: rebalancing.Wanted) -> rebalancing.Rebalancing:
        """What a rebalance of a fleet would do. Raises Refused: not-found, not-rebalanced, being-rebalanced."""
        return await rebalancing.preview_rebalance(self.context, project, name, wanted)

    async def rebalance(self, project: str, name: str, wanted: rebalancing.Wanted) -> rebalancing.Rebalancing:
        """Rebalance a fleet. Raises Refused: as for its preview, changed-since-shown."""
        return await rebalancing.start_rebalance(self.context, project, name, wanted)

    async def stop_rebalance(self, project: str, name: str) -> Fleet:
        """End a fleet's rebalance. Raises Refused: not-found."""
        return await rebalancing.stop_rebalance(self.context, project, name)

    async def retry_run(self, project: str, name: str) -> Run:
        """Retry a run now. Raises Refused: not-found, run-finished."""
        return await retry.retry_run(self.context, project, name)

    async def delete_volume(self, project: str, name: str, shown: Shown = ANY) -> Volume:
        """Delete a volume and its data. Raises Refused: not-found, changed-since-shown, volume-attached."""
        return await removal.delete_volume(self.context, project, name, shown)

    async def delete_run(self, project: str, name: str, shown: Shown = ANY) -> Run:
        """Remove a finished run from the lists. Raises Refused: not-found, changed-since-shown, run-active."""
        return await removal.delete_run(self.context, project, name, shown)

    async def stop_run(self, project: str, name: str, abort: bool, shown: Shown = ANY) -> Run:
        """Stop a run. Raises Refused: not-found, changed-since-shown."""
        return await removal.stop_run(self.context, project, name, abort, shown)

    async def open_port(self, project: str, run: str, rank: int, port: int) -> Stream:
        """A stream to a port of a running job. Raises BackendError, Refused: as `requests/streams` says."""
        return await open_port(self.context, project, run, rank, port)

    async def offers(self, project: str, query: OfferQuery) -> OfferSearch:
        """The offers that match a query. Raises Refused."""
        return await find_offers(self.context, project, query)

    @property
    def stale(self) -> tuple[StalePart, ...]:
        """The parts of the backends' listings that are older than they should be, or missing."""
        return self.context.worlds.known().stale

    async def orphans(self) -> list[Resource]:
        """Resources on the backends with our tag that belong to no record. Raises BackendError."""
        sweeps = [await look_over(self.context, name, backend) for name, backend in sorted(self.backends.items())]
        return [resource for sweep in sweeps for resource in (*sweep.strays(), *sweep.orphans())]

    async def notes(self) -> tuple[str, ...]:
        """What an operator should know of this installation."""
        return (*await self._unended_hosts(), *await self._remains())

    async def _unended_hosts(self) -> tuple[str, ...]:
        hosts = self.context.own_hosts
        return tuple(
            f"host {name} does not answer, and no longer belongs to its fleet: its agent and jobs end when it answers"
            for name in (await hosts.unended() if hosts is not None else ())
        )

    async def _remains(self) -> tuple[str, ...]:
        emptied = await emptied_at(self.database)
        if emptied is None:
            return ()
        try:
            left = len(await self.orphans())
        except BackendError as error:
            return (f"the database was empty at {emptied:%Y-%m-%d %H:%M} UTC; {error.message}",)
        if not left:
            await forget_emptied(self.database)
            return ()
        return (
            f"the database was empty at {emptied:%Y-%m-%d %H:%M} UTC, and {left} machines and disks of before remain: "
            "`atoll server restore` brings a backup back, `atoll server orphans` lists and deletes them",
        )

    async def end_orphans(self, shown: Collection[tuple[str, str, str]]) -> list[Resource]:
        """Delete the orphans among `shown` (kind, backend, id), a disk with its data; returns them.

        Resources that have a record by now, and orphans that were not shown, remain. Raises BackendError.
        """
        found = [orphan for orphan in await self.orphans() if (orphan.kind.value, orphan.backend, orphan.id) in shown]
        for resource in found:
            await end(self.context, resource)
        return found

    async def fail_zone(self, zone: Zone, project: str) -> None:
        """Simulate a zone outage, if its backend can; the event belongs to the request's project. Raises Refused."""
        await self._faults(zone).fail(zone)
        self.context.worlds.invalidate()
        async with self.database.write() as tx:
            tx.announce(project, EventKind.ZONE, str(zone), "failed", zone)

    async def restore_zone(self, zone: Zone, project: str) -> None:
        """End a zone's simulated outage, and forget its failures. Raises Refused."""
        await self._faults(zone).restore(zone)
        self.context.worlds.invalidate()
        async with self.database.write() as tx:
            await tx.failures.forget(zone_scope(zone))
            tx.announce(project, EventKind.ZONE, str(zone), "restored", zone)
            await wake_waiting(tx)

    def _recovered(self) -> None:
        """A zone is available again: what waits tries at once."""
        task = asyncio.create_task(self._wake_waiting())
        self._waking.add(task)
        task.add_done_callback(self._waking.discard)

    async def _wake_waiting(self) -> None:
        with suppress(Conflict):  # another server wakes them too, or their own pauses end
            async with self.database.write() as tx:
                await wake_waiting(tx)

    def _faults(self, zone: Zone) -> Faults:
        backend = self.backends.get(zone.backend)
        if backend is None or backend.faults is None:
            raise Refused(
                ErrorCode.ZONE_CANNOT_FAIL, f"zones of `{zone.backend}` cannot be failed on purpose", status=409
            )
        return backend.faults
