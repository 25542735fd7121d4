"""Whatever calls a fake cloud gets, and whatever goes wrong in it, its world stays consistent."""

from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from atoll.backends.base import BackendError
from atoll.backends.fake import FakeBackend, FakeCloud, Fault, Ledger, Script, grid, lost_reply
from atoll.model.failure import FailureKind
from atoll.model.offer import Market
from atoll.model.zone import Capacity
from atoll.rehearsal.clock import VirtualClock
from atoll.testing.builders import launch_request, volume_request
from atoll.testing.volume_contract import volumes_of

OFFERS = grid(zones=2, cpus=(2, 4), spot=True)
ZONES = tuple(dict.fromkeys(offer.zone for offer in OFFERS))
ROOM = {zone.name: Capacity(4, 16) for zone in ZONES}
FAULTS = (Fault("*", FailureKind.THROTTLED, times=None, chance=0.1), lost_reply("*", times=None, chance=0.1))

Operation = tuple[str, int, int]
operations = st.tuples(
    st.sampled_from(["launch", "spot", "terminate", "disk", "delete", "attach", "detach", "fail", "restore", "wait"]),
    st.integers(0, 5),
    st.integers(0, 5),
)


async def act(backend: FakeBackend, operation: Operation) -> None:
    """Do one thing to the machine, disk or zone of these numbers."""
    name, first, second = operation
    zone, kind = ZONES[first % 2], "f.2x8" if second % 2 else "f.4x16"
    machine, disk = f"i-{first + 1:06d}", f"vol-{second + 1:06d}"
    match name:
        case "launch":
            await backend.launch(launch_request(zone, kind, f"m-{second}"))
        case "spot":
            await backend.launch(launch_request(zone, kind, f"m-{second}", market=Market.SPOT))
        case "terminate":
            await backend.terminate(machine, zone)
        case "disk":
            await volumes_of(backend).create(volume_request(zone, f"d-{second}"))
        case "delete":
            await volumes_of(backend).delete(disk, zone)
        case "attach":
            await volumes_of(backend).attach(disk, machine, zone)
        case "detach":
            await volumes_of(backend).detach(disk, machine, zone)
        case "fail":
            await backend.faults.fail(zone)
        case "restore":
            await backend.faults.restore(zone)
        case _:
            await backend.cloud.clock.sleep(first * 100)


def check(ledger: Ledger) -> None:
    """Room, tokens, zones of attachments: all as they must be."""
    alive = [machine for machine in ledger.machines.values() if machine.ended_at is None]
    used: defaultdict[str, Capacity] = defaultdict(Capacity)
    for machine in alive:
        used[machine.zone.name] += machine.capacity
    assert all(ROOM[name].covers(total) for name, total in used.items())
    for zone in ZONES:
        recorded = sum((each for (where, _), each in ledger.used.items() if where == zone), Capacity())
        assert recorded == used[zone.name]
    tokens = [machine.token for machine in ledger.machines.values()]
    assert len(tokens) == len(set(tokens))
    zones = {machine.id: machine.zone for machine in ledger.machines.values()}
    assert all(disk.zone == zones[disk.attached_to] for disk in ledger.alive_disks() if disk.attached_to)


@settings(max_examples=80, deadline=None)
@given(st.lists(operations, min_size=10, max_size=40), st.integers(0, 1000))
def test_capacity_tokens_and_zones_hold_after_every_call_and_the_file_agrees(todo: list[Operation], seed: int) -> None:
    with TemporaryDirectory() as folder:
        path, clock = Path(folder, "ledger.jsonl"), VirtualClock()
        script = Script(OFFERS, ROOM, interruptions={zone.name: 5 for zone in ZONES}, faults=FAULTS, seed=seed)
        cloud = FakeCloud(script, clock, Ledger(path))
        backend = FakeBackend(cloud)

        async def whole() -> None:
            for operation in todo:
                with suppress(BackendError):
                    await act(backend, operation)
                check(cloud.ledger)

        clock.run(whole())
        again = Ledger.read(path)
        assert again.entries == cloud.ledger.entries
        assert (again.machines, again.disks, again.used) == (
            cloud.ledger.machines,
            cloud.ledger.disks,
            cloud.ledger.used,
        )
        cloud.ledger.close()
