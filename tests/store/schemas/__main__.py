"""Writes the files of the newest schema: the former schema's rows migrated, and rows in every table that has none."""

import os
import tempfile
from pathlib import Path

from atoll.store.schema import HEAD, NEWEST
from atoll.testing.postgresql import Cluster
from tests.store.schemas.dumps import SCHEMAS, Dumped, PostgresqlDump, SqliteDump, fill, newest


def main() -> None:
    """Write the schema of a new SQLite file, and what is missing of the rest."""
    NEWEST.write_text(newest())
    with tempfile.TemporaryDirectory() as folder:
        cluster = Cluster(Path(folder, "pg"))
        Path(folder).chmod(0o711)
        cluster.start(os.getpid())
        dumps: list[Dumped] = [SqliteDump(Path(folder, "new.db")), PostgresqlDump(cluster, "new")]
        for dump in dumps:
            target = SCHEMAS / f"{HEAD}.{dump.kind}.sql"
            if not target.exists():
                fill(dump)
                target.write_text(dump.text())


if __name__ == "__main__":
    main()
