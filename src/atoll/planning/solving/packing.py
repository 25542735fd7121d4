"""How the nodes of runs share planned machines: which part of one each counts as, and which machine it gets.

A machine of N blocks holds floor(N / k) nodes that take k blocks each. Where nodes take different numbers, each number
counts as the next one of a chain of divisors: of sizes that divide each other, as many as the machines hold in sum can
be laid on them, the largest first.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from atoll.planning.plan import NodePlacement


def charge(taken: int, blocks: int, others: Collection[int]) -> float:
    """The part of a planned machine (0 to 1) that a node counts as; `others` are the numbers that any node takes."""
    if len(set(others) | {taken}) == 1:
        return 1 / (blocks // taken)
    return next(size for size in _chain(blocks) if size >= taken) / blocks


def _chain(blocks: int) -> list[int]:
    """Numbers of blocks from 1 to all, each of which divides the next."""
    chain = [1]
    for size in range(2, blocks + 1):
        if blocks % size == 0 and size % chain[-1] == 0:
            chain.append(size)
    return chain


@dataclass(slots=True)
class Packing:
    """Which nodes of a planned fleet, all alike, the nodes of runs get. `taken` are all numbers of blocks they take."""

    nodes: Sequence[NodePlacement]
    taken: Collection[int]
    _left: list[float] = field(default_factory=list)

    def next(self, blocks: int) -> int:
        """The number of the fleet's node for the next node of a run; those that take more are laid before."""
        if not self._left:
            self._left.extend([1.0] * len(self.nodes))
        part = charge(blocks, self.nodes[0].blocks, self.taken)
        place = next(place for place, left in enumerate(self._left) if left >= part - 1e-6)
        self._left[place] -= part
        return self.nodes[place].node
