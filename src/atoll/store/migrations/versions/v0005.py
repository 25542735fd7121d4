"""Why fleets and runs do not try again yet, when machines started, and failures of volumes apart from machines'."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns."""
    for table in ("fleets", "runs"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("hold", sa.String(), nullable=False, server_default=""))
            batch.add_column(sa.Column("early_failures", sa.Integer(), nullable=False, server_default="0"))
            batch.add_column(sa.Column("failed_early_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("instances") as batch:
        batch.add_column(sa.Column("started_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("failures") as batch:
        batch.add_column(sa.Column("resource", sa.String(), nullable=False, server_default="machine"))
