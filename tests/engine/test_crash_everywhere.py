"""A server killed at every crossing from intent to effect to record: nothing twice, nothing lost, nothing left."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.testing.postgresql import Cluster

SHARDS = 8
SQLITE = [pytest.param(shard, marks=pytest.mark.long if shard % 4 else ()) for shard in range(SHARDS)]
"""Every fourth crossing in `make test`, all others in `make test-long`."""
POSTGRESQL = [pytest.param(shard, marks=pytest.mark.soak if shard % 2 else pytest.mark.long) for shard in range(SHARDS)]
"""Each crossing takes 2 s of CPU: every second one in `make test-long`, the others in `make soak`."""
ZONE_SHARDS = 16
ZONES = [pytest.param(shard, marks=pytest.mark.soak if shard % 4 else pytest.mark.long) for shard in range(ZONE_SHARDS)]
"""Each crossing of this story takes 3 s of CPU: every fourth one in `make test-long`, the others in `make soak`."""
Record = Callable[[str, object], None]


def kill_everywhere(folder: Path, database: str, shard: int, shards: int = SHARDS, story: str = "files") -> int:
    """At how many crossings of this shard a process was killed; each time all came right."""
    command = [sys.executable, "-m", "tests.engine.crash_runner", str(folder), database, str(shard), str(shards), story]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    count, killed = map(int, done.stdout.split()[-2:])
    assert killed >= len(range(shard, count, shards)) - 2, "a life may be a crossing or two shorter than the first one"
    return killed


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", SQLITE)
def test_a_server_killed_at_any_crossing_leaves_nothing_twice_and_nothing_lost_on_sqlite(
    tmp_path: Path, shard: int, record_property: Record
) -> None:
    record_property("killed", f"sqlite {kill_everywhere(tmp_path, 'sqlite', shard)}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", POSTGRESQL)
def test_a_server_killed_at_any_crossing_leaves_nothing_twice_and_nothing_lost_on_postgresql(
    tmp_path: Path, shard: int, postgresql: Cluster, record_property: Record
) -> None:
    record_property("killed", f"postgresql {kill_everywhere(tmp_path, str(postgresql.folder), shard)}")


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", ZONES)
def test_a_server_killed_while_zones_are_drained_and_evacuated_leaves_nothing_there_and_loses_nothing(
    tmp_path: Path, shard: int, postgresql: Cluster, record_property: Record
) -> None:
    killed = kill_everywhere(tmp_path, str(postgresql.folder), shard, ZONE_SHARDS, "zones")
    record_property("killed", f"postgresql, zones {killed}")
