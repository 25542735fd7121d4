"""The catalog: an immutable snapshot of offers, with its date."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from atoll.model.offer import Offer


class Catalog:
    """Offers of all backends at one time."""

    def __init__(self, offers: tuple[Offer, ...], as_of: datetime) -> None:
        self._offers = offers
        self.as_of = as_of

    @classmethod
    def from_offers(cls, offers: Iterable[Offer], as_of: datetime) -> "Catalog":
        """The catalog of these offers, in their order."""
        return cls(tuple(offers), as_of)

    def __len__(self) -> int:
        return len(self._offers)

    def __iter__(self) -> Iterator[Offer]:
        return iter(self._offers)
