"""How the nodes of runs share planned machines: which part of one each counts as, and which machine it gets.

A machine of N blocks holds floor(N / k) nodes that take k blocks each. Where nodes take different numbers, each number
counts as the next one of a chain of divisors: of sizes that divide each other, as many as the machines hold in sum can
be laid on them, the largest first.
"""

from collections.abc import Collection, Sequence


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


def packed(taken: Sequence[int], blocks: int, machines: int) -> list[int]:
    """By node, the number of the planned machine that it goes on: each has `blocks`, and a node takes `taken` of them.

    Raises ValueError where they do not fit: the numbers of machines and nodes are those of a solution.
    """
    for parts in ([charge(each, blocks, taken) for each in taken], [each / blocks for each in taken]):
        places = _first_fit(parts, machines)
        if places is not None:
            return places
    raise ValueError(f"nodes of {list(taken)} blocks do not fit on {machines} machines of {blocks}")


def _first_fit(parts: Sequence[float], machines: int) -> list[int] | None:
    left, places = [1.0] * machines, []
    for part in parts:
        place = next((number for number, room in enumerate(left) if room >= part - 1e-6), None)
        if place is None:
            return None
        left[place] -= part
        places.append(place)
    return places
