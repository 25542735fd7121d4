"""Instances: endpoints instead of URLs, addresses, and whether their fleet's configuration still asks for them.

Fleets: since when they wait. Closures: the table of closed zones. Observations: the table of launches and ends.
"""

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
