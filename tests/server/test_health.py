"""Health, figures and the log."""

import asyncio
import logging
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from atoll.engine.parts.log_context import request_id, work_id
from atoll.server.logs import LineFormatter, LineHandler, Repeats
from tests.server.conftest import Served


async def test_a_server_is_ready_while_its_worker_runs_and_its_database_answers(served: Served) -> None:
    stopped = await served.ask("GET", "/readyz", "")
    assert (stopped.status_code, stopped.json()["reasons"]) == (503, ["the worker does not run"])
    await served.engine.start()
    ready = await served.ask("GET", "/readyz", "")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "reasons": []})


async def test_readiness_says_what_is_wrong_with_the_database(served: Served) -> None:
    await served.engine.start()
    async with served.engine.database.write() as tx:
        await tx._connection.sql("UPDATE alembic_version SET version_num = '9999'")
    answer = await served.ask("GET", "/readyz", "")
    assert answer.status_code == 503
    assert "the database has schema 9999" in answer.json()["reasons"][0]
    async with served.engine.database.write() as tx:
        await tx._connection.sql("DROP TABLE alembic_version")
    assert (await served.ask("GET", "/readyz", "")).json()["reasons"] == ["the database cannot be reached"]


REJECT_FLEETS = "CREATE TRIGGER planted BEFORE INSERT ON fleets BEGIN SELECT RAISE(ABORT, 'planted'); END"


async def test_a_broken_rule_of_the_database_is_an_internal_error_with_an_id_and_logged(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    async with served.engine.database.write() as tx:
        await tx._connection.sql(REJECT_FLEETS)
    answer = await served.apply("type: fleet\nname: train\nnodes: 1\n")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal-error")
    assert answer.headers["atoll-request"] in answer.json()["message"]
    assert "planted" not in answer.text
    assert any(record.exc_info and "planted" in str(record.exc_info[1]) for record in caplog.records)


async def test_a_server_that_stops_is_not_ready_and_lets_long_polls_go(served: Served) -> None:
    await served.engine.start()
    served.app.state.closing = True
    answer = await served.ask("GET", "/api/projects/main/events?kind=fleet&wait=30")
    assert (answer.status_code, answer.json()) == (200, [])
    assert (await served.ask("GET", "/readyz", "")).json()["reasons"] == ["the server is stopping"]


async def figures(served: Served) -> dict[str, float]:
    lines = (await served.ask("GET", "/metrics")).text.splitlines()
    return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines if not line.startswith("#")}


async def test_the_queue_is_counted_with_the_age_of_what_waits(served: Served) -> None:
    await served.apply("type: fleet\nname: train\nnodes: 3\n")
    served.clock.ahead *= 2
    found = await figures(served)
    assert found['atoll_queue_due{kind="instance"}'] == 3
    assert found['atoll_queue_items{kind="fleet"}'] == 1
    assert found['atoll_queue_age_seconds{kind="instance"}'] > 60


async def test_turns_and_calls_are_counted_with_their_zone_and_outcome(served: Served) -> None:
    await served.engine.start()
    await served.apply("type: fleet\nname: train\nnodes: 2\navailability_zones: [fake-1b]\n")
    launched = 'atoll_backend_calls_total{backend="fake",operation="launch",outcome="ok",zone="fake-1b"}'
    while (found := await figures(served)).get(launched, 0) < 2:
        await asyncio.sleep(0.05)
    assert found['atoll_reconcile_seconds_count{kind="fleet",outcome="ok"}'] >= 1
    assert found['atoll_backend_call_seconds_count{backend="fake",operation="launch"}'] >= 2


async def test_requests_are_counted_by_route_and_not_by_path(served: Served) -> None:
    await served.ask("GET", "/api/projects/main/fleets/one")
    await served.ask("GET", "/api/projects/main/fleets/two")
    await served.ask("GET", "/nowhere/at/all")
    found = await figures(served)
    route = "/api/projects/{project}/fleets/{name}"
    assert found[f'atoll_http_requests_total{{method="GET",route="{route}",status="404"}}'] == 2
    assert found['atoll_http_requests_total{method="GET",route="other",status="404"}'] == 1


