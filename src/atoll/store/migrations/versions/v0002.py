"""Users, membership, tokens that end, sealed secrets, and the user behind a change.

The tokens that there were belong to the first user, `admin`; their first characters are unknown, so that their hashes
name them.
"""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables of users and secrets, and the first user."""
    op.create_table(
        "users",
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("admin", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "members",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("user", sa.String(), primary_key=True),
        sa.Column("role", sa.String(), nullable=False),
    )
    op.create_index("ix_members_user", "members", ["user"])
    op.create_table(
        "secrets",
        sa.Column("project", sa.String(), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
    )
    op.add_column("projects", sa.Column("created_at", sa.DateTime(timezone=True)))
    op.add_column("projects", sa.Column("deleted_at", sa.DateTime(timezone=True)))
    op.add_column("events", sa.Column("actor", sa.String(), nullable=False, server_default=""))
    _tokens()
    users = sa.table(
        "users", sa.column("name"), sa.column("admin"), sa.column("created_at", sa.DateTime(timezone=True))
    )
    op.bulk_insert(users, [{"name": "admin", "admin": True, "created_at": datetime.now(UTC)}])
    members = sa.table("members", sa.column("project"), sa.column("user"), sa.column("role"))
    op.bulk_insert(members, [{"project": "main", "user": "admin", "role": "manager"}])


def _tokens() -> None:
    with op.batch_alter_table("tokens") as batch:
        batch.add_column(sa.Column("user", sa.String(), nullable=False, server_default="admin"))
        batch.add_column(sa.Column("prefix", sa.String()))
        batch.add_column(sa.Column("expires_at", sa.DateTime(timezone=True)))
        batch.add_column(sa.Column("revoked_at", sa.DateTime(timezone=True)))
    op.execute("UPDATE tokens SET prefix = substr(hash, 1, 12)")
    with op.batch_alter_table("tokens") as batch:
        batch.alter_column("prefix", existing_type=sa.String(), nullable=False)
        batch.create_unique_constraint("tokens_prefix", ["prefix"])
        batch.create_index("ix_tokens_user", ["user"])
