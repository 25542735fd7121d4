"""How plans of related cases must relate: the same question asked in another way gets the same answer.

Each relation plans its own variants of a case and tells what differs from the plan that it is given.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from atoll.model.catalog import Catalog
from atoll.model.offer import UNKNOWN_PRICE, Availability, Offer
from atoll.planning import plan
from atoll.planning.plan import DocumentKind, Plan, Source
from atoll.planning.request import FleetRequest, Request
from atoll.planning.snapshot import Snapshot
from tests.planning import rules
from tests.planning.worlds import NOW, Case

Relation = Callable[[Case, Plan, Random], Iterator[str]]

T = TypeVar("T")


def shuffled(rng: Random, values: Sequence[T]) -> tuple[T, ...]:
    """The same values in another order."""
    return tuple(rng.sample(list(values), len(values)))


def with_offers(snapshot: Snapshot, offers: Sequence[Offer]) -> Snapshot:
    """The same world with these offers."""
    return replace(snapshot, catalog=Catalog.from_offers(offers, NOW))


def placements(answer: Plan, *kinds: DocumentKind) -> dict[tuple[str, str], object]:
    """Where everything goes, by document; of all kinds unless told otherwise."""
    return {
        (d.kind.value, d.name): (d.zone, d.placements, d.shortfall is None)
        for d in answer.documents
        if not kinds or d.kind in kinds
    }


def _differences(one: dict[tuple[str, str], object], other: dict[tuple[str, str], object]) -> Iterator[str]:
    yield from (f"{key}: {one.get(key)} and {other.get(key)}" for key in one if one.get(key) != other.get(key))


def the_same_again(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """The same input has the same plan, to the last fact."""
    if plan(case.request, case.snapshot) != answer:
        yield "a second plan of the same input differs"


def no_order_shows(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """The order in which the world is told does not matter, to the last fact."""
    old = case.snapshot
    snapshot = replace(
        with_offers(old, shuffled(rng, tuple(old.catalog))),
        zones=shuffled(rng, old.zones),
        backends=shuffled(rng, old.backends),
        instances=shuffled(rng, old.instances),
        volumes=shuffled(rng, old.volumes),
        usage=shuffled(rng, old.usage),
        quotas=shuffled(rng, old.quotas),
        failures=shuffled(rng, old.failures),
    )
    other = plan(case.request, snapshot)
    yield from _differences(placements(answer), placements(other))
    if other != answer:
        yield "the plan's reasons depend on the order in which the world is told"


def no_order_of_documents_shows(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """Where everything fits, the order of the documents does not matter; else the earlier ones go first."""
    if answer.complete and not any(document.notes for document in answer.documents):
        request = Request(case.request.id, shuffled(rng, case.request.documents))
        yield from _differences(placements(answer), placements(plan(request, case.snapshot)))


def unused_offers_change_nothing(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """Without an offer that is not used everything goes where it went.

    An offer counts as used when a zone would not be eligible without it, or would have no machines at all.
    """
    old = case.snapshot
    used = {(n.zone, n.instance_type, n.market) for d in answer.documents for n in d.placements}
    spare = [o for o in old.catalog if (o.zone, o.instance_type, o.market) not in used]
    if not spare:
        return
    gone = rng.choice(spare)
    left = with_offers(old, [offer for offer in old.catalog if offer != gone])
    still = {offer.zone for offer in left.catalog if offer.availability is Availability.AVAILABLE}
    fleets = [d.requirements for d in case.request.documents if isinstance(d, FleetRequest)]
    same = all(rules.eligible(asked, left) == rules.eligible(asked, old) for asked in fleets)
    if same and gone.zone in still:
        yield from _differences(placements(answer), placements(plan(case.request, left)))


def failures_leave_out_exactly_their_scope(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """Failures do what marking each offer in their scope, and no other, as unavailable would do, until their time."""
    old = case.snapshot
    dry = rules.dry_zones(old)

    def out(offer: Offer) -> bool:
        place = (offer.zone.backend, offer.zone.region, offer.zone.name)
        return place in dry or any(rules.left_out(offer, failure, old) for failure in old.failures)

    marked = [replace(o, availability=Availability.UNAVAILABLE) if out(o) else o for o in old.catalog]
    other = plan(case.request, replace(with_offers(old, marked), failures=()))
    kinds = (DocumentKind.FLEET, DocumentKind.RUN)
    yield from _differences(placements(answer, *kinds), placements(other, *kinds))


def a_cheaper_offer_wins(case: Case, answer: Plan, rng: Random) -> Iterator[str]:
    """When an offer that is used becomes cheaper, or one more like it comes at less, the plan becomes no dearer."""
    bought = [
        n for d in answer.documents for n in d.placements if n.source is Source.NEW and 0 < n.price < UNKNOWN_PRICE
    ]
    if not answer.complete or not bought:
        return
    node = rng.choice(bought)
    offers = [
        replace(o, price=o.price / 2)
        if (o.zone, o.instance_type, o.market) == (node.zone, node.instance_type, node.market)
        else o
        for o in case.snapshot.catalog
    ]
    other = plan(case.request, with_offers(case.snapshot, offers))
    if not other.complete or other.price > answer.price - node.price / 2 + 1e-6:
        yield f"{node.instance_type.name} in {node.zone} costs half, and the plan {other.price}, not {answer.price}"


ALL: tuple[Relation, ...] = (
    the_same_again,
    no_order_shows,
    no_order_of_documents_shows,
    unused_offers_change_nothing,
    failures_leave_out_exactly_their_scope,
    a_cheaper_offer_wins,
)
