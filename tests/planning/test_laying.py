"""A fleet that stands alone is laid as every possible count of new machines in every zone says it is best.

The enumeration knows nothing of levels and bounds: it applies the definitions of `docs/planning.md` to all counts.
"""

import random
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import product

import pytest

from atoll.model.offer import Market
from atoll.model.resources import InstanceType
from atoll.planning.request import Placement, Strategy
from atoll.planning.solving import strategies, zones
from atoll.planning.solving.options import Option
from atoll.planning.solving.problem import FleetGroup
from tests.planning import rules

MACHINE = InstanceType("m", 4, 16)
CASES = 400
PER_CHUNK = 50


def some_fleet(chance: random.Random) -> FleetGroup:
    """A small fleet over two to four zones, with prices that are often equal and limits that often bind."""
    places = tuple(range(chance.randint(2, 4)))
    options: list[Option] = []
    for zone in places:
        for _ in range(chance.choice((0, 1, 1, 2, 2))):
            price, lot = float(chance.choice((1, 1, 2, 3, 7))), zone / 8
            limit = chance.choice((None, None, 1, 2, 3))
            key = (price, 0.0, 4.0, 16.0, 0.0, lot, "m", Market.ON_DEMAND.value)
            options.append(Option(zone, len(options), MACHINE, Market.ON_DEMAND, price, limit, None, key))
    eligible = tuple(sorted({option.zone for option in options}))
    existing = {zone: chance.randint(1, 4) for zone in (*places, 9) if chance.random() < 0.3}
    strategy = chance.choice((Strategy.ANY, Strategy.CLUSTER, Strategy.SPREAD, Strategy.SPREAD))
    placement = Placement(strategy, max_skew=chance.choice((1, 1, 2, 3)), survive_zones=chance.choice((0, 1, 1, 2)))
    if strategy is not Strategy.CLUSTER and chance.random() < 0.4:
        placement = replace(placement, max_zones=chance.choice((1, 2, 2, 3)))
    if strategy is not Strategy.CLUSTER and chance.random() < 0.3:
        placement = replace(placement, max_share=chance.choice((0.34, 0.5, 0.5, 0.7)))
    return FleetGroup("f", chance.randint(1, 5), existing, tuple(options), placement, eligible)


def allowed(fleet: FleetGroup, new: Mapping[int, int]) -> bool:
    """True when a fleet with these new machines keeps its placement."""
    counts = {zone: fleet.existing.get(zone, 0) + new.get(zone, 0) for zone in {*fleet.existing, *fleet.eligible}}
    lost = fleet.placement.survive_zones
    if lost:
        if sum(sorted(counts.values())[: max(0, len(counts) - lost)]) < fleet.nodes:
            return False
    elif sum(new.values()) != fleet.missing:
        return False
    if fleet.placement.strategy is Strategy.CLUSTER:
        if fleet.missing == 0:
            return not any(new.values())
        return {zone for zone, count in new.items() if count} <= (
            {fleet.home} if fleet.home is not None else {*new}
        ) and (sum(count > 0 for count in new.values()) <= 1)
    used, most = [zone for zone, count in counts.items() if count], fleet.placement.max_zones
    if most is not None and len(used) > max(most, len(fleet.existing)):
        return False
    if fleet.placement.max_share is not None:
        share = rules.share(max(fleet.nodes, sum(counts.values())), fleet.placement.max_share)
        if any(count and counts[zone] > share for zone, count in new.items()):
            return False
    if fleet.placement.strategy is Strategy.SPREAD:
        descending = sorted((counts[zone] for zone in fleet.eligible), reverse=True)
        if most is not None:
            held = sum(zone in fleet.existing for zone in fleet.eligible)
            descending = descending[: max(most - len(fleet.existing) + held, held)]
        least = min(descending, default=0)
        return all(not count or counts[zone] - least <= fleet.placement.max_skew for zone, count in new.items())
    return True


def price(fleet: FleetGroup, zone: int, count: int) -> float | None:
    """What the `count` cheapest machines of a zone cost; None when it has fewer."""
    total = 0.0
    for option in sorted((o for o in fleet.options if o.zone == zone), key=lambda o: o.key):
        taken = count if option.limit is None else min(count, option.limit)
        total, count = total + taken * option.price, count - taken
    return None if count else total


def every_layout(fleet: FleetGroup) -> Iterator[tuple[float, int]]:
    """The cost and the number of new machines of each layout that keeps the placement."""
    for counts in product(range(fleet.nodes + 1), repeat=len(fleet.eligible)):
        new = dict(zip(fleet.eligible, counts, strict=True))
        if allowed(fleet, new):
            costs = [price(fleet, zone, count) for zone, count in new.items()]
            if None not in costs:
                yield sum(cost for cost in costs if cost is not None), sum(counts)


