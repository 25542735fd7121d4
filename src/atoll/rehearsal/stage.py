"""An engine over records in memory: what a rehearsal runs."""

import base64
from collections.abc import Mapping
from pathlib import Path
from random import Random

from atoll.backends.base import Backend
from atoll.engine.context import Context
from atoll.engine.engine import Engine
from atoll.engine.parts.archive_storage import DatabaseArchives
from atoll.engine.parts.due_timer import DueTimer
from atoll.engine.parts.metrics import Metrics
from atoll.engine.parts.notifier import Notifier
from atoll.engine.parts.planner import Planner
from atoll.engine.parts.provider_calls import Calls
from atoll.engine.parts.vault import KEY_BYTES, Vault
from atoll.engine.snapshots.world import Worlds
from atoll.rehearsal.clock import VirtualClock
from atoll.rehearsal.logs import MemoryLogs
from atoll.rehearsal.material import Material
from atoll.rehearsal.memory import memory_engine
from atoll.store.database import Database

_NO_FOLDER = Path("/dev/null/archives")
_NO_FILE = Path("/dev/null/secret.key")
"""A rehearsal leaves no file behind: its vault has a key that is given, and seals nothing."""
_KEY = base64.b64encode(bytes(KEY_BYTES)).decode()


async def staged(material: Material, backends: Mapping[str, Backend], clock: VirtualClock, seed: int) -> Engine:
    """An engine over a database with the records of the material. It does not work yet."""
    memory_engine().fresh()
    ids, now = Random(f"{seed}/ids"), clock.now  # noqa: S311 - a simulation
    database, alarm, news = Database(memory_engine(), now), DueTimer(), Notifier()
    database.on_commit, database.on_due = news.notify, alarm.set
    async with database.write() as tx:
        await tx.add_all(material.records)
        for failure in material.failures:
            await tx.failures.remember(failure)
    archives = DatabaseArchives(database, _NO_FOLDER)
    context = Context(
        *(database, backends, Calls(now), Worlds(backends, now), MemoryLogs(), archives, news, alarm, now),
        lambda: f"{ids.getrandbits(64):016x}",
        *(material.owner, Vault(_NO_FILE, _KEY), Metrics(), Planner()),
        disruption=material.disruption,
    )
    return Engine(context, database)
