"""Archives: the packed files of runs, which runs use them, and their content where servers share the database."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    _archives()


def _archives() -> None:
    op.create_table(
        "archives",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("wanted_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_archives_wanted_at", "archives", ["wanted_at"])
    op.create_table(
        "archive_uses",
        sa.Column("run_id", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("project", sa.String(), nullable=False),
    )
    op.create_index("archive_uses_archive", "archive_uses", ["project", "digest"])
    op.create_table(
        "archive_parts",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("digest", sa.String(), primary_key=True),
        sa.Column("start", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
    )