async def test_each_request_has_an_id_in_its_answer_and_its_log_line(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            seen.append(LineFormatter().format(record))

    handler = Keep()
    caplog.set_level(logging.INFO)
    logging.getLogger("atoll.server").addHandler(handler)
    try:
        answer = await served.ask("GET", "/api/projects/main/fleets/a%0Alevel=ERROR", "user")
    finally:
        logging.getLogger("atoll.server").removeHandler(handler)
    [line] = seen
    assert f"request={answer.headers['atoll-request']} " in line
    assert "path=/api/projects/main/fleets/a%0Alevel%3DERROR status=404" in line
    assert line.endswith(" user=user")


def test_a_record_is_one_line_with_the_work_that_it_belongs_to() -> None:
    marks = (request_id.set("1f2e"), work_id.set("job/7#3"))
    try:
        try:
            raise ValueError("two\nlines")
        except ValueError:
            record = logging.LogRecord("atoll.engine", 40, "x.py", 1, "id=%s", ("a\nb\x1b",), sys.exc_info())
        line = LineFormatter().format(record)
    finally:
        request_id.reset(marks[0])
        work_id.reset(marks[1])
    assert "\n" not in line
    assert " level=ERROR logger=atoll.engine request=1f2e work=job/7#3 id=a\\nb\\x1b trace=Traceback" in line


async def test_a_body_that_is_too_large_or_has_no_length_is_not_read(served: Served) -> None:
    path = "/api/projects/main/plan"
    assert (await served.ask("POST", path, content=b"x" * (2 << 20) + b"x")).json()["code"] == "too-large"
    answer = await served.ask("POST", path, content=iter_bytes())
    assert (answer.status_code, answer.json()["code"]) == (411, "length-required")


async def iter_bytes() -> AsyncIterator[bytes]:
    yield b"{}"


async def test_lists_come_in_pages_and_every_thing_is_on_one(served: Served) -> None:
    await served.apply("type: fleet\nname: b\nnodes: 3\n---\ntype: fleet\nname: a\nnodes: 12\n")
    for what, expected, size in (("instances", 15, 4), ("fleets", 2, 1)):
        found: list[str] = []
        after = ""
        for _ in range(20):
            answer = await served.ask("GET", f"/api/projects/main/{what}?limit={size}{after}")
            names = [one["name"] for one in answer.json()]
            assert len(names) <= size
            found += names
            if "atoll-next" not in answer.headers:
                break
            after = f"&after={answer.headers['atoll-next']}"
        assert len(found) == len(set(found)) == expected
    assert (await served.ask("GET", "/api/projects/main/instances?after=nothing")).json() == []


def test_a_line_that_repeats_is_written_once_in_a_while_with_its_number() -> None:
    repeats, written = Repeats(), []
    for second in range(25):
        record = logging.LogRecord("atoll.server", logging.ERROR, __file__, 1, "100 %% of %s", ("files",), None)
        record.created = 1000.0 + second
        if repeats.filter(record):
            written.append(record.getMessage())
    assert written == ["100 % of files", *["100 % of files (repeated 9 times)"] * 2]


def test_lines_that_a_full_disk_does_not_take_are_counted_and_nothing_else_is_written(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    handler = LineHandler(descriptor)
    with (tmp_path / "server.log").open("wb") as file:
        for text in ("first", "second"):
            handler.handle(logging.makeLogRecord({"msg": text}))
        os.dup2(file.fileno(), descriptor)
        for text in ("third", "fourth"):
            handler.handle(logging.makeLogRecord({"msg": text}))
    os.close(descriptor)
    written = (tmp_path / "server.log").read_text()
    assert written == "third (lines before this one that could not be written: 2)\nfourth\n"
    assert capfd.readouterr() == ("", "")
