"""An index in the order of the list of instances, over those that it shows."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the index."""
    living = sa.text("state != 'terminated'")
    columns = ["project", "fleet", "node", "id"]
    op.create_index("instances_living", "instances", columns, sqlite_where=living, postgresql_where=living)
