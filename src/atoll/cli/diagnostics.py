"""Prints diagnostics, for people and for programs. Every command that reads files uses it.

Columns are those of the terminal: wide characters take two, and tabs are shown as spaces, so that the caret stands
under its text.
"""

import json
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from atoll.cli import terminal
from atoll.model.diagnostic import Diagnostic, Severity, Span

_COLOURS = {"error": "bold red", "warning": "bold yellow", "bold": "bold", "frame": "blue"}
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
"""The line breaks of YAML, by which positions are counted."""
TAB = "    "
WIDEST = 120
"""Columns of a file's line that are shown."""
MOST_SHOWN = 200
"""The most findings shown to people; programs get all."""


def render(diagnostics: Sequence[Diagnostic], sources: Mapping[str, str], *, colour: bool) -> str:
    """The diagnostics with their pieces of `sources` (texts by file name), a blank line between two."""
    lines = {name: _BREAK.split(text) for name, text in sources.items()}
    shown = [_one(diagnostic, lines, colour) for diagnostic in diagnostics[:MOST_SHOWN]]
    if len(diagnostics) > MOST_SHOWN:
        shown.append(f"… and {len(diagnostics) - MOST_SHOWN} more like these\n")
    return "\n".join(shown)


def as_json(diagnostics: Sequence[Diagnostic]) -> str:
    """A JSON list of the diagnostics, with all their fields."""
    return json.dumps([asdict(diagnostic) for diagnostic in diagnostics], indent=2, ensure_ascii=False)


def as_github(diagnostics: Sequence[Diagnostic]) -> str:
    """The workflow commands that GitHub turns into annotations, one to a line."""
    return "\n".join(_annotation(diagnostic) for diagnostic in diagnostics)


def summary(diagnostics: Sequence[Diagnostic]) -> str:
    """`2 errors, 1 warning`."""
    errors = sum(diagnostic.severity == Severity.ERROR for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    counts = [(errors, "error"), (warnings, "warning")]
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for count, word in counts if count)


def _one(diagnostic: Diagnostic, lines: Mapping[str, Sequence[str]], colour: bool) -> str:
    def paint(text: str, style: str) -> str:
        return terminal.painted(text, _COLOURS[style]) if colour else text

    severity, span = str(diagnostic.severity.value), diagnostic.span
    label = paint(f"{severity}[{diagnostic.code}]", severity)
    out = [f"{label}{paint(': ' + _visible(diagnostic.message), 'bold')}"]
    margin = " " * (len(str(span.line)) + 2 if span else 3)
    if span:
        out.append(f"{margin[1:]}{paint('-->', 'frame')} {_visible(span.file)}:{span.line}:{span.column}")
        of_file = lines.get(span.file, ())
        if span.line <= len(of_file):
            text, caret = _excerpt(of_file[span.line - 1], span)
            out.append(margin + paint("|", "frame"))
            out.append(f"{paint(f' {span.line} |', 'frame')} {text}".rstrip())
            out.append(f"{margin}{paint('|', 'frame')} {paint(caret, severity)}")
    for note in diagnostic.notes:
        labelled = note.startswith("zones: ")
        out.append(f"{margin}{paint('=', 'frame')} {'' if labelled else 'note: '}{_visible(note)}")
    if diagnostic.help:
        out.append(f"{margin}{paint('=', 'frame')} help: {_visible(diagnostic.help)}")
    return "\n".join(out) + "\n"


def _excerpt(line: str, span: Span) -> tuple[str, str]:
    """The line and the carets under it; of a long line the piece around the span."""
    start = min(span.column - 1, len(line))
    end = min(span.end_column - 1, len(line)) if span.end_line == span.line else len(line.rstrip())
    first = 0
    if len(line) > WIDEST or _width(line) > WIDEST:
        first = max(0, start - WIDEST // 4)
        line, end = line[: first + 2 * WIDEST], min(end, first + 2 * WIDEST)
    before, marked = _visible(line[first:start]), _visible(line[start : max(end, start + 1)])
    shown = _cut(_visible(line[first:]), WIDEST)
    lead = "…" if first else ""
    carets = max(1, min(_width(marked), WIDEST - _width(before)))
    return lead + shown, " " * (_width(lead) + _width(before)) + "^" * carets


def _cut(text: str, columns: int) -> str:
    if _width(text) <= columns:
        return text
    while _width(text) > columns - 1:
        text = text[: columns - 1] if len(text) >= columns else text[:-1]
    return text + "…"


def _visible(text: str) -> str:
    """The text without control characters that would move a terminal's cursor."""
    return terminal.masked(text.replace("\t", TAB))


def _width(text: str) -> int:
    """The columns that a terminal needs."""
    return sum(_columns(letter) for letter in text)


def _columns(letter: str) -> int:
    if letter.isascii():
        return len(TAB) if letter == "\t" else 1
    if unicodedata.combining(letter) or unicodedata.category(letter) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _annotation(diagnostic: Diagnostic) -> str:
    span, facts = diagnostic.span, [f"title={_property(diagnostic.code)}"]
    if span:
        places = [("file", span.file), ("line", span.line), ("col", span.column), ("endLine", span.end_line)]
        facts = [*(f"{key}={_property(str(value))}" for key, value in places), *facts]
    words = [diagnostic.message, *diagnostic.notes, *([f"help: {diagnostic.help}"] if diagnostic.help else [])]
    return f"::{diagnostic.severity.value} {','.join(facts)}::{_escaped(chr(10).join(words))}"


def _escaped(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
