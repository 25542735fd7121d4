"""What the options of a command set beside its files, and what a shell completes."""

import os
import subprocess
import sys

import pytest

from tests.e2e.conftest import Place

TASK = "type: task\nname: train\nenv: [GREETING=file]\ncommands: ['echo $GREETING $TOKEN $LEVEL', {more}]\n"


@pytest.fixture(scope="module")
def other(shared: Place) -> str:
    """The output of a run that was applied under another name, with other variables."""
    file = shared.write("train", TASK.format(more="'true'"))
    variables = shared.folder / "vars.env"
    variables.write_text("LEVEL=7\nTOKEN=from-file\n")
    shown = shared(
        "apply", file, "-n", "other", "-e", "GREETING=option", "-e", "TOKEN", "--env-file", str(variables), "-y",
        environment={"TOKEN": "from-shell"},
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    return shown.stdout


def test_a_file_is_applied_under_another_name_with_other_variables(shared: Place, other: str) -> None:
    assert other.endswith("\noption from-shell 7\n")
    assert "train" not in {run["name"] for run in shared.json("ps", "-a", "--json")}
    assert "done" in shared.ok("run", "get", "other")


def test_several_runs_are_stopped_and_deleted_together(shared: Place) -> None:
    file = shared.write("train", TASK.format(more="sleep 600"))
    for name in ("one", "two"):
        shared.ok("apply", file, "-n", name, "-e", "TOKEN=x", "-e", "LEVEL=1", "-y", "-d")
    refused = shared("stop", "one", "none")
    assert refused.returncode == 1
    assert "`none`" in refused.stderr
    assert all(run["finished_at"] is None for run in shared.json("ps", "--json"))
    assert shared.ok("stop", "one", "two", "--abort").splitlines() == ["run one: stopped", "run two: stopped"]
    assert "run one is deleted\nrun two is deleted" in shared.ok("delete", "run", "one", "two", "-y")


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("atoll comp", ["completion"]),
        ("atoll fleet g", ["get"]),
        ("atoll logs ot", ["other"]),
        ("atoll delete run ot", ["other"]),
        ("atoll zone get local-", ["local-a", "local-b", "local-c"]),
        ("atoll fleet get none-of-this", []),
    ],
)
@pytest.mark.usefixtures("other")
def test_a_shell_completes_commands_and_names(shared: Place, words: str, completed: list[str]) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "ATOLL_HOME": str(shared.home),
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
        "_ATOLL_COMPLETE": "bash_complete",
    }
    command = [sys.executable, "-m", "atoll.cli"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=30, check=False)
    assert done.stderr == ""
    assert [line.partition(",")[2] for line in done.stdout.split()] == completed


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_each_shell_is_printed(shared: Place, shell: str) -> None:
    assert "_ATOLL_COMPLETE" in shared.ok("completion", shell)


def test_a_newcomer_writes_a_first_file_and_applies_it(shared: Place) -> None:
    assert "it fits: 3 machines in local-a, local-b, local-c" in shared.ok("init", "-n", "first", "-y")
    shown = shared.ok("apply", "-y")
    lines = {f"first-task-{rank} | hello from node {rank} in local-{zone}" for rank, zone in enumerate("abc")}
    assert lines <= set(shown.splitlines())
    assert shared.ok("run", "-y", "--fleet", "first", "--", "echo", "a  b").endswith("\na  b\n")
    assert "fleet first is deleted" in shared.ok("fleet", "delete", "first", "-y")
