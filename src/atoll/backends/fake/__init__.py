"""A scripted cloud in memory, or in one file: for tests, simulations and load, with a ledger of all calls."""

from collections.abc import Mapping
from pathlib import Path

from atoll.backends.fake.backend import FakeBackend
from atoll.backends.fake.cloud import FakeCloud
from atoll.backends.fake.ledger import Ledger
from atoll.backends.fake.script import Fault, JobScript, Script, grid, lost_reply, script_from_mapping

__all__ = ["FakeBackend", "FakeCloud", "Fault", "JobScript", "Ledger", "Script", "grid", "lost_reply", "open_fake"]


def open_fake(config: Mapping[str, object], state: Path) -> FakeBackend:
    """A backend on a cloud in real time, whose ledger is the file `ledger` of the configuration, which the servers of
    one database share, else `state`/ledger.jsonl. Raises ValueError.
    """
    settings = dict(config)
    ledger = settings.pop("ledger", None)
    script = script_from_mapping(settings)
    return FakeBackend(FakeCloud(script, ledger=Ledger(Path(str(ledger)) if ledger else state / "ledger.jsonl")))
