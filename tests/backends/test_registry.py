"""Opening backends by name."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from atoll.backends.base import ERRORS, Backend
from atoll.backends.fake import FakeBackend, FakeCloud, Script, grid
from atoll.backends.local import LocalBackend
from atoll.backends.registry import open_backend
from atoll.engine.parts.metrics import Metrics
from atoll.engine.work.observed import ObservedBackend
from atoll.model.failure import FailureKind


def test_a_backend_without_an_ability_has_none_in_its_place(tmp_path: Path) -> None:
    local, fake = LocalBackend(tmp_path), FakeBackend(FakeCloud(Script(grid())))
    bare = FakeBackend(FakeCloud(Script(grid(), volumes=False)))
    backends: tuple[Backend, ...] = (local, fake, bare)
    assert [backend.info.volumes for backend in backends] == [True, True, False]
    assert [backend.volumes is not None for backend in backends] == [True, True, False]
    assert all(backend.faults is not None for backend in backends)


def test_counting_its_calls_changes_no_ability_of_a_backend(tmp_path: Path) -> None:
    metrics = Metrics()
    fake = ObservedBackend("fake", FakeBackend(FakeCloud(Script(grid()))), metrics)
    bare = ObservedBackend("bare", FakeBackend(FakeCloud(Script(grid(), volumes=False))), metrics)
    assert bare.volumes is None
    assert fake.volumes is not None
    assert asyncio.run(fake.volumes.find("owner-1")) == ()
    assert b'operation="find_volumes",outcome="ok",zone=""} 1.0' in metrics.text([])


def test_there_is_an_error_for_every_kind_of_failure_that_a_call_raises() -> None:
    assert set(ERRORS) == set(FailureKind) - {FailureKind.INTERRUPTED}


def test_a_wrong_configuration_is_reported_when_the_backend_is_opened(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no setting `zone`"):
        open_backend("local", {"zone": 3}, tmp_path)
    with pytest.raises(ValueError, match=r"unknown backend `aws2`; did you mean `aws`\?"):
        open_backend("aws2", {}, tmp_path)


def test_a_backend_is_imported_only_when_it_is_opened() -> None:
    script = "import sys, atoll.backends.registry; print(any('backends.local' in name for name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
