"""Equal documents, counted: runs that differ in nothing but their names are solved as one run with a number of copies.

A problem then grows with the kinds of its documents, not with their number. Copies are taken in the order of their
names, so that the order of the documents does not show.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from atoll.planning.request import Document, RunRequest, Strategy
from atoll.planning.solving.problem import Share, Solution

Copies = Mapping[str, tuple[str, ...]]
"""The names of each run's copies, by the name of the first; a run without an entry is one of its own."""

NONE: Copies = {}
"""No equal runs."""


@dataclass(frozen=True, slots=True)
class Counted:
    """The documents of which no two are equal; `copies` has the names that each run stands for."""

    documents: tuple[Document, ...]
    copies: Copies


def kind_of(run: RunRequest) -> RunRequest:
    """What equal runs have in common: the run without its name."""
    return replace(run, name="")


def are_equal(document: Document, run: RunRequest) -> bool:
    """Whether a document is a run that differs from another in its name alone."""
    return isinstance(document, RunRequest) and replace(document, name=run.name) == run


def number(copies: Copies, run: RunRequest) -> int:
    """How many a run stands for."""
    return len(copies.get(run.name, (run.name,)))


def counted(documents: Sequence[Document]) -> Counted:
    """The documents with equal runs as one. Runs that are spread are no kind: each is even by itself."""
    kept: list[Document] = []
    kinds: dict[RunRequest, list[str]] = {}
    for document in documents:
        if not isinstance(document, RunRequest) or document.strategy is Strategy.SPREAD:
            kept.append(document)
            continue
        kinds.setdefault(kind_of(document), []).append(document.name)
    names = [tuple(sorted(members)) for members in kinds.values()]
    runs = [replace(kind, name=members[0]) for kind, members in zip(kinds, names, strict=True)]
    return Counted((*kept, *runs), {members[0]: members for members in names if len(members) > 1})


def mounts(run: RunRequest) -> bool:
    """Whether any node of a run mounts a volume."""
    return any(node.mounts for node in run.nodes)


def told_apart(solution: Solution, documents: Iterable[Document], copies: Copies) -> Solution:
    """The solution with a part for each copy. A counted run's ranks are places: its copies' ranks one after another."""
    runs = dict(solution.runs)
    for run in documents:
        if isinstance(run, RunRequest) and run.name in copies and run.name in runs:
            runs.update(_parts(runs[run.name], copies[run.name], [node.rank for node in run.nodes]))
    return replace(solution, runs=runs)


def _parts(shares: Iterable[Share], names: Sequence[str], ranks: Sequence[int]) -> dict[str, tuple[Share, ...]]:
    parts: dict[str, list[Share]] = {name: [] for name in names}
    for share in shares:
        by_copy: dict[int, list[int]] = {}
        for place in share.ranks:
            by_copy.setdefault(place // len(ranks), []).append(ranks[place % len(ranks)])
        for copy, mine in by_copy.items():
            parts[names[copy]].append(replace(share, ranks=tuple(mine)))
    return {name: tuple(shares) for name, shares in parts.items()}
