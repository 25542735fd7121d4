"""Deleting is bound to what was shown."""

from atoll.wire.api import Problem
from tests.cli import samples as s
from tests.cli.canned_server import CannedServer, refusal
from tests.cli.conftest import CommandLine

GONE = refusal(404, Problem("not-found", "gone"))


FILE = "type: fleet\nname: train\nnodes: 1\n---\ntype: volume\nname: data\nbackend: local\nregion: local\nsize: 1GB\n"


def test_what_a_file_describes_and_is_created_meanwhile_remains_and_is_an_error(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "events", [])
    server.on("GET", "fleets/train", s.fleet(), GONE)
    server.on("DELETE", "fleets/train", s.fleet())
    server.on("GET", "volumes/data", GONE, s.volume())
    shown = atoll("delete", "-f", atoll.write(FILE), "-y")
    assert shown.returncode == 1
    assert shown.stdout == "fleet train is deleted\n"
    assert "error: created meanwhile: volume data" in shown.stderr
    assert [request.path for request in server.requests if request.method == "DELETE"][-1].endswith("fleets/train")


def test_a_file_that_can_no_longer_be_applied_still_names_what_is_deleted(
    atoll: CommandLine, server: CannedServer
) -> None:
    server.on("GET", "events", [])
    server.on("GET", "fleets/train", s.fleet(), GONE)
    server.on("DELETE", "fleets/train", s.fleet())
    server.on("GET", "runs/old", s.finished("old"), GONE)
    server.on("DELETE", "runs/old", s.finished("old"))
    task = "---\ntype: task\nname: old\nenv: [NOT_SET]\npython: 3\n"
    shown = atoll("delete", "-f", atoll.write(FILE.partition("---")[0] + "regions: [nowhere]\nbogus: 1\n" + task), "-y")
    assert (shown.returncode, shown.stdout) == (0, "run old is deleted\nfleet train is deleted\n"), shown.stderr


def test_a_file_whose_documents_have_no_readable_names_deletes_nothing(
    atoll: CommandLine, server: CannedServer
) -> None:
    shown = atoll("delete", "-f", atoll.write("type: fleet\nname: train\n---\nname: [\n"), "-y")
    assert shown.returncode == 1
    assert "error[" in shown.stderr
    assert [request for request in server.requests if request.method == "DELETE"] == []


def test_what_ends_by_itself_before_its_deletion_is_no_error(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "fleets/train", GONE)
    server.on("GET", "volumes/data", GONE)
    shown = atoll("delete", "-f", atoll.write(FILE), "-y")
    assert (shown.returncode, shown.stdout) == (0, "nothing to delete: none of it exists\n"), shown.stderr
