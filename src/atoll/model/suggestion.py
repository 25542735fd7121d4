"""The nearest known name to a wrong one, for `did you mean`."""

from collections.abc import Iterable

LONGEST = 200
"""Characters; longer texts get no suggestion."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most like `name`; None when none is like it."""
    return next(iter(_close(name, known)), None)


def did_you_mean(name: str, known: Iterable[str], otherwise: str | None = None) -> str | None:
    """The question with the nearest known name, or with two that are equally near; `otherwise` when none is."""
    close = _close(name, known)
    return f"did you mean {' or '.join(f'`{one}`' for one in close)}?" if close else otherwise


def _close(name: str, known: Iterable[str]) -> list[str]:
    """The nearest name and the next where it is as near, in alphabetical order."""
    from difflib import SequenceMatcher, get_close_matches  # only a wrong name needs it

    if len(name) > LONGEST:
        return []
    close = get_close_matches(name, set(known), n=2)
    ratios = [SequenceMatcher(None, one, name).ratio() for one in close]
    return sorted(one for one, ratio in zip(close, ratios, strict=True) if ratio == ratios[0])
