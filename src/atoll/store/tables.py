"""The tables. Their columns have the names of the records' fields; a `Zone` takes five columns.

A name is free once `deleted_at` is set; history stays under the same name until retention ends. Of instances and
attachments, which have no names of their own to free, `deleted_at` is the time of their end.
"""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
    literal_column,
)

from atoll.model.records import Kind

metadata = MetaData()


class UtcTime(TypeDecorator[datetime]):
    """Aware times in UTC; SQLite stores them without their zone."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def _zone() -> list[Column[Any]]:
    return [Column(name, String) for name in ("backend", "region", "zone", "zone_id", "zone_kind")]


def _restraints() -> list[Column[Any]]:
    """Why a fleet or run does not try again yet."""
    return [
        Column("hold", String, nullable=False, server_default=""),
        Column("early_failures", Integer, nullable=False, server_default="0"),
        Column("failed_early_at", UtcTime),
    ]


def _record(name: str, *columns: Column[Any], unique_name: bool = False) -> Table:
    common: list[Column[Any]] = [
        Column("id", String, primary_key=True),
        Column("project", String, nullable=False),
        Column("state", String, nullable=False, index=True),
        Column("message", Text, nullable=False, default=""),
        Column("deleted_at", UtcTime),
    ]
    table: Table = Table(name, metadata, *common, *columns)
    ended = table.c.deleted_at.is_not(None)
    Index(f"{name}_ended", table.c.deleted_at, sqlite_where=ended, postgresql_where=ended)
    if unique_name:
        live = table.c.deleted_at.is_(None)
        Index(f"{name}_live_name", table.c.project, table.c.name, unique=True, sqlite_where=live, postgresql_where=live)
    return table


fleets = _record(
    "fleets",
    Column("name", String, nullable=False),
    Column("config", JSON, nullable=False),
    Column("nodes", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("auto_created", Boolean, nullable=False),
    *_restraints(),
    Column("waiting_since", UtcTime),
    Column("rebalancing_until", UtcTime),
    unique_name=True,
)

instances = _record(
    "instances",
    Column("fleet_id", String, nullable=False, index=True),
    Column("fleet", String, nullable=False),
    Column("node", Integer, nullable=False),
    *_zone(),
    Column("instance_type", JSON, nullable=False),
    Column("market", String, nullable=False),
    Column("price", Float, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("backend_id", String),
    Column("endpoint", JSON(none_as_null=True)),
    Column("end_reason", String, nullable=False),
    Column("idle_since", UtcTime),
    Column("unreachable_since", UtcTime),
    Column("started_at", UtcTime),
    Column("address", String),
    Column("public_address", String),
    Column("outdated", Boolean, nullable=False, server_default=false()),
    Column("leaving_for", String, nullable=False, server_default=""),
    Column("blocks", Integer, nullable=False, server_default="1"),
)
LIVING = instances.c.state != literal_column("'terminated'")
"""Instances that are not terminated; a constant, so that the planner of queries knows it for the index's condition."""
Index(
    "instances_living",
    *(instances.c[name] for name in ("project", "fleet", "node", "id")),
    sqlite_where=LIVING,
    postgresql_where=LIVING,
)

volumes = _record(
    "volumes",
    Column("name", String, nullable=False),
    Column("config", JSON, nullable=False),
    Column("size_gb", Float, nullable=False),
    *_zone(),
    Column("created_at", UtcTime, nullable=False),
    Column("backend_id", String),
    Column("end_reason", String, nullable=False),
    unique_name=True,
)

attachments = _record(
    "attachments",
    Column("volume_id", String, nullable=False, index=True),
    Column("instance_id", String, nullable=False, index=True),
    Column("job_id", String, nullable=False, index=True),
    Column("name", String, nullable=False),
    *_zone(),
    Column("source", String, nullable=False),
)

runs = _record(
    "runs",
    Column("name", String, nullable=False),
    Column("type", String, nullable=False),
    Column("config", JSON, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime, index=True),
    Column("stop", String, nullable=False),
    Column("replaces", String),
    Column("exit_code", Integer),
    Column("reason", String, nullable=False),
    *_restraints(),
    unique_name=True,
)

