"""Which lines of a log are printed, and how."""

import re
from datetime import UTC, datetime

import pytest

from tests.e2e.conftest import Place

COUNT = "type: task\nname: count\ncommands: ['for n in 1 2 3; do echo line $n; sleep 1.1; done']\n"
PAIR = "type: task\nname: pair\nnodes: 2\ncommands: ['echo rank $ATOLL_NODE_RANK']\n"


@pytest.fixture(scope="module")
def counted(shared: Place) -> Place:
    """A place with a run that printed three lines, a second apart, and one of two jobs."""
    shared.ok("apply", shared.write("count", COUNT), "-y")
    shared.ok("apply", shared.write("pair", PAIR), "-y")
    return shared


@pytest.mark.parametrize(("tail", "lines"), [("0", ""), ("1", "line 3\n"), ("9", "line 1\nline 2\nline 3\n")])
@pytest.mark.parametrize("follow", [(), ("-f",)])
def test_the_last_lines_are_printed(counted: Place, tail: str, lines: str, follow: tuple[str, ...]) -> None:
    assert counted.ok("logs", "count", "--tail", tail, *follow) == lines


def test_lines_begin_with_their_times(counted: Place) -> None:
    shown = counted.ok("logs", "count", "-t")
    assert re.findall(r"(?m)^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z line (\d)$", shown) == ["1", "2", "3"]


def test_lines_before_a_time_are_left_out(counted: Place) -> None:
    second = counted.ok("logs", "count", "-t").splitlines()[1].split()[0]
    assert counted.ok("logs", "count", "--since", second) == "line 2\nline 3\n"
    local = datetime.fromisoformat(second).astimezone().replace(tzinfo=None)
    assert counted.ok("logs", "count", "--since", local.isoformat()) == "line 2\nline 3\n"
    assert counted.ok("logs", "count", "--since", "1h").startswith("line 1\n")
    assert counted.ok("logs", "count", "--since", datetime.now(UTC).isoformat()) == ""


@pytest.mark.parametrize("time", ["soon", "10", "99999999w", "2026-13-01"])
def test_a_wrong_time_is_refused(counted: Place, time: str) -> None:
    assert "is no time: write `10m`" in counted.refused("logs", "count", "--since", time, code=2)


@pytest.mark.parametrize("follow", [(), ("-f",)])
def test_the_logs_of_all_jobs_are_printed_with_their_jobs(counted: Place, follow: tuple[str, ...]) -> None:
    shown = counted.ok("logs", "pair", "--job", "all", *follow)
    assert sorted(shown.splitlines()) == ["pair-0 | rank 0", "pair-1 | rank 1"]
