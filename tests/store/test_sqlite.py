"""The store on SQLite: its contract, on a real file."""

from pathlib import Path

import pytest

from atoll.store.sqlite import sqlite_url
from atoll.testing.store_contract import QueueContract, StoreContract


class TestStore(StoreContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "atoll.db")


class TestQueue(QueueContract):
    @pytest.fixture
    def url(self, tmp_path: Path) -> str:
        return sqlite_url(tmp_path / "atoll.db")
