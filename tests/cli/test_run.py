"""Logs, stop and delete through the real command line."""

import time

from atoll.wire.api import Problem
from tests.cli import samples as s
from tests.cli.canned_server import Answer, CannedServer, Request, refusal
from tests.cli.conftest import CommandLine


def test_logs_print_the_whole_log(atoll: CommandLine, server: CannedServer) -> None:
    content = s.log("one", "zwei ü") + s.log("bad", stream="stderr")
    server.on("GET", "runs/hello", s.run())
    server.on("GET", "runs/hello/logs", lambda request: Answer(content[int(request.query["offset"][0]) :]))
    shown = atoll("logs", "hello", "--job", "2", environment={"PYTHONUTF8": "1"})
    assert (shown.stdout, shown.stderr, shown.returncode) == ("one\nzwei ü\n", "bad\n", 0)
    assert server.requests[-1].query["job"] == ["2"]


def test_a_line_that_comes_in_pieces_is_printed_once_and_whole(atoll: CommandLine, server: CannedServer) -> None:
    content = b"2026-11-24T12:00:00.000000000Z stdout P one \n2026-11-24T12:00:00.000000001Z stdout F line\n"

    def bytewise(request: Request) -> Answer:
        offset = int(request.query["offset"][0])
        return Answer(content[offset : offset + 7])

    server.on("GET", "runs/hello", s.run())
    server.on("GET", "runs/hello/logs", bytewise)
    assert atoll("logs", "hello").stdout == "one line\n"


def test_following_goes_on_with_the_next_attempt_from_its_start(atoll: CommandLine, server: CannedServer) -> None:
    attempts = [s.log("first attempt"), s.log("second attempt, longer")]
    reads: list[int] = []

    def read(request: Request) -> Answer:
        offset = int(request.query["offset"][0])
        reads.append(offset)
        current = 0 if len(reads) < 3 else 1
        headers = {"Atoll-Log-End": "true", "Atoll-Log-Submission": str(current)}
        return Answer(attempts[current][offset:], headers=headers)

    server.on("GET", "runs/hello", s.run(), s.run(), s.finished())
    server.on("GET", "runs/hello/logs", read)
    shown = atoll("logs", "hello", "-f")
    assert shown.stdout == "first attempt\nsecond attempt, longer\n"
    assert "attempt 2" in shown.stderr


def test_logs_of_an_unknown_run_say_so(atoll: CommandLine) -> None:
    shown = atoll("logs", "hullo")
    assert (shown.returncode, shown.stderr) == (1, "error: there is no `hullo`\n  help: look at the list\n")


def test_stop_waits_until_the_run_has_stopped(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "events", [s.event(7, "run", "other", "done")], [s.event(8, "run", "hello", "stopping")], quiet)
    server.on("POST", "runs/hello/stop", s.run(status="stopping"))
    server.on("GET", "runs/hello", s.run(status="stopping"), s.finished(exit_code=None, status="stopped"))
    shown = atoll("stop", "hello", "--abort")
    assert (shown.returncode, shown.stdout) == (0, "run hello: stopped\n")
    assert "run hello: stopping" in shown.stderr
    assert [request.body for request in server.requests if request.method == "POST"] == [b'{"abort":true,"version":""}']


def quiet(request: Request) -> Answer:
    """Nothing new, after a while."""
    time.sleep(0.05)
    return Answer([])


def test_delete_waits_until_it_is_gone(atoll: CommandLine, server: CannedServer) -> None:
    gone = refusal(404, Problem("not-found", "there is no fleet `train`"))
    server.on("GET", "events", [], [s.event(8, "instance", "train-0", "terminating", zone=s.A)], quiet)
    server.on("DELETE", "fleets/train", s.fleet(status="deleting"))
    server.on("GET", "fleets/train", s.fleet(status="deleting"), gone)
    shown = atoll("delete", "fleet", "train", "-y")
    assert (shown.returncode, shown.stdout) == (0, "fleet train is deleted\n")
    assert "instance train-0: terminating in local-a" in shown.stderr


def test_what_cannot_be_deleted_is_an_error_with_its_help(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "events", [])
    busy = Problem("volume-attached", "volume data is attached to train-1", "stop the run hello first")
    server.on("GET", "volumes/data", s.volume())
    server.on("DELETE", "volumes/data", refusal(409, busy))
    shown = atoll("delete", "volume", "data", "-y")
    assert shown.returncode == 1
    assert shown.stderr == "error: volume data is attached to train-1\n  help: stop the run hello first\n"
    assert atoll("delete", "volume", "dota", "-y").stderr.startswith("error: there is no volume `dota`\n")


def test_a_file_is_deleted_users_first_and_what_does_not_exist_is_left_out(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "events", [])
    for kind, name, view in (
        ("runs", "old", s.run(name="old")),
        ("fleets", "train", s.fleet()),
        ("volumes", "data", s.volume()),
    ):
        server.on("GET", f"{kind}/{name}", view, refusal(404, Problem("not-found", "gone")))
        server.on("DELETE", f"{kind}/{name}", view)
    server.on("GET", "runs/hello", refusal(404, Problem("not-found", "gone")))
    documents = ("volume\nname: data", "task\ncommands: [x]\nname: hello", "fleet\nname: train",
                 "task\ncommands: [x]\nname: old")  # fmt: skip
    file = atoll.write("\n---\n".join(f"type: {one}" for one in documents))
    shown = atoll("delete", "-f", file, "-y")
    assert shown.stdout == "run old is deleted\nfleet train is deleted\nvolume data is deleted\n"


def test_delete_needs_one_thing_to_delete(atoll: CommandLine) -> None:
    for arguments in ([], ["fleet"], ["fleet", "train", "-f", "x.yml"], ["fleet", "train"]):
        shown = atoll("delete", *arguments)
        assert shown.returncode in (1, 2)
        assert shown.stderr.startswith("error: ")
