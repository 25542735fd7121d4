"""How a storm must end: what was requested exists, or a reason is shown; once all is deleted, nothing is left."""

import json
import sqlite3

from atoll.backends.fake import Ledger
from atoll.rehearsal.clock import VirtualClock

_FOLLOWING = """
SELECT i.id FROM instances i JOIN instances old ON old.fleet_id = i.fleet_id AND old.end_reason = 'replaced'
JOIN jobs j ON j.instance_id = old.id AND j.state = 'running' WHERE i.state = 'pending' AND i.message != ''
"""
"""Nodes that wait, and say so, for the end of a run on a node whose place they take."""
_UNSETTLED = {
    "fleet": "SELECT name, state, message FROM fleets f WHERE state = 'deleting' OR rebalancing_until IS NOT NULL",
    "instance": f"SELECT id, state, end_reason FROM instances WHERE (state NOT IN ('active', 'terminated')"
    f" AND id NOT IN ({_FOLLOWING})) OR (state = 'active' AND end_reason != '' AND id NOT IN"
    " (SELECT instance_id FROM jobs WHERE state IN ('starting', 'running', 'stopping') AND instance_id IS NOT NULL))",
    "volume": "SELECT name, state, zone FROM volumes WHERE state IN ('creating', 'deleting')"
    " OR (state = 'submitted' AND zone IS NOT NULL)",
    "attachment": "SELECT name, state, job_id FROM attachments WHERE state NOT IN ('attached', 'detached')",
    "run": "SELECT name, state, message FROM runs WHERE state NOT IN ('done', 'failed', 'stopped', 'running')"
    f" AND message = '' AND id NOT IN (SELECT run_id FROM jobs WHERE instance_id IN ({_FOLLOWING}))",
    "job": "SELECT run, state, instance_id FROM jobs WHERE state IN ('placed', 'starting', 'stopping')"
    f" AND instance_id NOT IN ({_FOLLOWING})",
    "closure": "SELECT zone, operation, state, message FROM closures WHERE state != 'ended'",
}
_ALIVE = {
    "fleet": "SELECT name, state FROM fleets WHERE state != 'deleted'",
    "instance": "SELECT id, state FROM instances WHERE state != 'terminated'",
    "volume": "SELECT name, state FROM volumes WHERE state != 'deleted'",
    "attachment": "SELECT name, state FROM attachments WHERE state != 'detached'",
    "run": "SELECT name, state FROM runs WHERE state NOT IN ('done', 'failed', 'stopped')",
    "job": "SELECT run, state FROM jobs WHERE state NOT IN ('done', 'failed', 'stopped')",
    # Backends are looked over, and old records deleted, for ever.
    "work": "SELECT kind, id FROM work WHERE kind NOT IN ('backend', 'retention')",
}


_FLEETS = f"""
SELECT id, name, nodes, config FROM fleets WHERE state = 'active' AND message = '' AND NOT auto_created
AND id NOT IN (SELECT fleet_id FROM instances WHERE id IN ({_FOLLOWING}))
"""
_BY_ZONE = """
SELECT zone, count(*) FROM instances WHERE fleet_id = ? AND end_reason = '' AND state = 'active' GROUP BY zone
"""


def unsettled(raw: sqlite3.Connection) -> list[str]:
    """What is neither as requested nor has a reason."""
    return _out_of_shape(raw) + [
        f"{kind} {row}" for kind, statement in _UNSETTLED.items() for row in raw.execute(statement)
    ]


def _out_of_shape(raw: sqlite3.Connection) -> list[str]:
    """Fleets that have too few nodes after the loss of as many zones as they are to survive, or more than they need."""
    found = []
    for id, name, nodes, config in raw.execute(_FLEETS).fetchall():
        placement = json.loads(config).get("placement") or {}
        lost = placement.get("survive_zones", 0) if isinstance(placement, dict) else 0
        counts = sorted((count for _, count in raw.execute(_BY_ZONE, (id,))), reverse=True)
        left = sum(counts[lost:])
        if left < nodes or (not lost and left > nodes):
            found.append(f"fleet {name} of {nodes} nodes has {counts} by zone, and is to survive the loss of {lost}")
    return found


def leftovers(raw: sqlite3.Connection, ledger: Ledger, clock: VirtualClock) -> list[str]:
    """What lives after all was deleted: records, work, and what is paid for."""
    left = [f"{kind} {row}" for kind, statement in _ALIVE.items() for row in raw.execute(statement)]
    left += [f"machine {machine.id} for {machine.token}" for machine in ledger.alive(clock.now())]
    return left + [f"disk {disk.id} for {disk.token}" for disk in ledger.alive_disks()]
