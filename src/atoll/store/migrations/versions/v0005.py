"""Browser sessions; holds of fleets and runs; when machines started; failures of volumes by themselves."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables, columns and indexes."""
    _holds()
    _sessions()


def _holds() -> None:
    for table in ("fleets", "runs"):
        with op.batch_alter_table(table) as batch:
            batch.add_column(sa.Column("hold", sa.String(), nullable=False, server_default=""))
            batch.add_column(sa.Column("early_failures", sa.Integer(), nullable=False, server_default="0"))
            batch.add_column(sa.Column("failed_early_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("instances") as batch:
        batch.add_column(sa.Column("started_at", sa.DateTime(timezone=True)))
    with op.batch_alter_table("failures") as batch:
        batch.add_column(sa.Column("resource", sa.String(), nullable=False, server_default="machine"))


def _sessions() -> None:
    time = sa.DateTime(timezone=True)
    op.create_table(
        "sessions",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("csrf", sa.String, nullable=False),
        sa.Column("created_at", time, nullable=False),
        sa.Column("seen_at", time, nullable=False),
    )
    op.create_table(
        "login_codes",
        sa.Column("hash", sa.String, primary_key=True),
        sa.Column("token_hash", sa.String, nullable=False),
        sa.Column("until", time, nullable=False),
    )
    op.create_index("events_time", "events", ["project", "time"])
