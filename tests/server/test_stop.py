"""SIGTERM to a real server: it answers what it has taken, keeps all or nothing, and ends within its ten seconds."""

import threading
from pathlib import Path

from atoll.client import ClientError
from atoll.wire.api import ApplyResponse, EventView, SourceFile, Submission
from tests.server.process import ServerProcess

GRACE = 10.0
"""What the server promises; a run of the tests on a loaded machine has no better bound."""
FLEETS = "\n---\n".join(f"type: fleet\nname: fleet-{number}\nnodes: 8\n" for number in range(12))


def test_a_long_poll_is_answered_and_the_process_ends(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "home") as server:
        client = server.client
        newest = max((event.seq for event in client.events(last=1)), default=0)
        answers: list[list[EventView]] = []
        poll = threading.Thread(target=lambda: answers.append(client.events(after=newest, wait=30)))
        poll.start()
        client.healthz()
        server.ask_to_stop()
        assert server.end(GRACE) == 0
        poll.join(GRACE)
        assert answers == [[]]
        assert "stopped" in server.log
        assert not (server.home / "server.json").exists()


def test_an_apply_that_is_cut_off_is_kept_whole_or_not_at_all(tmp_path: Path) -> None:
    home = tmp_path / "home"
    accepted: list[ApplyResponse] = []
    with ServerProcess(home) as server:
        client = server.client

        def apply() -> None:
            try:
                accepted.append(client.apply(Submission((SourceFile("x.yml", FLEETS),))))
            except ClientError:
                return

        sender = threading.Thread(target=apply)
        sender.start()
        server.ask_to_stop()
        assert server.end(GRACE) == 0
        sender.join(GRACE)
    with ServerProcess(home) as server:
        fleets = server.client.fleets()
    assert len(fleets) in ((12,) if accepted else (0, 12))
    assert {fleet.nodes for fleet in fleets} <= {8}
