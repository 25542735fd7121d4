"""Instances: endpoints instead of URLs, addresses, and whether they still match their fleet's configuration.

Fleets: since when they wait, and until when they are rebalanced. Closures: the table of closed zones. Observations: the
table of launches and ends. For retention: indexes of the ends of records, the ends of instances and attachments, and
which logs are deleted.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns and the table."""
    _closures()
    _observations()
    with op.batch_alter_table("instances") as batch:
        batch.add_column(sa.Column("leaving_for", sa.String(), nullable=False, server_default=""))
        batch.add_column(sa.Column("endpoint", sa.JSON()))
        batch.add_column(sa.Column("address", sa.String()))
        batch.add_column(sa.Column("public_address", sa.String()))
        batch.add_column(sa.Column("outdated", sa.Boolean(), nullable=False, server_default=sa.false()))
    _endpoints()
    with op.batch_alter_table("instances") as batch:
        batch.drop_column("agent_url")
    with op.batch_alter_table("fleets") as batch:
        batch.drop_column("replaces")
        batch.add_column(sa.Column("waiting_since", sa.DateTime(timezone=True)))
        batch.add_column(sa.Column("rebalancing_until", sa.DateTime(timezone=True)))
    with op.batch_alter_table("jobs") as batch:
        batch.add_column(sa.Column("log_deleted", sa.Boolean(), nullable=False, server_default=sa.false()))
    _ends()


def _endpoints() -> None:
    """Released backends had Unix sockets alone; an endpoint of another kind is found when the machine is described."""
    instances = sa.table("instances", sa.column("id"), sa.column("agent_url"), sa.column("endpoint", sa.JSON))
    connection, prefix = op.get_bind(), "unix:"
    known = sa.select(instances.c.id, instances.c.agent_url).where(instances.c.agent_url.startswith(prefix))
    for id, url in connection.execute(known).all():
        endpoint = {"type": "unix", "path": url.removeprefix(prefix)}
        connection.execute(sa.update(instances).where(instances.c.id == id).values(endpoint=endpoint))


def _closures() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "closures",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("project", sa.String(), nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("deleted_at", time),
        *(sa.Column(name, sa.String()) for name in ("backend", "region", "zone", "zone_id", "zone_kind")),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("until", time, nullable=False),
        sa.Column("server_wide", sa.Boolean(), nullable=False),
        sa.Column("cause", sa.Text(), nullable=False),
        sa.Column("ended_at", time),
        sa.Column("operation", sa.String(), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in ("max_unavailable", "total", "gone")),
        sa.Column("deadline", time),
    )
    op.create_index("ix_closures_state", "closures", ["state"])


def _observations() -> None:
    words = ("backend", "region", "zone", "instance_type", "market")
    op.create_table(
        "observations",
        sa.Column("instance_id", sa.String(), primary_key=True),
        sa.Column("outcome", sa.String(), primary_key=True),
        *(sa.Column(name, sa.String(), nullable=False) for name in words),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds", sa.Float()),
        sa.Column("reason", sa.String(), nullable=False),
    )
    op.create_index("ix_observations_at", "observations", ["at"])
    op.create_index("ix_observations_zone", "observations", ["backend", "region", "zone", "at"])


def _ends() -> None:
    """The ends of older instances and attachments are unknown: they are kept as if they had ended now."""
    for name, final in (("instances", "terminated"), ("attachments", "detached")):
        table = sa.table(name, sa.column("state"), sa.column("deleted_at", sa.DateTime(timezone=True)))
        ended = sa.update(table).where(table.c.state == final, table.c.deleted_at.is_(None))
        op.execute(ended.values(deleted_at=datetime.now(UTC)))
    for name in ("attachments", "closures", "fleets", "instances", "jobs", "runs", "volumes"):
        where = sa.text("deleted_at IS NOT NULL")
        op.create_index(f"{name}_ended", name, ["deleted_at"], sqlite_where=where, postgresql_where=where)
    for name in ("jobs", "runs"):
        op.create_index(f"ix_{name}_finished_at", name, ["finished_at"])
    has_log = sa.column("log_deleted", sa.Boolean()).is_(False)
    op.create_index("jobs_with_logs", "jobs", ["finished_at"], sqlite_where=has_log, postgresql_where=has_log)
