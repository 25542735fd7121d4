"""Seeded storms: thousands of small worlds in which everything goes wrong, each the same when its seed is run again.

`ATOLL_SEED=N pytest tests/engine/test_storms.py` replays one seed.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from atoll.testing.simulation import run_storm
from tests.conftest import SOAK_FROM

BATCH = 20
BATCHES = 65
SHORT = 10
"""Batches of `make test`; the remaining ones are in `make test-long`."""
SOAK = 500
"""Batches of `make soak`: 10,000 storms whose seeds are new each time."""
Record = Callable[[str, object], None]


def storms(batch: int, record: Record) -> None:
    for seed in range(batch * BATCH, (batch + 1) * BATCH):
        run_storm(seed)
    record("storms", f"seeds {BATCH}")


def batches() -> list[object]:
    """The batches of a short run, then those of a long one; none where one seed is replayed."""
    if "ATOLL_SEED" in os.environ:
        return []
    return [*range(SHORT), *(pytest.param(batch, marks=pytest.mark.long) for batch in range(SHORT, BATCHES))]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("batch", batches())
def test_nothing_breaks_in_a_storm_and_everything_recovers_after_it(batch: int, record_property: Record) -> None:
    storms(batch, record_property)


def test_the_seed_of_the_environment_variable() -> None:
    run_storm(int(os.environ.get("ATOLL_SEED", "0")))


@pytest.mark.soak
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("batch", range(SOAK))
def test_nothing_breaks_in_storms_of_new_seeds(batch: int, record_property: Record) -> None:
    storms(int(os.environ[SOAK_FROM]) // BATCH + batch, record_property)


def test_a_seed_replays_in_another_process_whatever_its_hashes_are() -> None:
    program = "from atoll.testing.simulation import run_storm; print(hash('a'), run_storm(10).digest)"
    replayed = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONHASHSEED": "1" if hash("a") % 2 else "2"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    hashed, digest = replayed.stdout.splitlines()[-1].split()
    assert int(hashed) != hash("a")
    assert digest == run_storm(10).digest
