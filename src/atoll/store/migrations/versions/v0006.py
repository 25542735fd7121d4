"""Instances: where other nodes reach them, and whether their fleet's configuration asks for them; closed zones."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the columns and the table."""
    with op.batch_alter_table("instances") as batch:
        batch.add_column(sa.Column("address", sa.String()))
        batch.add_column(sa.Column("outdated", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table("fleets") as batch:
        batch.drop_column("replaces")
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
