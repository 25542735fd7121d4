"""The edges of every command: help, wrong usage, errors, servers that are not there."""

import json
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from atoll import __version__
from atoll.cli.server import unreached
from atoll.client import Client
from atoll.wire.api import BackendStatus, DiskTroubleView, DiskUse, ServerStatus
from tests.cli import samples as s
from tests.cli.canned_server import TOKEN, Answer, CannedServer
from tests.cli.conftest import CommandLine

ROOT = Path(__file__).parents[2]


def test_version_and_help(atoll: CommandLine) -> None:
    assert atoll("--version").stdout == f"atoll {__version__}\n"
    shown = atoll("--help")
    assert shown.returncode == 0
    for command in ("apply", "fleet", "volume", "zone", "logs", "server"):
        assert f"\n  {command} " in shown.stdout
    assert atoll("fleet", "-h").returncode == 0


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["flet"], "error: no such command `flet`; did you mean `fleet`?\n  help: see `atoll --help`\n"),
        (["fleet", "--wide"], "error: no such option '--wide'"),
        (["apply"], "error: name a configuration"),
        (["logs"], "error: missing argument 'RUN'"),
        (["logs", "x", "--job", "one"], "error: invalid value for '--job'"),
        (["server", "start", "--host", "0.0.0.0"], "error: "),
        ([], "Usage: atoll"),
    ],
)
def test_wrong_usage_ends_with_2(atoll: CommandLine, arguments: list[str], expected: str) -> None:
    shown = atoll(*arguments)
    assert shown.stderr.startswith(expected)
    assert shown.returncode == (1 if arguments[:1] == ["server"] else 2)
    assert "Traceback" not in shown.stderr


def test_commands_start_without_the_heavy_packages(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "fleets", [])
    code = (
        "import sys\n"
        "from atoll.cli.main import main\n"
        "try:\n    main()\n"
        "except SystemExit:\n"
        "    heavy = {'httpx', 'pydantic', 'numpy', 'sqlalchemy', 'fastapi', 'rich', 'yaml', 'asyncio', 'highspy'}\n"
        "    print(sorted(heavy & set(sys.modules)), file=sys.stderr)\n"
    )
    for arguments in (["--version"], ["fleet"], ["ps"], ["event"]):
        run = subprocess.run(
            [sys.executable, "-c", code, *arguments], env=atoll.environment, capture_output=True, text=True, check=False
        )
        if arguments == ["fleet"]:
            assert run.stdout == " NAME  NODES  PLACEMENT  ZONES  STATUS  CREATED\n"
        assert run.stderr.splitlines()[-1] == "[]"


def test_a_wrong_token_is_an_error_with_help(atoll: CommandLine) -> None:
    shown = atoll("fleet", environment={"ATOLL_TOKEN": "wrong"})
    assert (shown.returncode, shown.stderr) == (1, "error: the token is wrong\n  help: set ATOLL_TOKEN\n")


def test_a_server_that_is_not_there_is_an_error_without_traceback(atoll: CommandLine) -> None:
    shown = atoll("fleet", environment={"ATOLL_SERVER_URL": "http://127.0.0.1:9"})
    assert shown.returncode == 1
    assert shown.stderr == (
        "error: the server at http://127.0.0.1:9 cannot be reached (connection refused)\n"
        "  help: check that it runs, then run the command again\n"
    )


def test_a_fault_of_ours_goes_to_a_file_and_not_to_the_user(atoll: CommandLine) -> None:
    code = (
        "import atoll.client.client as c, sys\n"
        "def fault(self): raise RuntimeError('odd')\n"
        "c.Client.fleets = fault\n"
        "from atoll.cli.main import main\n"
        "main()\n"
    )
    shown = subprocess.run(
        [sys.executable, "-c", code, "fleet"], env=atoll.environment, capture_output=True, text=True, check=False
    )
    path = atoll.folder / "home" / "cli-error.log"
    assert shown.returncode == 1
    assert shown.stderr.startswith("error: internal error in atoll: RuntimeError: odd\n")
    assert str(path) in shown.stderr
    assert "Traceback" not in shown.stderr
    assert "Traceback" in path.read_text()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_reader_that_has_gone_is_no_fault(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "fleets", [s.fleet(*(s.instance(number, s.A) for number in range(3000)))])
    process = atoll.begin("fleet")
    assert process.stdout
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=20) == 1
    assert process.stderr
    assert process.stderr.read() == ""
    process.stderr.close()


def test_output_on_a_full_disk_is_an_error_in_words() -> None:
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "atoll.cli", "--version"]
        run = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (run.returncode, run.stderr) == (1, "error: cannot write the output: the disk is full\n")


