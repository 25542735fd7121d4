"""Browser sessions, and an index of events by time."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables and the index."""
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
