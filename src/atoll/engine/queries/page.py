"""One page of a list."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
SIZE = 300
"""Items of a page by default: building a page blocks the event loop, so it must take only a few milliseconds."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """Some items of a list; `more` is whether others follow the last one."""

    items: Sequence[T]
    more: bool
