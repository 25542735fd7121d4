"""The files of GameDays: what they mean, and what is said of those that are wrong."""

from pathlib import Path

import pytest

from atoll.cli.errors import CommandError
from atoll.cli.gameday_file import Deed, Expected, Step, read

EXAMPLE = Path(__file__).parents[2] / "examples" / "gameday" / "lose-a-zone.yml"


def test_the_example_is_read() -> None:
    day = read(str(EXAMPLE))
    assert day.name == "lose-a-zone"
    assert [str(step) for step in day.steps] == ["fail local-b", "heal 15 s", "wait 5 s", "restore local-b"]
    assert day.expected == Expected(15, {}, 0)


def test_steps_and_expectations_have_their_values(tmp_path: Path) -> None:
    file = tmp_path / "day.yml"
    file.write_text("steps: [{close: a}, {wait: 90s}, {open: a}]\nexpect: {lowest: {web: 6}}\n")
    day = read(str(file))
    assert day.steps == (Step(Deed.CLOSE, "a"), Step(Deed.WAIT, seconds=90), Step(Deed.OPEN, "a"))
    assert day.expected == Expected(lowest={"web": 6})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is not YAML"),
        ("", "is empty"),
        ("[1]", "the file has keys: name, steps, expect"),
        ("step: []", "unknown key `step`, did you mean `steps`?"),
        ("steps: []", "`steps` is a list of what is done"),
        ("steps: [wait]", "step 1 has keys"),
        ("steps: [{wait: 2s}]", "no step does anything to a zone"),
        ("steps: [{fail: a, wait: 2s}]", "step 1: a step is one of"),
        ("steps: [{fial: a}]", "step 1: unknown key `fial`, did you mean `fail`?"),
        ("steps: [{fail: 3}]", "step 1: `fail` names a zone"),
        ("steps: [{fail: a}, {wait: soon}]", "step 2: `soon` is no duration"),
        ("steps: [{fail: a}, {wait: 7h}]", "step 2: 6 hours at most"),
        ("steps: [{fail: a}]\nexpect: {heal: -1}", "`heal` in `expect`: `-1` is no duration"),
        ("steps: [{fail: a}]\nexpect: {lowest: {web: many}}", "`lowest` in `expect` has numbers"),
        ("steps: [{fail: a}]\nexpect: {ended_runs: true}", "`ended_runs` in `expect` is a number of runs"),
        ("steps: [" + "{fail: a}," * 101 + "]", "there are 101 steps, and 100 at most are done"),
    ],
)
def test_a_file_that_is_none_says_what_is_wrong(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "day.yml"
    file.write_text(text)
    with pytest.raises(CommandError) as refused:
        read(str(file))
    assert message in refused.value.message
