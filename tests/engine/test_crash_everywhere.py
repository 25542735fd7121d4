"""A server killed at every crossing from intent to effect to record: nothing twice, nothing lost, nothing left."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

SHARDS = 8


@pytest.mark.timeout(900)
@pytest.mark.parametrize("shard", range(SHARDS))
def test_a_server_killed_at_any_crossing_leaves_nothing_twice_and_nothing_lost_on_sqlite(
    tmp_path: Path, shard: int, record_property: Callable[[str, object], None]
) -> None:
    url = "sqlite+aiosqlite:///{}/atoll.db"
    command = [sys.executable, "-m", "tests.engine.crash_runner", str(tmp_path), url, str(shard), str(SHARDS)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    count, killed = map(int, done.stdout.split()[-2:])
    assert killed == len(range(shard, count, SHARDS))
    record_property("killed", f"sqlite {killed}")
