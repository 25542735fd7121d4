"""YAML text to plain data, with the place of every key and value. `loading` reads whole files with it.

It walks libyaml's events itself rather than PyYAML's constructed objects: that keeps positions, finds duplicate keys,
and bounds depth and aliases before they cost anything. Scalars are read as in YAML 1.2 (`on`, `12:30` and `2026-01-01`
are text), because an environment variable must not change its value on the way; but `12e5`, which may be the hash of
a commit, is text too, as it is to PyYAML and so to dstack.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from atoll.configuration.reading.source import SourceFile
from atoll.configuration.types.scalar import WrittenFloat, WrittenInt, written_number
from atoll.model.diagnostic import Diagnostic, Span

Path = tuple[str | int, ...]

LARGEST_BYTES = 1024 * 1024
DEEPEST = 50
MOST_ALIASED = 10_000
"""Nodes that aliases may add to a file."""
MOST_VALUES = 20_000
"""Values of one document: each costs time in every later step, and no real document comes near."""
LONGEST_NUMBER = 64
"""Digits."""

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_FLOAT = re.compile(r"[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)(?:[eE][-+][0-9]+)?\Z")
_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_ANCHOR = re.compile(r"&[^\s,\[\]{}]+[ \t]+")
_EXCLUSION = re.compile(r"[\[,-] *(!(?!!)[^\s,\]]+)[,\]]?$")
_CONSTANTS = {"": None, "~": None, "null": None, "Null": None, "NULL": None} | {
    spelling: value
    for word, value in (("true", True), ("false", False))
    for spelling in (word, word.title(), word.upper())
}
_PLAIN_TAGS = frozenset(
    {None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("int", "float", "bool", "null", "seq", "map"))}
)
_TEXT_TAG = "tag:yaml.org,2002:str"


class Unreadable(Exception):  # noqa: N818 - a finding about the user's file
    """The file cannot be read further: why, and where."""

    def __init__(self, diagnostic: Diagnostic) -> None:
        super().__init__(diagnostic.message)
        self.diagnostic = diagnostic


@dataclass(slots=True)
class Node:
    """A scalar (text in `value`), a sequence (nodes) or a mapping (pairs of nodes)."""

    value: str | list["Node"] | list[tuple["Node", "Node"]]
    span: Span
    tag: str | None = None
    is_mapping: bool = False
    is_plain: bool = False
    size: int = 1
    height: int = 0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value stands, and its key when it has one."""

    value: Span
    key: Span | None = None


@dataclass(slots=True)
class RawDocument:
    """One YAML document: plain data and the place of each path in it."""

    data: Any
    places: dict[Path, Place] = field(default_factory=dict)
    findings: list[Diagnostic] = field(default_factory=list)


def read(file: SourceFile, *, written: bool = False) -> Iterator[RawDocument]:
    (
        """The documents of a file, empty ones left out; with `written`, numbers keep their text.

    Raises Unreadable at the first thing that ends the reading.
    """
        ""
    )
    if len(file.text) > LARGEST_BYTES or len(file.text.encode("utf-8", "replace")) > LARGEST_BYTES:
        raise Unreadable(Diagnostic("file-too-large", f"`{file.name}` is larger than 1 MiB", help=_SMALL))
    for node in _Composer(file).documents():
        if node.is_plain and node.value == "":
            continue
        yield _Constructor(written).document(node)


_SMALL = "configurations are small: keep data and scripts in files of their own"