jobs = _record(
    "jobs",
    Column("run_id", String, nullable=False),
    Column("run", String, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("submission", Integer, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("instance_id", String, index=True),
    *_zone(),
    Column("volumes", JSON, nullable=False),
    Column("stop", String, nullable=False),
    Column("exit_code", Integer),
    Column("reason", String, nullable=False),
    Column("started_at", UtcTime),
    Column("finished_at", UtcTime, index=True),
    Column("log_deleted", Boolean, nullable=False, server_default=false()),
    Column("blocks", JSON, nullable=False, server_default="[]"),
)
jobs.append_constraint(UniqueConstraint("run_id", "rank", "submission"))
_HAS_LOG = jobs.c.log_deleted.is_(False)
Index("jobs_with_logs", jobs.c.finished_at, sqlite_where=_HAS_LOG, postgresql_where=_HAS_LOG)

closures = _record(
    "closures",
    *_zone(),
    Column("actor", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("until", UtcTime, nullable=False),
    Column("server_wide", Boolean, nullable=False),
    Column("cause", Text, nullable=False),
    Column("ended_at", UtcTime),
    Column("operation", String, nullable=False),
    Column("max_unavailable", Integer, nullable=False),
    Column("total", Integer, nullable=False),
    Column("gone", Integer, nullable=False),
    Column("deadline", UtcTime),
)

events = Table(
    "events",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("time", UtcTime, nullable=False),
    Column("project", String, nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("from_state", String, nullable=False),
    Column("to_state", String, nullable=False),
    *_zone(),
    Column("reason", String, nullable=False),
    Column("message", Text, nullable=False),
    Column("actor", String, nullable=False, server_default=""),
)

Index("events_time", events.c.project, events.c.time)

work = Table(
    "work",
    metadata,
    Column("kind", String, primary_key=True),
    Column("id", String, primary_key=True),
    Column("due_at", UtcTime, nullable=False, index=True),
    Column("leased_until", UtcTime, index=True),
    Column("fence", BigInteger, nullable=False),
    Column("woken", Boolean, nullable=False),
    Column("attempts", Integer, nullable=False),
)

log_chunks = Table(
    "log_chunks",
    metadata,
    Column("job_id", String, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

archives = Table(
    "archives",
    metadata,
    Column("project", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("bytes", BigInteger, nullable=False),
    Column("wanted_at", UtcTime, nullable=False, index=True),
)
"""The packed files of runs. `wanted_at` is when one was last stored, or found by a command that needs it."""

archive_uses = Table(
    "archive_uses",
    metadata,
    Column("run_id", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("project", String, nullable=False),
    Index("archive_uses_archive", "project", "digest"),
)

archive_parts = Table(
    "archive_parts",
    metadata,
    Column("project", String, primary_key=True),
    Column("digest", String, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

failures = Table(
    "failures",
    metadata,
    Column("scope", String, primary_key=True),
    Column("kind", String, primary_key=True),
    Column("backend", String, nullable=False),
    Column("region", String),
    Column("zone", String),
    Column("instance_type", String),
    Column("market", String),
    Column("resource", String, nullable=False, server_default="machine"),
    Column("at", UtcTime, nullable=False),
    Column("until", UtcTime),
    Column("count", Integer, nullable=False),
    Column("message", Text, nullable=False),
)

observations = Table(
    "observations",
    metadata,
    Column("instance_id", String, primary_key=True),
    Column("outcome", String, primary_key=True),
    Column("backend", String, nullable=False),
    Column("region", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("instance_type", String, nullable=False),
    Column("market", String, nullable=False),
    Column("at", UtcTime, nullable=False, index=True),
    Column("seconds", Float),
    Column("reason", String, nullable=False),
    Index("ix_observations_zone", "backend", "region", "zone", "at"),
)

projects = Table(
    "projects",
    metadata,
    Column("name", String, primary_key=True),
    Column("created_at", UtcTime),
    Column("deleted_at", UtcTime),
)

users = Table(
    "users",
    metadata,
    Column("name", String, primary_key=True),
    Column("admin", Boolean, nullable=False),
    Column("created_at", UtcTime, nullable=False),
)

members = Table(
    "members",
    metadata,
    Column("project", String, primary_key=True),
    Column("user", String, primary_key=True, index=True),
    Column("role", String, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("hash", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("user", String, nullable=False, server_default="admin", index=True),
    Column("prefix", String, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    UniqueConstraint("prefix", name="tokens_prefix"),
)

sessions = Table(
    "sessions",
    metadata,
    Column("hash", String, primary_key=True),
    Column("token_hash", String, nullable=False),
    Column("csrf", String, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    Column("seen_at", UtcTime, nullable=False),
)

login_codes = Table(
    "login_codes",
    metadata,
    Column("hash", String, primary_key=True),
    Column("token_hash", String, nullable=False),
    Column("until", UtcTime, nullable=False),
)

secrets = Table(
    "secrets",
    metadata,
    Column("project", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("sealed", Text, nullable=False),
    Column("updated_at", UtcTime, nullable=False),
    Column("updated_by", String, nullable=False),
)

settings = Table(
    "settings",
    metadata,
    Column("key", String, primary_key=True),
    Column("value", String, nullable=False),
)

TABLES = {
    Kind.FLEET: fleets,
    Kind.INSTANCE: instances,
    Kind.VOLUME: volumes,
    Kind.ATTACHMENT: attachments,
    Kind.RUN: runs,
    Kind.JOB: jobs,
    Kind.CLOSURE: closures,
}
