"""The contracts of backends and of their volumes, on the emulated EC2 with real hosts."""

import asyncio
from pathlib import Path

import pytest

from atoll.backends.aws import AwsBackend, AwsConfig
from atoll.testing.backend_contract import BackendContract
from atoll.testing.snapshot_contract import SnapshotContract
from atoll.testing.volume_contract import VolumeContract
from tests.aws.conftest import Cloud


@pytest.mark.long
class TestAws(BackendContract, VolumeContract, SnapshotContract):
    wait_seconds = 40

    @pytest.fixture
    def backend(self, cloud: Cloud, tmp_path: Path) -> AwsBackend:
        return AwsBackend(tmp_path, AwsConfig.from_mapping(cloud.config))

    async def pause(self) -> None:
        await asyncio.sleep(0.3)
