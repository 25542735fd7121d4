"""The fake cloud keeps the contracts, be it quick or slow and late."""

from pathlib import Path
from typing import Any, ClassVar

import pytest

from atoll.backends.fake import FakeBackend, FakeCloud, Ledger, Script, grid
from atoll.model.zone import Capacity
from atoll.rehearsal.clock import VirtualClock
from atoll.testing.backend_contract import BackendContract, ContractCase
from atoll.testing.snapshot_contract import SnapshotContract
from atoll.testing.volume_contract import VolumeContract

OFFERS = grid(zones=3, cpus=(2, 8), spot=True)
ROOM = {f"fake-1{letter}": Capacity(16, 64) for letter in "abc"}
QUICK = Script(OFFERS, ROOM)
SLOW = Script(OFFERS, ROOM, latency={"*": (0.5, 3)}, boot=4, deletion=2, lag=1.5, skew=-90)


class InVirtualTime(ContractCase):
    script: ClassVar[Script] = QUICK

    @pytest.fixture
    def backend(self, tmp_path: Path) -> FakeBackend:
        self.clock = VirtualClock()
        return FakeBackend(FakeCloud(self.script, self.clock, Ledger(tmp_path / "ledger.jsonl")))

    def run(self, work: Any) -> None:
        self.clock.run(work)

    async def finish(self, backend: Any, work: Any) -> None:
        await super().finish(backend, work)
        backend.cloud.ledger.close()


class TestQuick(InVirtualTime, BackendContract):
    full_after = 2


class TestSlow(TestQuick):
    script = SLOW


class TestQuickVolumes(InVirtualTime, VolumeContract, SnapshotContract):
    pass


class TestSlowVolumes(InVirtualTime, VolumeContract, SnapshotContract):
    script = SLOW
