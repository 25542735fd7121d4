"""Instances: where other nodes reach them, and whether their fleet's configuration still asks for them."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    with op.batch_alter_table("instances") as batch:
        batch.add_column(sa.Column("address", sa.String()))
        batch.add_column(sa.Column("outdated", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("fleets") as batch:
        batch.drop_column("replaces")
