"""The local backend keeps the contracts."""

from pathlib import Path

import pytest

from atoll.backends.local import LocalBackend, LocalConfig
from atoll.testing.backend_contract import BackendContract
from atoll.testing.volume_contract import VolumeContract
from tests.backends.local.conftest import stand_in


class TestBackend(BackendContract):
    full_after = 1

    @pytest.fixture
    def backend(self, tmp_path: Path) -> LocalBackend:
        zones = [{"name": f"local-{letter}", "cpus": 8, "memory": 32} for letter in "abc"]
        config = LocalConfig.from_mapping({"zones": zones})
        return LocalBackend(tmp_path / "state", config, stand_in)


class TestVolumes(VolumeContract):
    @pytest.fixture
    def backend(self, tmp_path: Path) -> LocalBackend:
        return LocalBackend(tmp_path / "state", LocalConfig(), stand_in)
