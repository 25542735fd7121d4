"""A server that is used for ever keeps what it keeps level; the whole is a benchmark, this is its reduced form."""

import pytest

from atoll.testing.simulation.week import live


@pytest.mark.long  # 8 s of CPU
def test_short_runs_without_end_leave_the_database_and_logs_level() -> None:
    samples = live(runs=600, fleets=6, seconds=900, samples=10)
    middle, end = samples[4], samples[-1]
    assert middle.logs > 0
    assert end.database <= 1.1 * middle.database
    assert end.logs <= 1.1 * middle.logs