def test_following_events_ends_with_ctrl_c(atoll: CommandLine, server: CannedServer) -> None:
    def later(_: object) -> Answer:
        time.sleep(0.05)
        return Answer([])

    server.on("GET", "events", [s.event(1, "zone", "local-b", "impaired", zone=s.B, reason="failed on purpose")], later)
    process = atoll.begin("event", "-f", "--name", "local-b")
    assert process.stdout
    assert "12:00:00  zone local-b: impaired: failed on purpose" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Traceback" not in said


def test_server_status_shows_the_server_and_its_backends(atoll: CommandLine, server: CannedServer) -> None:
    backends = (BackendStatus("local", 3, 12, s.NOW), BackendStatus("aws", 0, 0, None, "the key is wrong"))
    disk = (DiskUse("database", 5 << 20), DiskUse("logs", 700), DiskUse("agents and volumes", 3 << 40, whole=False))
    status = ServerStatus("0.1.0", 77, "unix:/x", "/x/atoll.db", s.NOW, backends, disk, "http://127.0.0.1:9")
    server.on("GET", "/api/status", status)
    shown = atoll("server", "status").stdout
    sizes = "database 5.0 MiB, logs 700 B, agents and volumes over 3.0 TiB"
    for fact in ("unix:/x", "77", "/x/atoll.db", "local", "never", "the key is wrong", sizes, "http://127.0.0.1:9"):
        assert fact in shown
    assert "disk trouble" not in shown


def test_server_status_shows_what_keeps_a_disk_from_being_written_and_since_when(
    atoll: CommandLine, server: CannedServer
) -> None:
    since = datetime.now(UTC) - timedelta(minutes=7, seconds=5)
    troubles = (DiskTroubleView("the disk of the data folder is read-only: /srv", since),)
    status = ServerStatus("0.1.0", 77, "unix:/x", "/x/atoll.db", s.NOW, disk_troubles=troubles)
    server.on("GET", "/api/status", status)
    wanted = "disk trouble  the disk of the data folder is read-only: /srv, noticed 7 min ago"
    assert wanted in atoll("server", "status").stdout
    [found] = json.loads(atoll("server", "status", "--json").stdout)["disk_troubles"]
    assert datetime.fromisoformat(found["since"]) == since


def test_a_start_notes_what_the_server_cannot_reach(server: CannedServer) -> None:
    gone = BackendStatus("fake", 0, 0, None, "not configured, and holds instances: 0, volumes: 1")
    status = ServerStatus("0.1.0", 77, "unix:/x", "/x/atoll.db", s.NOW, (BackendStatus("local", 3, 12, s.NOW), gone))
    server.on("GET", "/api/status", status)
    assert unreached(Client(server.address, TOKEN)) == [
        "note: backend `fake`: not configured, and holds instances: 0, volumes: 1"
    ]


def test_without_a_server_status_says_so_and_stop_has_nothing_to_do(tmp_path: Path) -> None:
    atoll = CommandLine(tmp_path, None)
    shown = atoll("server", "status")
    assert (shown.returncode, shown.stdout) == (1, f"no server is running for {tmp_path}/home\n")
    assert atoll("server", "stop").returncode == 0
    assert not (tmp_path / "home").exists()


def test_a_public_address_without_a_scheme_is_refused_before_anything_starts(tmp_path: Path) -> None:
    refused = CommandLine(tmp_path, None)("server", "start", "--public-url", "atoll.example.org")
    assert refused.returncode == 2
    assert "is no address such as `https://atoll.example.org`" in refused.stderr
    assert not (tmp_path / "home").exists()


def test_the_server_of_this_machine_is_found_and_stopped(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    command = [sys.executable, "-m", "tests.cli.canned_server", "--home", str(home)]
    process = subprocess.Popen(command, cwd=ROOT)
    while not (home / "server.json").exists():
        assert process.poll() is None
        time.sleep(0.01)
    atoll = CommandLine(tmp_path, None)
    again = atoll("server", "start")
    assert f"runs already at unix:{home}/api.sock (pid {process.pid})" in again.stdout
    second = atoll("server", "start", "--port", "8123")
    assert second.returncode == 1
    assert "a server is already running" in second.stderr
    assert (home / "token").read_text() == TOKEN
    assert atoll("server", "stop").stdout == "the server has stopped\n"
    assert process.wait(timeout=20) == -signal.SIGTERM


def test_another_machines_server_is_not_started_or_stopped(atoll: CommandLine) -> None:
    for verb in ("start", "stop"):
        shown = atoll("server", verb)
        assert shown.returncode == 1
        assert "ATOLL_SERVER_URL points to another server" in shown.stderr


def test_only_terminals_get_colour(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "fleets", [s.fleet(s.instance(0, s.A))])
    assert "\033[" not in atoll("fleet").stdout
