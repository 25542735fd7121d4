"""The attempts of a run and their logs, over a real server process and the real command line."""

import time
from pathlib import Path

from tests.server.process import ServerProcess
from tests.server.test_commands import Shell

TASK = (
    "type: task\nname: t\ncommands: [work]\nretry: {on_events: [error]}\n"
    "env: {FAKE_SECONDS: '0', FAKE_EXIT_CODE: '3'}\n"
)


def test_the_logs_of_earlier_attempts_can_be_read_and_are_listed(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home") as server:
        shell = Shell(tmp_path / "user", {"ATOLL_SERVER_URL": server.address, "ATOLL_TOKEN": server.token})
        (shell.folder / "t.atoll.yml").write_text(TASK)
        shell("apply", "-y", "-d", "-f", "t.atoll.yml")
        limit = time.monotonic() + 60
        while len(server.client.run("t").attempts) < 2:
            assert time.monotonic() < limit
            time.sleep(0.2)
        shell("stop", "t")
        run = server.client.run("t")
        assert [one.submission for one in run.attempts] == list(range(len(run.attempts)))
        assert all(one.status == "failed" for one in run.attempts)
        assert server.client.logs("t", attempt=1).submission == 0
        assert server.client.logs("t", attempt=1).end
        assert server.client.logs("t").submission == run.jobs[0].submission
        shell("logs", "t", "--attempt", "2")
        listed = shell("run", "get", "t")
        assert "ATTEMPT" in listed
        assert "failed (3)" in listed
        assert "has no attempt 99" in shell("logs", "t", "--attempt", "99", code=1)
        assert "without `--attempt`" in shell("logs", "t", "-f", "--attempt", "1", code=2)
