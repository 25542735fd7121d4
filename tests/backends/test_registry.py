"""Opening backends by name."""

import subprocess
import sys
from pathlib import Path

import pytest

from atoll.backends.base import ERRORS, Backend, VolumeBackend, ZoneFaults
from atoll.backends.fake import FakeBackend, FakeCloud, Script, grid
from atoll.backends.local import LocalBackend
from atoll.backends.registry import open_backend
from atoll.model.failure import FailureKind


def test_backends_have_the_abilities_that_they_claim(tmp_path: Path) -> None:
    local, fake = LocalBackend(tmp_path), FakeBackend(FakeCloud(Script(grid())))
    backends: tuple[Backend, ...] = (local, fake)
    volumes: tuple[VolumeBackend, ...] = (local, fake)
    faults: tuple[ZoneFaults, ...] = (local, fake)
    assert all(backend.info.volumes for backend in backends)
    assert all(isinstance(backend, VolumeBackend) for backend in volumes)
    assert all(isinstance(backend, ZoneFaults) for backend in faults)


def test_there_is_an_error_for_every_kind_of_failure() -> None:
    assert set(ERRORS) == set(FailureKind)


def test_a_wrong_configuration_is_told_when_the_backend_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no setting `zone`"):
        open_backend("local", {"zone": 3}, tmp_path)
    with pytest.raises(ValueError, match="unknown backend `aws2`; known: fake, local"):
        open_backend("aws2", {}, tmp_path)


def test_a_backend_is_imported_only_when_it_is_opened() -> None:
    script = "import sys, atoll.backends.registry; print(any('backends.local' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
