"""Machines in blocks: how many a node takes, and that no machine ever has more nodes than blocks."""

from collections import Counter
from collections.abc import Sequence
from itertools import permutations
from random import Random

import pytest

from atoll.model.blocks import Division, gpus_of, most_blocks
from atoll.model.offer import Market
from atoll.model.resources import Gpu, GpuRequirement, InstanceType, Range, Resources
from atoll.planning import plan
from atoll.planning.filters.blocks import taking
from atoll.planning.plan import DocumentKind, Plan, Source
from atoll.planning.reasons.sentences import refusal_text
from atoll.planning.request import FleetRequest, NodeRequest, Requirements, RunRequest
from atoll.planning.snapshot import ExistingInstance
from tests.planning.scenes import ANY, ANYTHING, LARGE, A, B, offer, part, request, world

GPUS = InstanceType("gpus", 32, 256, gpu=Gpu("H100", 8, 80))


def asking(cpus: float, most: float | None = None) -> Requirements:
    return Requirements(Resources(Range(cpus, most), Range()))


def run(name: str, cpus: float, nodes: int = 1, fleets: tuple[str, ...] = ("shared",)) -> RunRequest:
    ranks = tuple(NodeRequest(rank) for rank in range(nodes))
    return RunRequest(name, ranks, asking(cpus), fleets, may_create=False)


def there(number: int, blocks: int = 4, used: int = 0, kind: InstanceType = LARGE) -> ExistingInstance:
    return ExistingInstance(
        f"i-{number}", A, kind, Market.ON_DEMAND, 1.0, "shared", number, blocks=blocks, used_blocks=used
    )


@pytest.mark.parametrize(
    ("kind", "wanted", "blocks"),
    [
        (LARGE, 1, 1),
        (LARGE, 4, 4),
        (LARGE, None, 8),
        (LARGE, 100, 8),
        (GPUS, None, 8),
        (GPUS, 3, 2),
        (GPUS, 4, 4),
        (InstanceType("tiny", 0.5, 1), None, 1),
    ],
)
def test_a_machine_has_as_many_blocks_as_have_a_cpu_and_equally_many_gpus(
    kind: InstanceType, wanted: int | None, blocks: int
) -> None:
    assert most_blocks(kind, wanted) == blocks


def test_each_block_has_gpus_of_its_own() -> None:
    assert [gpus_of(GPUS, (block,), 4) for block in range(4)] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert gpus_of(GPUS, (), 4) == tuple(range(8))


@pytest.mark.parametrize(
    ("requirements", "kind", "blocks", "taken"),
    [
        (ANY, LARGE, 4, 1),
        (asking(2), LARGE, 4, 1),
        (asking(2.5), LARGE, 4, 2),
        (asking(8), LARGE, 4, 4),
        (asking(9), LARGE, 4, 0),
        (asking(1, 2), LARGE, 4, 1),
        (asking(1, 1), LARGE, 4, 0),
        (Requirements(Resources(Range(), Range(), gpu=GpuRequirement(Range(3, None)))), GPUS, 8, 3),
        (Requirements(Resources(Range(), Range(), gpu=GpuRequirement(total_memory_gb=Range(200, None)))), GPUS, 8, 3),
    ],
)
def test_a_node_takes_as_few_blocks_as_have_what_it_requires(
    requirements: Requirements, kind: InstanceType, blocks: int, taken: int
) -> None:
    assert taking(requirements, [(kind, blocks)], whole=False) == [taken]


def test_a_node_goes_to_a_machine_in_use_before_an_idle_one() -> None:
    answer = plan(request(run("job", 2)), world(offer(A, 1.0, LARGE), instances=[there(0), there(1, used=1)]))
    assert [node.instance for node in part(answer, "job").placements] == ["i-1"]


def test_a_refusal_names_the_blocks_that_are_free() -> None:
    answer = plan(request(run("job", 4)), world(offer(A, 1.0, LARGE), instances=[there(0, used=3)]))
    assert refusal_text(part(answer, "job").refusals[0]) == (
        "the instance here has 1 of 4 blocks free, and the run needs 2"
    )


def test_a_fleet_buys_the_machine_that_serves_its_runs_best() -> None:
    small = InstanceType("small", 4, 16)
    fleet = FleetRequest("shared", 1, ANY, division=Division(4))
    snapshot = world(offer(A, 0.5, small), offer(A, 1.0, LARGE), offer(B, 0.9, LARGE))
    answer = plan(request(fleet, *(run(f"job-{n}", 2) for n in range(4))), snapshot)
    assert [part(answer, f"job-{n}").shortfall for n in range(4)] == [None] * 4
    assert [node.zone for node in part(answer, "shared").placements] == [B]


def used(answer: Plan, snapshot_used: dict[str, int]) -> Counter[object]:
    """The blocks in use of each machine, existing or planned."""
    held: Counter[object] = Counter(snapshot_used)
    for document in answer.documents:
        for node in document.placements if document.kind is DocumentKind.RUN else ():
            held[node.instance if node.source is Source.EXISTING else (node.fleet, node.fleet_node)] += node.blocks
    return held


def packs(sizes: Sequence[int], free: Sequence[int]) -> bool:
    """Whether nodes of these sizes fit on machines with so much free: every order of laying them is tried."""
    for order in set(permutations(sizes)):
        left = list(free)
        for size in order:
            place = next((n for n, amount in enumerate(left) if amount >= size), None)
            if place is None:
                break
            left[place] -= size
        else:
            return True
    return not sizes


@pytest.mark.parametrize("seed", range(60))
def test_runs_get_blocks_where_they_fit_and_no_machine_has_more_than_it_has(seed: int) -> None:
    chance = Random(seed)
    blocks = chance.choice([2, 3, 4, 6, 8])
    kind = InstanceType("kind", blocks, blocks * 4)
    machines = [there(n, blocks, chance.randrange(blocks), kind) for n in range(chance.randint(1, 3))]
    sizes = [chance.randint(1, blocks) for _ in range(chance.randint(1, 5))]
    answer = plan(
        request(*(run(f"job-{n}", size) for n, size in enumerate(sizes))),
        world(offer(A, 1.0, kind), instances=machines),
    )
    held = used(answer, {machine.id: machine.used_blocks for machine in machines})
    assert max(held.values()) <= blocks
    assert [node.blocks for part in answer.documents for node in part.placements] == [
        size for size, part in zip(sizes, answer.documents, strict=True) if part.shortfall is None
    ]
    free = [machine.free_blocks for machine in machines]
    assert all(part.shortfall is None for part in answer.documents) == packs(sizes, free)


@pytest.mark.parametrize("seed", range(60))
def test_planned_machines_hold_the_runs_of_their_file(seed: int) -> None:
    chance = Random(seed)
    blocks, nodes = chance.choice([2, 3, 4, 6, 8]), chance.randint(1, 3)
    kind = InstanceType("kind", blocks, blocks * 4)
    fleet = FleetRequest("shared", nodes, Requirements(ANYTHING), division=Division(blocks))
    sizes = [chance.randint(1, blocks) for _ in range(chance.randint(1, 5))]
    answer = plan(request(fleet, *(run(f"job-{n}", size) for n, size in enumerate(sizes))), world(offer(A, 1.0, kind)))
    assert max(used(answer, {}).values(), default=0) <= blocks
    same = len(set(sizes)) == 1 or (blocks in (2, 4, 8) and all(size in (1, 2, 4, 8) for size in sizes))
    fits = all(part.shortfall is None for part in answer.documents)
    assert fits == packs(sizes, [blocks] * nodes) if same else not fits or packs(sizes, [blocks] * nodes)
