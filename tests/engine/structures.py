"""Documents and snapshots that are wrong in their structure, made from sound ones; each number gives the same ones.

    python -m tests.engine.structures FROM TO

Reads and plans each as a worker process of the server does, and shows the answer as JSON. A refusal is an answer; any
other exception would be a status 500.
"""

import copy
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import yaml

from atoll.engine.parts.refusal import Refused
from atoll.engine.requests.replay import replay
from atoll.server.answer import encoded
from atoll.server.views import plan_view
from atoll.wire.api import SourceFile, Submission

EXAMPLES = Path(__file__).parents[2] / "examples"
ODD: list[Any] = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 2**64, -(10**30), 1.5, -0.0, float("inf"), float("nan"), "", " ", "a",
    "*", "..", "4..2", "-1..", "0..0", "1e400GB", "16GB..8GB", "H100:0", "off", "3d", "yes", "2026-01-01", "!", "!*",
    "us-*", "${{ x }}", "${{", "a:/b", "a:b:c:d", "/", "../..", "\u202e", "日本", "é" * 300, "x" * 5000, "9" * 400, [],
    {}, [[]], [{}], {"": ""}, {"a": None}, {"min": 2, "max": 1}, [None], ["a", "a"],
]  # fmt: skip
"""Values that a reader may not expect where they stand."""
SECONDS = 2.0
"""The most CPU that one may take."""


@dataclass(frozen=True, slots=True)
class Case:
    """One submission over one snapshot."""

    submission: Submission
    snapshot: bytes


def case(number: int) -> Case:
    """The case of a number: an example's documents, its snapshot, or both, with at most four faults."""
    chance = Random(number)
    documents: Any = copy.deepcopy(chance.choice(_DOCUMENTS))
    snapshot: Any = copy.deepcopy(_SNAPSHOT)
    target = chance.choice(("documents", "documents", "snapshot", "both"))
    for _ in range(chance.choice((0, 1, 1, 1, 2, 4))):
        if target != "snapshot":
            documents = _spoilt(documents, chance)
        if target != "documents":
            snapshot = _spoilt(snapshot, chance)
    form = chance.choice((yaml.safe_dump_all, _as_json))
    text = form(documents if isinstance(documents, list) else [documents])
    return Case(Submission((SourceFile("x.atoll.yml", text),)), json.dumps(snapshot).encode())


def outcome(one: Case) -> str:
    """`planned` or the code of the refusal. Raises what the server would answer with a status 500."""
    try:
        planned = replay(one.snapshot, one.submission)
    except Refused as refused:
        encoded(refused.diagnostics)
        return refused.code
    encoded(plan_view(planned))
    return "planned"


def _as_json(documents: list[Any]) -> str:
    """YAML that is JSON: its scalars are quoted and its mappings inline."""
    return "\n---\n".join(json.dumps(one) for one in documents)


def _spoilt(value: Any, chance: Random) -> Any:
    """The value with one fault at one of its places."""
    places = [*_places(value, ())]
    path = chance.choice(places)
    if not path:
        return copy.deepcopy(chance.choice(ODD)) if chance.random() < 0.1 else value
    parent = value
    for step in path[:-1]:
        parent = parent[step]
    _spoil(parent, path[-1], chance.choice(places), value, chance)
    return value


def _spoil(parent: Any, key: Any, other: tuple[Any, ...], whole: Any, chance: Random) -> None:
    kind = chance.randrange(7)
    if kind == 0:
        del parent[key]
    elif kind == 1 and isinstance(parent, dict):
        parent[chance.choice(_KEYS)] = copy.deepcopy(parent[key])
    elif kind == 2:
        found = whole
        for step in other:
            found = found[step]
        parent[key] = copy.deepcopy(found)  # another part of the same file stands here
    elif kind == 3:
        parent[key] = [copy.deepcopy(parent[key])] * chance.choice((1, 2, 50))
    elif kind == 4:
        parent[key] = _nested(parent[key], chance.choice((2, 20, 80)))
    else:
        parent[key] = copy.deepcopy(chance.choice(ODD))


def _nested(value: Any, depth: int) -> Any:
    for level in range(depth):
        value = {"x": value} if level % 2 else [value]
    return value


def _places(value: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    yield path
    if len(path) < 12 and isinstance(value, dict | list):
        for key, inner in [*(value.items() if isinstance(value, dict) else enumerate(value))][:60]:
            yield from _places(inner, (*path, key))


def _keys(value: Any) -> Iterator[str]:
    for path in _places(value, ()):
        if path and isinstance(path[-1], str):
            yield path[-1]


_DOCUMENTS = [[*yaml.safe_load_all(path.read_text())] for path in sorted(EXAMPLES.glob("*.yml"))]
_SNAPSHOT = json.loads((EXAMPLES / "snapshot.json").read_text())
_KEYS = sorted({*_keys(_DOCUMENTS), *_keys(_SNAPSHOT)})


def check(numbers: range) -> dict[str, int]:
    """How often each outcome came. Raises AssertionError for a failure, with its number."""
    counts: dict[str, int] = {}
    for number in numbers:
        began = time.process_time()
        try:
            found = outcome(case(number))
        except Exception as error:
            raise AssertionError(f"structure {number} fails: {type(error).__name__}: {error}") from error
        assert time.process_time() - began < SECONDS, f"structure {number} takes {time.process_time() - began:.1f} s"
        counts[found] = counts.get(found, 0) + 1
    return counts


def main() -> None:
    """Try all numbers, and print each failure instead of ending at the first."""
    failed = 0
    counts: dict[str, int] = {}
    slowest = (0.0, 0)
    began = time.process_time()
    for number in range(int(sys.argv[1]), int(sys.argv[2])):
        since = time.process_time()
        try:
            found = outcome(case(number))
        except Exception as error:
            failed += 1
            found = type(error).__name__
            sys.stdout.write(f"{number}: {found}: {str(error)[:200]}\n")
        counts[found] = counts.get(found, 0) + 1
        slowest = max(slowest, (time.process_time() - since, number))
    sys.stdout.write(f"{counts} failed={failed} slowest={slowest} cpu={time.process_time() - began:.0f}\n")


if __name__ == "__main__":
    main()
