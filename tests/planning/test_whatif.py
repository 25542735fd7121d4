"""Snapshots with one change."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from atoll.model.catalog import Catalog
from atoll.model.offer import Market
from atoll.model.quota import Quota, with_own_use
from atoll.model.resources import InstanceType
from atoll.model.zone import Capacity, Zone
from atoll.planning.snapshot import ExistingInstance, Snapshot, Usage
from atoll.planning.whatif import without

ZONES = [Zone("x", "r", name) for name in "ab"]
TYPES = [InstanceType("small", 2, 4), InstanceType("large", 16, 64)]
MACHINES = st.lists(st.tuples(st.sampled_from(ZONES), st.sampled_from(TYPES), st.booleans()), max_size=8)


@given(MACHINES)
def test_what_instances_took_is_free_without_them(machines: list[tuple[Zone, InstanceType, bool]]) -> None:
    every = _snapshot(machines)
    gone = {str(at) for at, (_, _, leaves) in enumerate(machines) if leaves}
    rest = _snapshot([machine for machine in machines if not machine[2]])
    found = without(every, gone)
    assert [one.zone for one in found.instances] == [one.zone for one in rest.instances]
    assert found.quotas == rest.quotas
    assert {one.zone: one.used for one in found.usage} == {one.zone: one.used for one in rest.usage}


def _snapshot(machines: list[tuple[Zone, InstanceType, bool]]) -> Snapshot:
    instances = tuple(
        ExistingInstance(str(at), zone, kind, Market.SPOT, 1.0, "f", at) for at, (zone, kind, _) in enumerate(machines)
    )
    used = {zone: Capacity(1, 1) for zone in ZONES}
    for zone, kind, _ in machines:
        used[zone] += kind.capacity
    quotas = with_own_use([Quota("x", "r", Market.SPOT, 99, 3)], [(z, k, Market.SPOT, 1) for z, k, _ in machines])
    usage = tuple(Usage(zone, amount) for zone, amount in used.items())
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Snapshot(Catalog.from_offers((), now), (), now, instances=instances, usage=usage, quotas=quotas)
