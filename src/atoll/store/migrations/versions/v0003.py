"""Fences that never come again, leases found by their end, and logs that several servers share."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Widen the fences, index the ends of leases, and make the table of log chunks."""
    with op.batch_alter_table("work") as batch:
        batch.alter_column("fence", existing_type=sa.Integer(), type_=sa.BigInteger(), existing_nullable=False)
        batch.create_index("ix_work_leased_until", ["leased_until"])
    op.create_table(
        "log_chunks",
        sa.Column("job_id", sa.String(), nullable=False),
        sa.Column("start", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("job_id", "start"),
    )
