"""The same question asked in another way: cases that must get the same answer."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from atoll.model.catalog import Catalog
from atoll.model.offer import Offer
from atoll.planning.plan import Plan
from atoll.planning.request import Request
from atoll.planning.snapshot import Snapshot
from tests.planning.worlds import NOW, Case

T = TypeVar("T")


def shuffled(rng: Random, values: Sequence[T]) -> tuple[T, ...]:
    """The same values in another order."""
    return tuple(rng.sample(list(values), len(values)))


def in_another_order(case: Case, rng: Random) -> Case:
    """The same world, told in another order."""
    old = case.snapshot
    snapshot = replace(
        old,
        catalog=Catalog.from_offers(shuffled(rng, tuple(old.catalog)), NOW),
        zones=shuffled(rng, old.zones),
        backends=shuffled(rng, old.backends),
        instances=shuffled(rng, old.instances),
        volumes=shuffled(rng, old.volumes),
        usage=shuffled(rng, old.usage),
        quotas=shuffled(rng, old.quotas),
        failures=shuffled(rng, old.failures),
    )
    return Case(case.request, snapshot)


def with_documents_in_another_order(case: Case, rng: Random) -> Case:
    """The same documents in another order."""
    return Case(Request(case.request.id, shuffled(rng, case.request.documents)), case.snapshot)


def with_offers(snapshot: Snapshot, offers: Sequence[Offer]) -> Snapshot:
    """The same world with these offers."""
    return replace(snapshot, catalog=Catalog.from_offers(offers, NOW))


def placements(plan: Plan) -> dict[tuple[str, str], object]:
    """Where everything goes, by document."""
    return {(d.kind.value, d.name): (d.zone, d.placements, d.shortfall is None) for d in plan.documents}
