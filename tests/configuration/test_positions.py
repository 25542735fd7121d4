"""A finding points at exactly what is wrong, however the YAML is written; the carets stand under it on a terminal.

`⟦` and `⟧` stand around the expected piece of each file and are taken out before it is read.
"""

import re
import unicodedata

import pytest

from atoll.cli.diagnostics import render
from atoll.configuration import SourceFile, parse
from atoll.model.diagnostic import Diagnostic

FLEET = "type: fleet\nname: f\nnodes: 1\n"
TASK = "type: task\nname: t\n"
AWS = FLEET + "backends: [aws]\nregions: [us-east-1]\n"
BREAKS = re.compile("\r\n|[\n\r\x85\u2028\u2029]")

CASES = {
    "block style": AWS + "availability_zones:\n  - us-east-1a\n  - ⟦us-east-1z⟧\n",
    "flow style": AWS + "availability_zones: [us-east-1a, ⟦us-east-1z⟧]\n",
    "flow style over lines": AWS + "availability_zones: [\n  us-east-1a,\n  ⟦us-east-1z⟧,\n]\n",
    "double quotes": AWS + 'availability_zones: [⟦"us-east-1z"⟧]\n',
    "single quotes": AWS + "availability_zones: [⟦'us-east-1z'⟧]\n",
    "an exclusion": AWS + 'availability_zones: [us-east-1a, ⟦"!us-east-1z"⟧]\n',
    "a key in a flow mapping": FLEET + "placement: {strategy: spread, ⟦max_skw⟧: 1}\n",
    "a nested block mapping": FLEET + "resources:\n  gpu:\n    memory: ⟦8XB⟧\n",
    "an anchor's own value": FLEET + "resources: {memory: &size ⟦8XB⟧}\n",
    "an alias points at what it repeats": TASK + "commands: [a]\nresources: {memory: &m ⟦8XB⟧, shm_size: *m}\n",
    "a merge points into the merged mapping": TASK + "commands: [a]\nresources:\n  <<: {memory: ⟦8XB⟧}\n  cpu: 4\n",
    "a merged alias": TASK
    + "groups:\n- {commands: [a], resources: &r {memory: ⟦8XB⟧}}\n- {commands: [b], resources: {<<: *r, cpu: 4}}\n",
    "the second document": FLEET + "---\n" + TASK + "commands: ⟦a⟧\n",
    "CRLF": (AWS + "availability_zones: [us-east-1a, ⟦us-east-1z⟧]\n").replace("\n", "\r\n"),
    "CR": (AWS + "availability_zones:\n- ⟦us-east-1z⟧\n").replace("\n", "\r"),
    "tabs between tokens": AWS + "availability_zones:\t[us-east-1a,\t⟦us-east-1z⟧]\n",
    "wide characters before": TASK + 'commands: ["日本語"]\ntags: {東京: "値", 大阪: ⟦[1]⟧}\n',
    "combining characters before": TASK + 'commands: [a]\ntags: {"e\u0301e\u0301": "x", b: ⟦[1]⟧}\n',
    "emoji before": TASK + 'commands: [a]\ntags: {"🙂🚀": "x", b: ⟦[1]⟧}\n',
    "wide characters within": FLEET + "placement: ⟦東京⟧\n",
    "after a comment with wide characters": "# 東京\n" + FLEET + "placement: ⟦clustr⟧  # 東京\n",
    "after a block scalar": TASK + "commands:\n  - |\n    a: [\n    b\n  - c\nnodes: ⟦x⟧\n",
    "after NEL and line separators": FLEET + 'env: {A: "x\x85y\u2028z"}\nplacement: ⟦clustr⟧\n',
    "an empty value": FLEET + "placement: {strategy: ⟦''⟧}\n",
    "a long line": FLEET + f"regions: [{', '.join(f'r-{n}' for n in range(60))}, ⟦[3]⟧, {'x' * 90}]\n",
}


def only(marked: str) -> tuple[str, str, Diagnostic]:
    """(the file, the expected piece, the one error)."""
    text = marked.replace("⟦", "").replace("⟧", "")
    found = [one for one in parse([SourceFile("f.yml", text)]).diagnostics if one.severity == "error"]
    assert len(found) == 1, found
    return text, marked[marked.index("⟦") + 1 : marked.index("⟧")], found[0]


def columns(text: str) -> int:
    """What a terminal needs for a text."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


@pytest.mark.parametrize("marked", CASES.values(), ids=CASES)
def test_the_span_is_the_piece_that_is_wrong(marked: str) -> None:
    text, piece, found = only(marked)
    span = found.span
    assert span is not None
    line = BREAKS.split(text)[span.line - 1]
    assert line[span.column - 1 : span.end_column - 1] == piece


@pytest.mark.parametrize("marked", CASES.values(), ids=CASES)
def test_the_carets_stand_under_it(marked: str) -> None:
    text, piece, found = only(marked)
    shown = render([found], {"f.yml": text}, colour=False).splitlines()
    excerpt, carets = shown[3], shown[4]
    begin, end = excerpt.index(piece), excerpt.index(piece) + len(piece)
    while columns(excerpt[:begin]) != carets.index("^") and piece in excerpt[begin + 1 :]:
        begin = excerpt.index(piece, begin + 1)  # the piece stands in the line more than once
        end = begin + len(piece)
    assert columns(excerpt[:begin]) == carets.index("^")
    assert columns(excerpt[begin:end]) == max(1, carets.count("^"))
    assert columns(excerpt) <= 140


def test_a_span_over_several_lines_is_marked_in_its_first() -> None:
    text = TASK + "commands:\n  a: 1\n  b: 2\n"
    (found,) = parse([SourceFile("f.yml", text)]).diagnostics
    shown = render([found], {"f.yml": text}, colour=False).splitlines()
    assert shown[3:5] == [" 4 |   a: 1", "   |   ^^^^"]


def test_no_colour_of_the_environment_keeps_the_output_plain() -> None:
    _, _, found = only(CASES["flow style"])
    assert "\x1b" in render([found], {}, colour=True)
    assert "\x1b" not in render([found], {}, colour=False)
