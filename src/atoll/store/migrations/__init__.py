"""Migrations by Alembic, run in place on an open connection; each version is one module in `versions`."""

import os
from pathlib import Path

from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

FOLDERS = [Path(__file__).parent / "versions"]
"""Where the versions are."""


def _scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", os.pathsep.join(map(str, FOLDERS)))
    return ScriptDirectory.from_config(config)


def revisions() -> frozenset[str]:
    """Every schema version of this release."""
    return frozenset(script.revision for script in _scripts().walk_revisions())


def head() -> str | None:
    """The newest schema version."""
    return _scripts().get_current_head()


def upgrade(connection: Connection, target: str = "head") -> None:
    """Bring a database to the newest schema, or to an older one, within the caller's transaction."""
    scripts = _scripts()

    def steps(revision: object, _context: object) -> list[object]:
        return list(scripts._upgrade_revs(target, revision))  # type: ignore[arg-type]

    context = MigrationContext.configure(connection, opts={"fn": steps, "render_as_batch": True})
    with Operations.context(context):
        context.run_migrations()