class _Composer:
    """Events to nodes."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._anchors: dict[str, Node] = {}
        self._aliased = 0
        self._values = 0
        self._loader: Any = None
        self._yaml: Any = None
        """The library, imported when a file is read."""
        self._lines: list[str] | None = None

    def documents(self) -> Iterator[Node]:
        import yaml

        self._yaml = yaml
        try:
            self._loader = yaml.CSafeLoader(self._file.text.encode())
            while not isinstance(event := self._loader.get_event(), yaml.StreamEndEvent):
                if isinstance(event, yaml.DocumentStartEvent):
                    self._anchors = {}
                    self._values = 0
                    yield self._node(self._loader.get_event(), 0)
        except yaml.MarkedYAMLError as error:
            raise Unreadable(self._syntax(error)) from None
        except (yaml.YAMLError, UnicodeError):
            raise Unreadable(self._unprintable()) from None

    def _node(self, event: Any, depth: int) -> Node:
        if isinstance(event, self._yaml.AliasEvent):
            return self._alias(event.anchor, self._span(event), depth)
        if depth > DEEPEST:
            raise Unreadable(_too_deep(self._span(event)))
        self._values += 1
        if self._values > MOST_VALUES:
            message = f"a document has more than {MOST_VALUES:,} values"
            raise Unreadable(Diagnostic("file-too-large", message, span=self._span(event), help=_SMALL))
        if isinstance(event, self._yaml.ScalarEvent):
            plain = event.style is None or event.style == ""
            span = self._after_anchor(self._span(event), event.anchor)
            node = Node(event.value, span, event.tag, is_plain=plain)
        else:
            node = self._collection(event, depth)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _collection(self, event: Any, depth: int) -> Node:
        is_mapping = isinstance(event, self._yaml.MappingStartEvent)
        children: list[Node] = []
        while not isinstance(end := self._loader.get_event(), self._yaml.CollectionEndEvent):
            children.append(self._node(end, depth + 1))
        first, last = event.start_mark, end.end_mark
        whole = Span(self._file.name, first.line + 1, first.column + 1, last.line + 1, last.column + 1)
        size, height = 1, 0
        for child in children:
            size += child.size
            height = max(height, child.height)
        height += 1
        if not is_mapping:
            return Node(children, whole, event.tag, size=size, height=height)
        pairs = list(zip(children[::2], children[1::2], strict=True))
        return Node(pairs, whole, event.tag, is_mapping=True, size=size, height=height)

    def _alias(self, anchor: str | None, span: Span, depth: int) -> Node:
        node = self._anchors.get(anchor or "")
        if node is None:
            raise Unreadable(Diagnostic("not-yaml", f"`*{anchor}` has no anchor `&{anchor}` before it", span=span))
        if depth + node.height > DEEPEST:
            raise Unreadable(_too_deep(span))
        self._aliased += node.size
        if self._aliased > MOST_ALIASED:
            raise Unreadable(Diagnostic("too-deep", f"aliases add more than {MOST_ALIASED:,} values", span=span))
        return node

    def _span(self, event: Any) -> Span:
        start, end = event.start_mark, event.end_mark
        return Span(self._file.name, start.line + 1, start.column + 1, end.line + 1, end.column + 1)

    def _after_anchor(self, span: Span, anchor: str | None) -> Span:
        """The span of a scalar without the `&anchor` that libyaml counts to it."""
        if anchor is None:
            return span
        if self._lines is None:
            self._lines = _BREAK.split(self._file.text)
        found = _ANCHOR.match(self._lines[span.line - 1], span.column - 1)
        column = found.end() + 1 if found else span.column
        return Span(span.file, span.line, column, span.end_line, span.end_column)

    def _syntax(self, error: Any) -> Diagnostic:
        mark = error.problem_mark or error.context_mark
        lines = _BREAK.split(self._file.text)
        if mark and error.context_mark and not "".join(lines[mark.line :])[mark.column :].strip():
            mark = error.context_mark  # the end of the file shows nothing; what was never closed does
        span = mark and Span(self._file.name, mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)
        help = _cure(lines[mark.line][: mark.column + 1] if mark and mark.line < len(lines) else "")
        return Diagnostic("not-yaml", f"this is not YAML: {error.problem}", span=span, help=help)

    def _unprintable(self) -> Diagnostic:
        lines = _BREAK.split(self._file.text)
        for number, line in enumerate(lines, 1):
            bad = next((column for column, letter in enumerate(line, 1) if not _printable(letter)), None)
            if bad:
                span = Span(self._file.name, number, bad, number, bad + 1)
                return Diagnostic("not-yaml", f"the character U+{ord(line[bad - 1]):04X} may not be in YAML", span=span)
        return Diagnostic("not-yaml", f"`{self._file.name}` is not text")


def _cure(line: str) -> str:
    """What is most likely wrong in a line that YAML cannot read further."""
    if "\t" in line:
        return "indent with spaces"
    tag = _EXCLUSION.search(line)
    return f'write `"{tag[1]}"` in quotes' if tag else "check quotes, brackets and colons"


def _too_deep(span: Span) -> Diagnostic:
    help = "no key needs that many: look for a bracket that is never closed, or an alias within its own anchor"
    return Diagnostic("too-deep", f"nested deeper than {DEEPEST} levels", span=span, help=help)


def _printable(letter: str) -> bool:
    code = ord(letter)
    return letter in "\t\r\x85" or 0x20 <= code <= 0x7E or 0xA0 <= code <= 0xD7FF or code >= 0xE000


class _Constructor:
    """Nodes to plain data: None, bool, int, float, str, list, dict with text keys."""

    def __init__(self, written: bool) -> None:
        self._raw = RawDocument(None)
        self._written = written

    def document(self, node: Node) -> RawDocument:
        self._raw.places[()] = Place(node.span)
        self._raw.data = self._value(node, ())
        return self._raw

    def _value(self, node: Node, path: Path) -> Any:
        if node.is_mapping:
            return self._mapping(node, path)
        if isinstance(node.value, list):
            return [self._item(item, (*path, index)) for index, item in enumerate(node.value)]
        return self._scalar(node, path)

    def _item(self, node: Any, path: Path) -> Any:
        self._raw.places[path] = Place(node.span)
        return self._value(node, path)

    def _mapping(self, node: Node, path: Path) -> dict[str, Any]:
        data: dict[str, Any] = {}
        for key, value in self._pairs(node):
            name = self._key(key)
            if name not in data:
                self._raw.places[(*path, name)] = Place(value.span, key.span)
                data[name] = self._value(value, (*path, name))
        return data

    def _pairs(self, node: Node) -> list[tuple[Node, Node]]:
        """The mapping's own pairs, then those merged in, which count where no earlier one has their key."""
        seen: dict[str, Span] = {}
        own: list[tuple[Node, Node]] = []
        merged: list[tuple[Node, Node]] = []
        pairs: Any = node.value
        for key, value in pairs:
            name = self._key(key)
            if key.is_plain and name == "<<":
                merged.extend(self._merged(value))
            elif name in seen:
                note = f"it stands in line {seen[name].line} already"
                self._find("duplicate-key", f"`{name[:60]}` is set twice", key.span, note)
            else:
                seen[name] = key.span
                own.append((key, value))
        return own + merged

    def _merged(self, node: Node) -> list[tuple[Node, Node]]:
        sources: Any = node.value if isinstance(node.value, list) and not node.is_mapping else [node]
        if not all(source.is_mapping for source in sources):
            raise Unreadable(Diagnostic("not-yaml", "`<<` takes a mapping or a list of mappings", span=node.span))
        return [pair for source in sources for pair in self._pairs(source)]

    def _key(self, node: Node) -> str:
        if not isinstance(node.value, str):
            raise Unreadable(Diagnostic("not-yaml", "a key must be text", span=node.span))
        return node.value

    def _scalar(self, node: Node, path: Path) -> Any:
        text = node.value
        assert isinstance(text, str)
        if node.tag == _TEXT_TAG or (node.tag is None and not node.is_plain):
            return text
        if node.tag not in _PLAIN_TAGS:
            self._tagged(node, text)
            return text
        if text in _CONSTANTS:
            return str(text) if _is_variable(path) and text not in ("", "~", "null") else _CONSTANTS[text]
        if _is_variable(path):
            return text
        return self._number(node, text)

    def _number(self, node: Node, text: str) -> Any:
        if len(text) > LONGEST_NUMBER and (_INT.match(text) or _FLOAT.match(text)):
            self._find("wrong-value", f"a number has at most {LONGEST_NUMBER} digits", node.span)
            return 0
        if _INT.match(text):
            return written_number(WrittenInt, text) if self._written else int(text)
        if not _FLOAT.match(text):
            return text
        return written_number(WrittenFloat, text) if self._written else float(text)

    def _tagged(self, node: Node, text: str) -> None:
        tag = node.tag or ""
        quoted = f'write `"{tag}{text}"` in quotes' if tag.startswith("!") else "leave the tag out"
        message = f"`{tag}` is read as a YAML tag, which means nothing here"
        diagnostic = Diagnostic("not-yaml", message, span=node.span, help=quoted)
        self._raw.findings.append(diagnostic)

    def _find(self, code: str, message: str, span: Span, *notes: str) -> None:
        self._raw.findings.append(Diagnostic(code, message, span=span, notes=notes))


def _is_variable(path: Path) -> bool:
    """True for the values of `env`, which are text as they stand."""
    return len(path) == 2 and path[0] == "env"
