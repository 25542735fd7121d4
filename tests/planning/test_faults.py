"""Each property sees what it is there for: a fault is planted in the planner, and the property must find it.

A fault is one function of the product that is subtly wrong. Without it the property holds over the same cases.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Any

import numpy as np
import pytest

from atoll.model.failure import Failure, FailureKind, Scope
from atoll.planning import failures, plan, planner, terrain, volumes
from atoll.planning.filters import feasibility
from atoll.planning.filters.feasibility import PASSED, STAGE, Feasibility
from atoll.planning.plan import Fact, Plan, RefusalCode
from atoll.planning.reasons import cures
from atoll.planning.reasons.refusals import Reasons
from atoll.planning.request import Document, FleetRequest, Placement, Requirements, Strategy
from atoll.planning.solving import components, groups, limits
from atoll.planning.solving.joint import Decider
from atoll.planning.solving.problem import Disk, FleetGroup
from atoll.planning.terrain import Lots, Terrain
from tests.planning import checks, relations, relief
from tests.planning.worlds import SMALL, Case, case_of_seed

MOST = 1_500
"""Cases among which the property must find the fault; nearly all are found in the first hundred."""

RELATIONS = (*relations.ALL, relief.cures_are_true, relief.a_cure_is_told_where_there_is_one)

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault, and the property that must see it."""

    name: str
    plant: Plant
    property: Callable[..., Iterator[str]]


def everywhere(monkeypatch: pytest.MonkeyPatch, original: object, faulty: object) -> None:
    """Put a function in another's place in every module of the planner that holds it."""
    name = getattr(original, "__name__", "")
    for module in [m for n, m in sys.modules.items() if n.startswith("atoll.planning")]:
        if getattr(module, name, None) is original:
            monkeypatch.setattr(module, name, faulty)


def _method(owner: type, name: str, change: Callable[..., Any]) -> Plant:
    """A fault in a method: what it returned, changed. `change` gets the result and the method's arguments."""
    original = getattr(owner, name)

    def faulty(*args: Any, **named: Any) -> Any:
        return change(original(*args, **named), *args)

    return lambda monkeypatch: monkeypatch.setattr(owner, name, faulty)


def _function(original: Callable[..., Any], change: Callable[..., Any]) -> Plant:
    def faulty(*args: Any, **named: Any) -> Any:
        return change(original(*args, **named), *args)

    return lambda monkeypatch: everywhere(monkeypatch, original, faulty)


def _placement(change: Callable[[Placement], Placement]) -> Plant:
    def changed(group: FleetGroup, *_: object) -> FleetGroup:
        return replace(group, placement=change(group.placement))

    return _method(Decider, "fleet_group", changed)


def _more_skew(placement: Placement) -> Placement:
    return replace(placement, max_skew=placement.max_skew + 1)


def _one_zone_more(placement: Placement) -> Placement:
    return placement if placement.max_zones is None else replace(placement, max_zones=placement.max_zones + 1)


def _larger_share(placement: Placement) -> Placement:
    return placement if placement.max_share is None else replace(placement, max_share=1.0)


def _one_loss_fewer(placement: Placement) -> Placement:
    return replace(placement, survive_zones=max(0, placement.survive_zones - 1))


def _scattered(placement: Placement) -> Placement:
    return replace(placement, strategy=Strategy.ANY) if placement.strategy is Strategy.CLUSTER else placement


def _every_zone(stages: Any, requirements: Requirements, *_: object) -> Any:
    return [PASSED] * len(stages) if requirements.availability_zones else stages


def _anywhere(disk: Disk | None, decider: Decider, *_: object) -> Disk | None:
    zones = tuple(range(len(decider.terrain.zones)))
    return disk if disk is None else replace(disk, zones=zones)


def _for_all(disk: Disk | None, *_: object) -> Disk | None:
    return disk if disk is None else replace(disk, shared=frozenset(disk.zones))


def _held_by_nobody(disk: Disk | None, *_: object) -> Disk | None:
    return disk if disk is None else replace(disk, holders=frozenset())


def _cheapest_hidden(result: Feasibility, requirements: Requirements, seen: Terrain) -> Feasibility:
    """In each zone with several passing offers, the cheapest is taken for unavailable."""
    stages = result.offers.copy()
    prices = seen.snapshot.catalog.columns.price
    for place in range(len(seen.snapshot.catalog.zones)):
        rows = seen.snapshot.catalog.rows(place)
        passing = np.flatnonzero(stages[rows] == PASSED) + rows.start
        if len(passing) > 1:
            stages[passing[np.argmin(prices[passing])]] = STAGE[RefusalCode.UNAVAILABLE]
    return replace(result, offers=stages)


