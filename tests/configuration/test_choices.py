"""What a command sets beside its files: a name, and variables."""

import pytest

from atoll.configuration import Choices, Parsed, SourceFile, parse

TASK = "type: task\nname: train\ncommands: [work]\n"
FLEET = "type: fleet\nname: pool\nnodes: 1\n"


def parsed(text: str, choices: Choices, **environment: str) -> Parsed:
    return parse([SourceFile("a.yml", text)], environment=environment, choices=choices, applying=True)


def messages(found: Parsed) -> list[str]:
    return [one.message for one in found.diagnostics]


@pytest.mark.parametrize("text", [TASK, FLEET, "type: task\ncommands: [work]\n"])
def test_the_only_document_gets_the_name(text: str) -> None:
    [document] = parsed(text, Choices(name="other")).documents
    assert document.name == "other"
    assert document.to_json()["name"] == "other"


def test_the_only_run_gets_the_name_and_the_fleet_beside_it_keeps_its_own() -> None:
    found = parsed(f"{FLEET}---\n{TASK}", Choices(name="other"))
    assert [(document.kind, document.name) for document in found.documents] == [("fleet", "pool"), ("run", "other")]


def test_a_name_for_several_runs_is_refused() -> None:
    found = parsed(f"{TASK}---\n{TASK.replace('train', 'test')}", Choices(name="other"))
    assert messages(found) == ["a name for one document was given, `other`, and the files have 2"]


def test_a_wrong_name_is_refused() -> None:
    found = parsed(TASK, Choices(name="Wrong name"))
    assert messages(found) == ["`Wrong name` cannot be a name"]


@pytest.mark.parametrize(
    "env",
    ["", "env: {A: file, B: file}\n", "env: [A=file, B=file]\n", "env: [A, B=file]\n", "env: {A: null, B: file}\n"],
)
def test_variables_of_the_command_take_precedence_over_those_of_the_file(env: str) -> None:
    [document] = parsed(TASK + env, Choices(variables=("A", "C")), A="command", C="command").documents
    assert document.to_json()["env"] == ({"B": "file"} if env else {}) | {"A": "command", "C": "command"}


def test_a_fleet_keeps_its_variables() -> None:
    [document] = parsed(FLEET + "env: {A: file}\n", Choices(variables=("A",)), A="command").documents
    assert document.to_json()["env"] == {"A": "file"}


def test_a_fault_of_the_files_variables_is_reported_beside_those_of_the_command() -> None:
    found = parsed(TASK + "env: [3]\n", Choices(variables=("A",)), A="command")
    assert messages(found) == ["`3` cannot be the name of a variable"]


def test_a_wrong_variable_of_the_command_is_refused() -> None:
    found = parsed(TASK, Choices(variables=("1A",)), **{"1A": "command"})
    assert messages(found) == ["`1A` cannot be the name of a variable"]
