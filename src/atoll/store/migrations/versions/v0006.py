"""Instances that their fleet's configuration does not ask for any more."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns."""
    _outdated()


def _outdated() -> None:
    with op.batch_alter_table("instances") as batch:
        batch.add_column(sa.Column("outdated", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("fleets") as batch:
        batch.drop_column("replaces")