def _no_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    everywhere(monkeypatch, limits.exceeded, lambda *_: limits.NO_LIMITS)


def _one_of_each_limit_more(monkeypatch: pytest.MonkeyPatch) -> None:
    original = limits.shared_limits

    def faulty(*args: Any) -> Any:
        return [(terms, most + min(terms.values())) for terms, most in original(*args)]

    everywhere(monkeypatch, original, faulty)


def _by_the_order_of_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    def faulty(self: Terrain, name: str) -> tuple[float, ...]:
        seen.append(name)
        return tuple(((zone + 3) * (len(seen) % 5 + 2)) % 7 / 7 for zone in range(len(self.zones)))

    monkeypatch.setattr(Terrain, "lots", faulty)


def _by_the_number_of_offers(lots: Lots, seen: Terrain, *_: object) -> tuple[float, ...]:
    return _turned(lots, seen, len(seen.snapshot.catalog))


def _by_the_zone_told_first(lots: Lots, seen: Terrain, *_: object) -> tuple[float, ...]:
    return _turned(lots, seen, seen.number[seen.snapshot.zones[0].zone])


def _turned(lots: Lots, seen: Terrain, turn: int) -> tuple[float, ...]:
    """Each zone with the lot of another one."""
    return tuple(lots[(zone + turn) % len(seen.zones)] for zone in range(len(seen.zones)))


def _too_far(scope: Scope, kind: FailureKind, *_: object) -> Scope:
    """A quota of one market that leaves out all of them; anything else as it should be."""
    return replace(scope, market=None) if kind is FailureKind.QUOTA_EXCEEDED else scope


def _siblings_burnt(scope: Scope, kind: FailureKind, *_: object) -> Scope:
    return replace(scope, zone=None) if kind is FailureKind.CAPACITY_UNAVAILABLE else scope


def _not_far_enough(scope: Scope, kind: FailureKind, told: Scope) -> Scope:
    return replace(scope, zone=told.zone) if kind is FailureKind.QUOTA_EXCEEDED else scope


def _for_ever(result: tuple[Failure, ...], told: Sequence[Failure], *_: object) -> tuple[Failure, ...]:
    return (*result, *(failure for failure in told if failure.kind is FailureKind.CAPACITY_UNAVAILABLE))


