"""How many nodes are a share of all."""

from math import floor


def most_of(nodes: int, share: float) -> int:
    """The most of `nodes` that one zone may hold: the part `share` of them (0 to 1), rounded down, at least one."""
    # Products such as 10 x 0.3 may be a little below the whole number that they are.
    return max(1, floor(nodes * share + 1e-9))
