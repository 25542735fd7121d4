"""A first file, a command without a file, and deletions by the noun."""

import json

import pytest

from atoll.cli.main import grouped
from atoll.wire.api import ChangeAction, FieldChange, PlannedDocument
from tests.cli import samples as s
from tests.cli.canned_server import CannedServer
from tests.cli.conftest import CommandLine
from tests.cli.test_apply import SHORTFALL, slowly, the_log


def test_init_writes_a_file_and_says_where_it_fits(atoll: CommandLine, server: CannedServer) -> None:
    document = PlannedDocument("fleet", "first", nodes=(s.node(0, s.A), s.node(1, s.B)))
    server.on("POST", "plan", s.planned(s.change("fleet", "first"), documents=(document,)))
    shown = atoll("init", "-n", "first", "--nodes", "2", "--command", "echo hi")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "wrote .atoll.yml\n it fits: 2 machines in local-a, local-b\n next: `atoll apply`\n"
    text = (atoll.folder / ".atoll.yml").read_text()
    assert "name: first\nnodes: 2\n" in text
    assert "  - echo hi\n" in text
    again = atoll("init")
    assert (again.returncode, again.stderr.splitlines()[0]) == (1, "error: `.atoll.yml` exists")
    assert (atoll.folder / ".atoll.yml").read_text() == text


def test_init_says_what_does_not_fit_and_what_would(atoll: CommandLine, server: CannedServer) -> None:
    document = PlannedDocument("fleet", "first", shortfall=SHORTFALL)
    server.on("POST", "plan", s.planned(documents=(document,), complete=False))
    shown = atoll("init", "gpus.atoll.yml", "--gpu", "H100:8")
    assert shown.stdout == "wrote gpus.atoll.yml\n"
    assert shown.stderr == (
        "warning: fleet `first` does not fit now: 2 of 6 nodes fit\n  help: drop `availability_zones`: 3 zones fit\n"
    )


@pytest.mark.parametrize("name", ["first.yml", "notes.txt"])
def test_init_refuses_a_file_that_would_not_be_found(atoll: CommandLine, name: str) -> None:
    shown = atoll("init", name)
    assert (shown.returncode, list(atoll.folder.glob("*.*"))) == (2, [])
    assert f"`{name}` would not be found" in shown.stderr


def test_a_command_runs_as_a_task_and_its_file_is_printed(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "runs", [s.run("echo-3")])
    server.on("POST", "plan", s.planned(s.change(name="echo-4")))
    server.on("POST", "apply", s.accepted(s.change(name="echo-4")))
    server.on("GET", "events", slowly)
    server.on("GET", "runs/echo-4", s.finished("echo-4"))
    server.on("GET", "runs/echo-4/logs", the_log(s.log("hi there")))
    shown = atoll("run", "--cpu", "2", "-e", "LR=1", "-y", "--", "echo", "hi there")
    assert shown.returncode == 0, shown.stderr
    assert " commands:\n   - echo 'hi there'\n" in shown.stdout
    assert shown.stdout.endswith("\nhi there\n")
    sent = json.loads(next(one.body for one in server.requests if one.path.endswith("/apply")))
    assert sent["variables"] == ["LR"]
    assert sent["environment"] == {"LR": "1"}
    assert sent["files"][0]["text"].startswith("type: task\nname: echo-4\nresources: {cpu: 2}\nenv: [LR]\n")


def test_a_command_without_the_dashes_is_pointed_to_them(atoll: CommandLine) -> None:
    assert "to run it as a task: `atoll run -- python3 x.py`" in atoll("run", "python3", "x.py").stderr
    assert "`atoll run --gpu … -- COMMAND`" in atoll("run", "--gpu", "1").stderr


def test_a_file_of_this_folder_in_a_command_is_a_warning(atoll: CommandLine, server: CannedServer) -> None:
    atoll.write("", "train.py")
    server.on("POST", "plan", s.planned(s.change()))
    shown = atoll("run", "-n", "hello", "-e", "A=1", "--", "python3", "train.py")
    assert "warning: `train.py` is a file of this folder" in shown.stderr
    assert "pass `-y` to skip it" in shown.stderr


def test_all_of_a_kind_are_deleted_or_stopped_after_a_yes(atoll: CommandLine, server: CannedServer) -> None:
    server.on("GET", "runs", [s.finished("one"), s.run("two")])
    server.on("GET", "events", [])
    server.on("DELETE", "runs/one", s.finished("one"))
    assert "pass `-y`" in atoll("run", "delete", "--all").stderr
    shown = atoll("run", "delete", "--all", "-y")
    assert (shown.returncode, shown.stdout) == (0, "run one is deleted\n"), shown.stderr
    assert "which run?" in atoll("run", "delete").stderr
    assert "which run?" in atoll("stop", "one", "--all").stderr
    assert "pass `-y`" in atoll("stop", "--all").stderr


def test_the_help_groups_all_commands_and_cuts_no_sentence(atoll: CommandLine) -> None:
    shown = atoll("--help", environment={"COLUMNS": "80"})
    for title, names in grouped().items():
        part = shown.stdout.split(f"\n{title}:\n")[1].split("\n\n")[0]
        assert [line.split()[0] for line in part.splitlines()] == names
    ours = [line for line in shown.stdout.partition("Configurations:")[2].splitlines() if line.endswith("...")]
    assert ours == []


def test_help_finds_commands_by_their_words_and_plurals(atoll: CommandLine) -> None:
    assert atoll("help", "zones").stdout == atoll("zone", "--help").stdout
    assert atoll("help", "zone", "drain").stdout == atoll("zone", "drain", "--help").stdout
    assert atoll("help").stdout == atoll("--help").stdout
    assert "did you mean `fleet`?" in atoll("help", "flet").stderr
    assert atoll("help", "zone", "drown").returncode == 2
    assert "--columns NAMES" in atoll("help", "fleet").stdout


def test_diff_shows_the_keys_that_change_and_ends_with_1(atoll: CommandLine, server: CannedServer) -> None:
    field = FieldChange("nodes", "2", "3", True)
    server.on("POST", "plan", s.planned(s.change("fleet", "f", ChangeAction.UPDATE, fields=(field,))))
    shown = atoll("diff", atoll.write("type: fleet\nname: f\n"))
    assert shown.returncode == 1
    assert shown.stdout == " update  fleet f\n           nodes: 2 → 3 (in place)\n"
    server.on("POST", "plan", s.planned(s.change("fleet", "f", ChangeAction.UNCHANGED)))
    assert atoll("diff", "hello.atoll.yml").returncode == 0