def _cures_untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every change is told as a cure with its name, and none is made."""
    original = cures._changes

    def faulty(document: Document, trial: Decider) -> Iterator[tuple[str, Fact, Document]]:
        loose = FleetRequest(document.name, 0) if isinstance(document, FleetRequest) else document
        return ((name, value, loose) for name, value, _ in original(document, trial))

    monkeypatch.setattr(cures, "_changes", faulty)


def _second(changes: Iterator[Any], *_: object) -> list[Any]:
    return list(changes)[1::2]


def _last_dropped(refusals: tuple[Any, ...], *_: object) -> tuple[Any, ...]:
    return refusals[:-1]


FAULTS = (
    Fault("zones-not-asked-for", _function(feasibility.zone_stages, _every_zone), checks.only_allowed_offers),
    Fault("skew-one-more", _placement(_more_skew), checks.skew_is_kept),
    Fault("one-zone-more", _placement(_one_zone_more), checks.few_zones_are_used),
    Fault("larger-share", _placement(_larger_share), checks.shares_are_kept),
    Fault("one-loss-fewer", _placement(_one_loss_fewer), checks.enough_survive),
    Fault("cluster-scattered", _placement(_scattered), checks.clusters_stay_together),
    Fault(
        "one-node-fewer",
        _method(Decider, "fleet_group", lambda group, *_: replace(group, nodes=group.nodes - 1)),
        checks.fleets_have_their_nodes,
    ),
    Fault(
        "nodes-anywhere",
        _method(Decider, "run_group", lambda group, *_: replace(group, places={}, max_skew=None)),
        checks.runs_have_their_nodes,
    ),
    Fault(
        "uneven-run",
        _method(Decider, "run_group", lambda group, *_: replace(group, max_skew=None)),
        checks.runs_are_spread,
    ),
    Fault("volume-anywhere", _method(Decider, "disk", _anywhere), checks.volumes_lie_with_their_nodes),
    Fault("volume-for-all", _method(Decider, "disk", _for_all), checks.volumes_are_not_shared),
    Fault("volume-held-by-nobody", _method(Decider, "disk", _held_by_nobody), checks.volumes_are_not_shared),
    Fault("lone-volume-without-zone", _function(volumes.lone_zone, lambda *_: None), checks.volumes_wait_if_they_shall),
    Fault("limits-not-looked-at", _no_limits, checks.limits_are_kept),
    Fault("limits-one-more", _one_of_each_limit_more, checks.limits_are_kept),
    Fault(
        "zone-capacity-ignored",
        _function(terrain._free, lambda free, *_: (None,) * len(free)),
        checks.limits_are_kept,
    ),
    Fault("quota-ignored", _method(Terrain, "quota", lambda *_: None), checks.limits_are_kept),
    Fault(
        "instances-of-others",
        _function(groups.reusable, lambda _, run, instances: {each.id: 1 for each in instances}),
        checks.instances_are_used_once,
    ),
    Fault("runs-of-other-fleets", _function(components.may_use, lambda *_: True), checks.instances_are_used_once),
    Fault("reason-dropped-for-fleets", _method(Reasons, "of_fleet", _last_dropped), checks.every_zone_is_told),
    Fault("reason-dropped-for-runs", _method(Reasons, "of_run", _last_dropped), checks.every_zone_is_told),
    Fault("reason-dropped-for-volumes", _method(Reasons, "of_volume", _last_dropped), checks.every_zone_is_told),
    Fault("cheapest-hidden", _function(feasibility.assess, _cheapest_hidden), checks.no_cheaper_offer_is_left),
    Fault(
        "prices-not-added",
        _function(planner._run, lambda part, *_: replace(part, price=0.0)),
        checks.answers_every_document,
    ),
    Fault("ties-by-the-order-of-asking", _by_the_order_of_asking, relations.no_order_of_documents_shows),
    Fault("ties-by-the-hour", _by_the_order_of_asking, relations.the_same_again),
    Fault(
        "ties-by-the-number-of-offers",
        _method(Terrain, "lots", _by_the_number_of_offers),
        relations.unused_offers_change_nothing,
    ),
    Fault("ties-by-the-zone-told-first", _method(Terrain, "lots", _by_the_zone_told_first), relations.no_order_shows),
    Fault(
        "quota-of-all-markets",
        _function(failures.reach, _too_far),
        relations.failures_leave_out_exactly_their_scope,
    ),
    Fault(
        "quota-of-one-zone",
        _function(failures.reach, _not_far_enough),
        relations.failures_leave_out_exactly_their_scope,
    ),
    Fault(
        "capacity-of-all-zones",
        _function(failures.reach, _siblings_burnt),
        relations.failures_leave_out_exactly_their_scope,
    ),
    Fault(
        "failures-for-ever",
        _function(failures.in_force, _for_ever),
        relations.failures_leave_out_exactly_their_scope,
    ),
    Fault("cures-untried", _cures_untried, relief.cures_are_true),
    Fault("half-the-cures-kept-back", _function(cures._changes, _second), relief.a_cure_is_told_where_there_is_one),
    Fault("cheapest-hidden-from-all", _function(feasibility.assess, _cheapest_hidden), relations.a_cheaper_offer_wins),
)


FOUND = {
    "larger-share": 160,
    "nodes-anywhere": 457,
    "uneven-run": 306,
    "volume-held-by-nobody": 472,
    "limits-not-looked-at": 63,
    "limits-one-more": 73,
    "zone-capacity-ignored": 63,
    "runs-of-other-fleets": 73,
    "ties-by-the-order-of-asking": 94,
    "ties-by-the-zone-told-first": 70,
    "quota-of-all-markets": 128,
    "quota-of-one-zone": 128,
    "capacity-of-all-zones": 276,
    "failures-for-ever": 144,
}
"""Cases that show a fault: it is looked for there first, and in all others only where a change has moved it."""


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_planted_fault_is_found(fault: Fault, monkeypatch: pytest.MonkeyPatch) -> None:
    first = FOUND.get(fault.name, 0)
    for seed in (*range(first, MOST), *range(first)):
        case = case_of_seed(seed, SMALL)
        with monkeypatch.context() as planted:
            fault.plant(planted)
            found = _found(fault, case, seed)
        if found:
            assert _found(fault, case, seed) == [], "the property sees it without the fault too"
            return
    pytest.fail(f"{fault.property.__name__} does not see {fault.name}")


def test_every_property_is_shown_to_catch_a_fault() -> None:
    shown = {fault.property for fault in FAULTS}
    assert shown == {*checks.ALL, *RELATIONS}


def _found(fault: Fault, case: Case, seed: int) -> list[str]:
    answer: Plan = plan(case.request, case.snapshot)
    more = (Random(seed),) if fault.property in RELATIONS else ()
    return list(fault.property(case, answer, *more))
