"""Instances: endpoints instead of URLs, addresses, and whether their fleet's configuration still asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
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


def _endpoints() -> None:
    """Released backends had Unix sockets alone; an endpoint of another kind is found when the machine is described."""
    instances = sa.table("instances", sa.column("id"), sa.column("agent_url"), sa.column("endpoint", sa.JSON))
    connection, prefix = op.get_bind(), "unix:"
    known = sa.select(instances.c.id, instances.c.agent_url).where(instances.c.agent_url.startswith(prefix))
    for id, url in connection.execute(known).all():
        endpoint = {"type": "unix", "path": url.removeprefix(prefix)}
        connection.execute(sa.update(instances).where(instances.c.id == id).values(endpoint=endpoint))
