"""The nearest zone names to a wrong one, for the directory.

Two steps keep it quick for hundreds of names and whole files of mistakes: every name one edit away is found by a
plain comparison, and only the few others with most letter pairs in common are ranked by difflib.
"""

from collections.abc import Callable, Iterable

from atoll.model.zone import Zone
from atoll.zones.naming import canonical, fold

FEW = 5
ALIKE = 0.75
"""difflib's ratio below which two names are unrelated."""


class Speller:
    """Holds the spellings worth suggesting: each zone's canonical one, and its id."""

    def __init__(self, zones: Iterable[Zone]) -> None:
        self._names: list[tuple[str, str, Zone]] = []
        for zone in zones:
            for name in dict.fromkeys((canonical(zone), zone.zone_id)):
                if name:
                    self._names.append((fold(name), name, zone))
        self._pairs: list[frozenset[str]] | None = None

    def is_near(self, text: str) -> bool:
        """True when some name is one edit away."""
        folded = fold(text)
        return any(one_edit(folded, name) for name, _, _ in self._names)

    def nearest(self, text: str, inside: Callable[[Zone], bool], allowed: Callable[[Zone], bool]) -> tuple[str, ...]:
        """Every name one edit away, and more of the nearest up to five; names of `allowed` zones, `inside` first."""
        folded = fold(text)
        close = [(name, shown, zone) for name, shown, zone in self._names if one_edit(folded, name) and allowed(zone)]
        if len(close) < FEW:
            close += self._alike(folded, allowed)
        ranked = sorted(
            close, key=lambda one: (not one_edit(folded, one[0]), not inside(one[2]), -_ratio(folded, one[0]), one[0])
        )
        names = list(dict.fromkeys(shown for _, shown, _ in ranked))
        at_once = len({shown for name, shown, _ in close if one_edit(folded, name)})
        return tuple(names[: max(FEW, at_once)])

    def _alike(self, folded: str, allowed: Callable[[Zone], bool]) -> list[tuple[str, str, Zone]]:
        if self._pairs is None:
            self._pairs = [_letter_pairs(name) for name, _, _ in self._names]
        wanted = _letter_pairs(folded)
        scored = [
            (len(wanted & pairs), index)
            for index, pairs in enumerate(self._pairs)
            if not wanted.isdisjoint(pairs) and allowed(self._names[index][2])
        ]
        scored.sort(key=lambda one: (-one[0], one[1]))
        best = [self._names[index] for _, index in scored[: 4 * FEW]]
        return [one for one in best if _ratio(folded, one[0]) >= ALIKE]


def one_edit(left: str, right: str) -> bool:
    """True when the two differ by one letter changed, added or left out, or by two neighbours swapped."""
    shorter, longer = (left, right) if len(left) <= len(right) else (right, left)
    gap = len(longer) - len(shorter)
    if gap > 1 or left == right:
        return False
    start = 0
    while start < len(shorter) and shorter[start] == longer[start]:
        start += 1
    if shorter[start + 1 - gap :] == longer[start + 1 :]:
        return True
    swapped = longer[start + 1 : start + 2] + longer[start : start + 1]
    return gap == 0 and shorter[start : start + 2] == swapped and shorter[start + 2 :] == longer[start + 2 :]


def _ratio(left: str, right: str) -> float:
    from difflib import SequenceMatcher  # only a wrong name needs it

    return SequenceMatcher(None, left, right, autojunk=False).ratio()


def _letter_pairs(text: str) -> frozenset[str]:
    return frozenset(text[index : index + 2] for index in range(len(text) - 1))