def laid(fleet: FleetGroup) -> tuple[float, int] | None:
    """The cost and the number of new machines of the layout that the planner chooses; it keeps the placement."""
    bought = strategies.lay(fleet)
    if bought is None:
        return None
    new: Counter[int] = Counter(dict.fromkeys(fleet.eligible, 0))
    for option, count in bought:
        assert option.limit is None or count <= option.limit
        new[option.zone] += count
    assert allowed(fleet, new)
    return sum(option.price * count for option, count in bought), sum(new.values())


def settled_fleets() -> Iterator[FleetGroup]:
    """Those of the fleets that are not left to the model."""
    for seed in range(CASES):
        fleet = some_fleet(random.Random(seed))
        with suppress(strategies.Unsettled):
            strategies.lay(fleet)
            yield fleet


@pytest.mark.parametrize("start", range(0, CASES, PER_CHUNK))
def test_no_other_layout_is_cheaper_or_as_cheap_with_fewer_machines(start: int) -> None:
    for seed in range(start, start + PER_CHUNK):
        fleet = some_fleet(random.Random(seed))
        with suppress(strategies.Unsettled):
            assert laid(fleet) == min(every_layout(fleet), default=None), f"seed {seed}"


def test_the_fleets_include_both_that_fit_and_that_do_not_of_each_strategy_and_limit() -> None:
    seen: Counter[tuple[object, ...]] = Counter()
    for fleet in settled_fleets():
        asked, fits = fleet.placement, strategies.lay(fleet) is not None
        seen[asked.strategy, "survives" if asked.survive_zones else "", fits] += 1
        seen[asked.strategy, "chooses" if fleet.chooses else "", fits] += 1
        seen[asked.strategy, "shares" if asked.max_share else "", fits] += 1
    for limit in ("", "survives", "chooses", "shares"):
        assert all(seen[strategy, limit, True] > 3 for strategy in (Strategy.ANY, Strategy.SPREAD)), limit
    assert sum(count for (_, _, fits), count in seen.items() if not fits) > 90


def finds_a_worse_layout() -> bool:
    return any(laid(fleet) != min(every_layout(fleet), default=None) for fleet in list(settled_fleets()))


def test_a_level_that_is_left_out_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = strategies._levels
    monkeypatch.setattr(strategies, "_levels", lambda fleet, room: list(whole(fleet, room))[:1])
    assert finds_a_worse_layout()


def test_a_choice_of_zones_that_is_left_out_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = zones.choices
    monkeypatch.setattr(zones, "choices", lambda fleet, stock: list(whole(fleet, stock))[:1])
    assert finds_a_worse_layout()


def test_many_zones_that_none_beats_are_left_to_the_model() -> None:
    options = [
        Option(
            zone, 2 * zone + n, MACHINE, Market.ON_DEMAND, price, 1, None, (price, 0.0, 4.0, 16.0, 0.0, 0.0, "m", "")
        )
        for zone in range(12)
        for n, price in enumerate((1.0 + zone, 20.0 - zone))
    ]
    placement = Placement(Strategy.SPREAD, max_zones=6)
    with pytest.raises(strategies.Unsettled):
        strategies.lay(FleetGroup("f", 8, {}, tuple(options), placement, tuple(range(12))))


def free_fleets(count: int) -> Iterator[FleetGroup]:
    """Fleets that may lie anywhere, of types that differ in size and often cost the same."""
    for seed in range(count):
        chance = random.Random(seed)
        fleet = some_fleet(chance)
        sized = tuple(
            replace(option, key=(option.price, 0.0, float(chance.choice((2, 4, 8))), *option.key[3:]))
            for option in fleet.options
        )
        existing = {zone: number for zone, number in fleet.existing.items() if zone in fleet.eligible}
        yield replace(fleet, options=sized, placement=Placement(), existing=existing)


def scattered(fleet: FleetGroup) -> bool:
    """Whether a fleet is laid over several zones where one, or those that hold nodes of it, would cost the same."""
    bought = strategies.lay(fleet)
    if not bought:
        return False
    cost = sum(option.cost * count for option, count in bought)
    used = {option.zone for option, _ in bought}
    held = {zone for zone, count in fleet.existing.items() if count}
    if held:
        inside = replace(fleet, options=tuple(option for option in fleet.options if option.zone in held))
        within = laid(inside)
        return bool(used - held) and within is not None and within[0] == pytest.approx(cost)
    alone = [price(fleet, zone, fleet.missing) for zone in fleet.eligible]
    return len(used) > 1 and any(each is not None and each <= cost + 1e-9 for each in alone)


def test_a_fleet_that_may_lie_anywhere_is_in_one_zone_where_that_costs_no_more() -> None:
    assert [number for number, fleet in enumerate(free_fleets(CASES)) if scattered(fleet)] == []


def test_a_fleet_that_is_scattered_without_need_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "_together", lambda fleet, stock, bought: bought)
    assert any(scattered(fleet) for fleet in free_fleets(CASES))
