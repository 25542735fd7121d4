"""What users see of history that is deleted: over the real application, database and log files."""

import asyncio
from datetime import timedelta

from atoll.engine.work.retention import ITEM
from atoll.model.records import Kind
from tests.server.conftest import Served

TASK = "type: task\nname: t\ncommands: [work]\nenv: {FAKE_SECONDS: '0'}\n"
LOGS = "/api/projects/main/runs/t/logs"


async def later(served: Served, days: float) -> None:
    """So many days pass, and retention has its turn."""
    served.clock.ahead += timedelta(days=days)
    async with served.engine.database.write() as tx:
        await tx.work.wake(Kind.RETENTION, [ITEM], tx.now)


async def test_a_deleted_log_is_refused_in_words_and_later_its_run_is_gone(served: Served) -> None:
    await served.engine.start()
    await served.apply(TASK)
    while not (answer := await served.ask("GET", f"{LOGS}?wait=5")).headers.get("atoll-log-end"):
        assert answer.status_code in (200, 404)
    assert answer.content
    while (await served.ask("GET", "/api/projects/main/runs/t")).json()["status"] != "done":
        await asyncio.sleep(0.05)
    assert await served.engine.logs.total() == len(answer.content)
    sizes = {one["what"]: one["bytes"] for one in (await served.ask("GET", "/api/status")).json()["disk"]}
    assert sizes["logs"] == len(answer.content)
    assert sizes["database"] > 100_000
    assert {"agents and volumes", "listings"} <= {*sizes}
    await later(served, 31)
    while (answer := await served.ask("GET", LOGS)).status_code == 200:
        await asyncio.sleep(0.05)
    assert (answer.status_code, answer.json()["code"]) == (410, "log-deleted")
    assert "the log of job 0 of run `t` is deleted" in answer.json()["message"]
    assert (await served.ask("GET", "/api/projects/main/runs/t")).json()["status"] == "done"
    while await served.engine.logs.total():
        await asyncio.sleep(0.05)
    await later(served, 60)
    while (await served.ask("GET", "/api/projects/main/runs/t")).status_code == 200:
        await asyncio.sleep(0.05)
    assert (await served.ask("GET", "/api/projects/main/runs?all=1")).json() == []
