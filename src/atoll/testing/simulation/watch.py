"""What must hold at every moment of a storm: watched at each commit and at each thing that the cloud does.

The rules are checked from the records and the ledger alone, by other means than the engine's own: plain SQL beside each
transaction, before it is committed.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from atoll.backends.fake import FakeCloud, Ledger
from atoll.backends.fake.cloud import UP
from atoll.backends.fake.ledger import OK, Entry
from atoll.model.blocks import overlap
from atoll.store.work import Lease

_INTENTS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "launch": ("SELECT state FROM instances WHERE id = :token", ("launching",)),
    "terminate": ("SELECT state FROM instances WHERE id = :token", ("terminating",)),
    "create-volume": ("SELECT state FROM volumes WHERE id = :token", ("creating",)),
    "delete-volume": ("SELECT state FROM volumes WHERE id = :token", ("deleting",)),
}
"""Which state a record must have when the cloud does something for it: the intent comes before the effect."""
_SAME_ZONE = """
SELECT a.name FROM attachments a JOIN volumes v ON v.id = a.volume_id JOIN instances i ON i.id = a.instance_id
WHERE a.id = ? AND (v.zone IS NOT i.zone OR v.region IS NOT i.region OR v.backend IS NOT i.backend)
"""
_TWICE_ATTACHED = """
SELECT v.name FROM attachments a JOIN volumes v ON v.id = a.volume_id
WHERE a.volume_id = (SELECT volume_id FROM attachments WHERE id = ?) AND a.state IN ('attached', 'detaching')
GROUP BY v.id HAVING count(*) > 1
"""
_OTHERS = """
SELECT other.instance_id, other.run, other.state, r.stop, this.blocks, other.blocks FROM jobs this
JOIN jobs other ON other.instance_id = this.instance_id AND other.id != this.id JOIN runs r ON r.id = other.run_id
WHERE this.id = ? AND other.state NOT IN ('done', 'failed', 'stopped')
"""
_LIVE = """
SELECT i.id, i.fleet_id, i.zone, i.instance_type, i.end_reason, f.config, f.state, f.auto_created, f.name,
i.outdated OR i.leaving_for != ''
FROM instances i JOIN fleets f ON f.id = i.fleet_id WHERE i.state != 'terminated'
"""
_CUT = """
SELECT i.id, fleet_id, zone, i.state = 'active' AND unreachable_since IS NULL, outdated OR leaving_for != ''
FROM instances i JOIN fleets f ON f.id = i.fleet_id
WHERE end_reason IN ('fleet-changed', 'rebalanced', 'zone-drained') AND i.state != 'terminated' AND NOT f.auto_created
"""
_STAYING = """
SELECT zone, count(*) FROM instances WHERE fleet_id = ? AND end_reason = '' AND state != 'terminated' GROUP BY zone
"""
_FITTING = """
SELECT zone, count(*) FROM instances WHERE fleet_id = ? AND end_reason = '' AND state != 'terminated' AND NOT outdated
AND leaving_for = '' GROUP BY zone
"""
_WORKING = """
SELECT zone, count(*) FROM instances WHERE fleet_id = ? AND end_reason = '' AND state = 'active'
AND unreachable_since IS NULL GROUP BY zone
"""
_GOING = """
SELECT id, zone, deleted_at FROM instances WHERE fleet_id = ? AND started_at IS NOT NULL AND end_reason != ''
AND (deleted_at IS NULL OR deleted_at > ?)
"""
_LEAVING = "SELECT 1 FROM instances WHERE fleet_id = ? AND state != 'terminated' AND (outdated OR leaving_for != '')"
_NEWS = "SELECT seq, kind, subject, to_state, reason FROM events WHERE seq > ? ORDER BY seq"
_NAMED_FLEETS = """
SELECT r.config, i.fleet FROM jobs j JOIN runs r ON r.id = j.run_id JOIN instances i ON i.id = j.instance_id
WHERE j.id = ?
"""
_REFUSED = ("invalid-request", "zone-mismatch")
_PASSING = ("capacity-unavailable", "quota-exceeded", "auth-failed", "throttled", "unavailable")
_ASKED = ("changed", "retry-asked")
_OWNERS = """
SELECT f.id FROM instances i JOIN fleets f ON f.id = i.fleet_id WHERE i.id = :instance AND NOT f.auto_created
AND f.state = 'active' UNION SELECT j.run_id FROM jobs j JOIN instances i ON i.id = j.instance_id
JOIN fleets f ON f.id = i.fleet_id WHERE i.id = :instance AND f.auto_created
AND j.state NOT IN ('done', 'failed', 'stopped')
"""
_OWNER = {
    "instance": "SELECT fleet_id FROM instances WHERE id = :subject",
    "job": "SELECT run_id FROM jobs WHERE id = :subject",
}
"""What a machine or a placed job is for, by kind."""


class Broken(AssertionError):  # noqa: N818 - it is what became of the rule
    """A rule was broken. The message says which, and how."""


class WatchedLedger(Ledger):
    """A ledger that reports each entry."""

    def __init__(self) -> None:
        super().__init__()
        self.on_entry: Callable[[Entry], None] = lambda entry: None

    def append(self, entry: Entry) -> None:
        """As `Ledger.append`."""
        super().append(entry)
        self.on_entry(entry)


class Watch:
    """Holds the rules against one storm; `broken` is what was found first."""

    def __init__(self, raw: sqlite3.Connection, cloud: FakeCloud) -> None:
        self._raw = raw
        self._cloud = cloud
        self._seq = 0
        self._refused: set[str] = set()
        self._cut: set[str] = set()
        self.broken: list[str] = []
        self.quiet_since = 0.0

    def fail(self, message: str) -> None:
        """Note what is broken."""
        self.broken.append(f"at {self._cloud.now():.3f}: {message}")

    def entry(self, entry: Entry) -> None:
        """After something happened in the cloud."""
        if entry.outcome != OK:
            if entry.outcome == "zone-mismatch" and entry.call == "attach":
                self.fail(f"an attachment across zones was requested: {entry.subject}")
            return
        intent = _INTENTS.get(entry.call)
        if intent is not None:
            for token in [machine.token for machine in entry.machines] + [disk.token for disk in entry.disks]:
                row = self._one(intent[0], {"token": token})
                if row is None or row[0] not in intent[1]:
                    self.fail(f"{entry.call} for {token}, whose record is {row and row[0]}")
        if entry.call == "launch" and entry.machines:
            self._launched(entry)

    def commit(self, lease: Lease | None) -> None:
        """Before a transaction is committed."""
        if lease is not None:
            row = self._one("SELECT fence FROM work WHERE kind = ? AND id = ?", (lease.kind, lease.id))
            if row is not None and row[0] != lease.fence:
                self.fail(f"{lease.kind} {lease.id} was written with fence {lease.fence}, the newest is {row[0]}")
        news = self._all(_NEWS, (self._seq,))
        self._seq = news[-1][0] if news else self._seq
        for _, kind, subject, state, reason in news:
            self._restrained(kind, subject, state, reason)
            check = _AT.get((kind, state))
            if check is not None:
                check(self, subject)
        self._removed()
        fresh = {subject for _, kind, subject, state, _ in news if (kind, state) == ("instance", "pending")}
        if fresh:
            self._placed(fresh)
            self._within_limits(fresh)

    def _removed(self) -> None:
        """Nodes are taken from a fleet only while enough stay, and working ones only while enough work.

        No zone falls further behind the fullest than allowed, and none is given up that `min_zones` needs.
        """
        fresh = [row for row in self._all(_CUT, ()) if row[0] not in self._cut]
        self._cut.update(row[0] for row in fresh)
        for fleet in dict.fromkeys(row[1] for row in fresh):
            cut = [row for row in fresh if row[1] == fleet]
            name, nodes, config = self._one("SELECT name, nodes, config FROM fleets WHERE id = ?", (fleet,))
            placement = json.loads(config).get("placement") or {}
            placement = {"strategy": placement} if isinstance(placement, str) else placement
            budget = json.loads(config).get("disruption") or {}
            away = (budget.get("max_unavailable") or 0) if any(row[4] for row in cut) else 0
            for others in (_STAYING, _WORKING) if any(row[3] for row in cut) else (_STAYING,):
                counts = Counter(dict(self._all(others, (fleet,))))
                lost = sorted(counts.values(), reverse=True)[: placement.get("survive_zones", 0)]
                if sum(counts.values()) - sum(lost) < nodes - away:
                    self.fail(f"fleet {name} of {nodes} nodes is cut to {dict(counts)}, too few to survive")
            self._within_budget(fleet, name, cut, budget)
            counts, wanted = Counter(dict(self._all(_FITTING, (fleet,)))), json.loads(config).get("availability_zones")
            for zone in {row[2] for row in cut if not row[4]}:
                if not counts[zone] and len(+counts) < min(placement.get("min_zones", 0), counts.total()):
                    self.fail(f"fleet {name} gave up its last node in {zone}, and min_zones needs it: {dict(counts)}")
                up = self._cloud.ledger.zones.get(zone, UP) == UP
                held = len({*counts, zone})
                if (
                    not up
                    or zone in self._closed()
                    or (wanted and zone not in wanted)
                    or held > placement.get("max_zones", held)
                ):
                    continue
                fullest = max(counts.values(), default=0)
                behind = fullest - counts[zone]
                if placement.get("strategy") == "spread" and behind > placement.get("max_skew", 1):
                    self.fail(f"fleet {name} gave up a node in {zone}: {dict(counts)}")
                if behind > 1 and fullest > _share(nodes, counts, placement):
                    self.fail(f"fleet {name} gave up a node in {zone}, and another zone has too many: {dict(counts)}")

    def _within_budget(self, fleet: str, name: str, cut: list[Any], budget: Mapping[str, Any]) -> None:
        """Working nodes that others take the place of go in turns: few in a time, and of one zone at once.

        Surplus ones of the same commit do not count.
        """
        if not any(row[3] and row[4] for row in cut):
            return
        surplus = {row[0] for row in cut if not row[4]}
        since = self._cloud.now() - budget.get("per", 0) + 5  # servers may disagree by seconds
        going = [row[1:] for row in self._all(_GOING, (fleet, _text(since))) if row[0] not in surplus]
        if "per" in budget and len(going) > max(1, budget.get("max_unavailable") or 0):
            self.fail(f"fleet {name} gave up {len(going)} nodes within {budget['per']} s")
        zones = {zone for zone, ended in going if ended is None}
        if budget.get("one_zone_at_a_time") and len(zones) > 1:
            self.fail(f"fleet {name} gave up nodes in {sorted(zones)} at once")

    def _restrained(self, kind: str, subject: str, state: str, reason: str) -> None:
        """After a refusal of the request itself its fleet or run launches nothing, until a user requests something.

        What passes fails nothing for good.
        """
        if (kind, state) == ("volume", "failed") and reason in _PASSING:
            self.fail(f"volume {subject} failed for good: {reason}")
        if kind in ("fleet", "run") and reason in _ASKED:
            self._refused.discard(subject)
        elif kind == "instance" and state == "terminated" and reason in _REFUSED:
            self._refused.update(owner for (owner,) in self._all(_OWNERS, {"instance": subject}))
        elif (kind, state) in (("instance", "pending"), ("job", "placed")):
            owner = self._one(_OWNER[kind], {"subject": subject})
            if owner is not None and owner[0] in self._refused:
                self.fail(f"{kind} {subject} of {owner[0]} follows a refusal of the request itself")

    def _within_limits(self, fresh: set[str]) -> None:
        """A fleet that gets a node has no more than its `max`."""
        live = [row for row in self._all(_LIVE, ()) if not row[4] and not row[9]]
        for fleet in dict.fromkeys(row[1] for row in live if row[0] in fresh):
            rows = [row for row in live if row[1] == fleet]
            nodes = json.loads(rows[0][5]).get("nodes")
            most = nodes.get("max") if isinstance(nodes, dict) else nodes
            spare = "survive_zones" in json.dumps(json.loads(rows[0][5]).get("placement"))
            if not rows[0][7] and most is not None and len(rows) > most and not spare:
                self.fail(f"fleet {rows[0][8]} has {len(rows)} nodes of at most {most}")

    def _in_its_fleet(self, job: str) -> None:
        row = self._one(_NAMED_FLEETS, (job,))
        named = json.loads(row[0]).get("fleets") if row else None
        if named and row[1] not in named:
            self.fail(f"job {job} is on a machine of fleet {row[1]}, and its run names {named}")

    def _launched(self, entry: Entry) -> None:
        machine = entry.machines[0]
        row = self._one("SELECT zone, instance_type, market FROM instances WHERE id = ?", (machine.token,))
        if row is None:
            return
        planned = (row[0], json.loads(row[1])["name"], row[2])
        if planned != (machine.zone.name, machine.instance_type, machine.market):
            self.fail(f"{machine.id} is another machine than the planned {planned}")
        twins = [each for each in self._cloud.ledger.alive() if each.token == machine.token]
        if len(twins) > 1:
            self.fail(f"{len(twins)} machines are paid for by one record {machine.token}")

    def _machine_gone(self, instance: str) -> None:
        ledger = self._cloud.ledger
        for machine in ledger.machines.values() if len(ledger.machines) < 200 else ():
            if machine.token == instance and machine.ended_at is None and not self._due(machine.interrupt_at):
                self.fail(f"instance {instance} is terminated, its machine {machine.id} is paid for")

    def _due(self, at: float | None) -> bool:
        return at is not None and at <= self._cloud.now()

    def _disk_gone(self, volume: str) -> None:
        for disk in self._cloud.ledger.alive_disks():
            if disk.token == volume:
                self.fail(f"volume {volume} is deleted, its disk {disk.id} is paid for")

    def _attaching(self, tie: str) -> None:
        row = self._one(_SAME_ZONE, (tie,))
        if row is not None:
            self.fail(f"volume {row[0]} and its instance are in different zones")

    def _attached(self, tie: str) -> None:
        row = self._one(_TWICE_ATTACHED, (tie,))
        if row is not None:
            self.fail(f"volume {row[0]} is attached twice")

    def _claimed(self, job: str) -> None:
        for instance, run, _, stop in self._beside(job):
            if not stop:
                self.fail(f"job {job} claims instance {instance}, which run {run} holds")

    def _beside(self, job: str) -> Iterator[Sequence[Any]]:
        """The other jobs that claim a block of the job's machine, too."""
        for *row, own, others in self._all(_OTHERS, (job,)):
            if overlap(json.loads(own), json.loads(others)):
                yield row

    def _of_place(self, job: str) -> None:
        self._claimed(job)
        self._in_its_fleet(job)

    def _starting(self, job: str) -> None:
        for instance, run, state, _ in self._beside(job):
            if state in ("starting", "running", "stopping"):
                self.fail(f"job {job} starts on instance {instance}, where a job of {run} is {state}")

    def _placed(self, fresh: set[str]) -> None:
        live = self._all(_LIVE, ())
        self._check_room(live)
        self._check_closed(live, fresh)
        for fleet in dict.fromkeys(row[1] for row in live if row[0] in fresh and not row[7]):
            rows = [row for row in live if row[1] == fleet and not row[4] and not row[9]]
            placement = json.loads(rows[0][5]).get("placement") or {}
            if isinstance(placement, str):
                placement = {"strategy": placement}
            here = Counter(row[2] for row in rows)
            if placement.get("strategy") == "cluster" and len(here) > 1:
                self.fail(f"fleet {rows[0][8]} is a cluster over {dict(here)}")
            self._check_bounds(rows, fresh, placement)
            if placement.get("strategy") == "spread":
                self._check_skew(rows[0], here, {row[2] for row in rows if row[0] in fresh}, placement)

    def _closed(self) -> set[str]:
        """The zones that an operator closed."""
        return {zone for (zone,) in self._all("SELECT zone FROM closures WHERE state != 'ended'", ())}

    def _check_closed(self, live: list[Any], fresh: set[str]) -> None:
        """A closed zone gets nothing new; servers may disagree by seconds about its end."""
        soon = _text(self._cloud.now() + 5)
        closed = {
            zone for (zone,) in self._all("SELECT zone FROM closures WHERE state != 'ended' AND until > ?", (soon,))
        }
        for row in live:
            if row[0] in fresh and row[2] in closed:
                self.fail(f"an instance of fleet {row[8]} is planned in {row[2]}, which is closed")

    def _check_bounds(self, rows: list[Any], fresh: set[str], placement: Mapping[str, Any]) -> None:
        """A fleet gets no node in one zone more than it may use, and none in a zone that has its share."""
        here, new = Counter(row[2] for row in rows), {row[2] for row in rows if row[0] in fresh}
        before = {row[2] for row in rows if row[0] not in fresh}
        if len(here) > max(placement.get("max_zones", len(here)), len(before)):
            self.fail(f"fleet {rows[0][8]} got nodes in {new - before}: {dict(here)}")
        nodes = self._one("SELECT nodes FROM fleets WHERE id = ?", (rows[0][1],))[0]
        for zone in new if not self._in_turns(rows[0]) else ():
            if here[zone] > _share(nodes, here, placement):
                self.fail(f"fleet {rows[0][8]} of {nodes} nodes got one in {zone}: {dict(here)}")

    def _in_turns(self, row: Any) -> bool:
        """Whether nodes of the fleet wait for their turn to go: they still count as nodes of their zones."""
        return '"per"' in row[5] and self._one(_LEAVING, (row[1],)) is not None

    def _check_room(self, live: list[Any]) -> None:
        capacity = self._cloud.script.capacity
        taken: Counter[str] = Counter()
        for row in live:
            if row[6] != "deleting" and row[4] != "replaced":
                taken[row[2]] += json.loads(row[3])["cpus"]
        for zone, cpus in taken.items():
            if zone in capacity and cpus > capacity[zone].cpus:
                self.fail(f"zone {zone} has {capacity[zone].cpus:g} CPUs, and {cpus:g} are planned")

    def _check_skew(self, row: Any, here: Counter[str], fresh: set[str], placement: Mapping[str, Any]) -> None:
        script = self._cloud.script
        calm = self._cloud.now() - self.quiet_since > 120
        calm = calm and all(state == UP for state in self._cloud.ledger.zones.values())
        if placement.get("on_shortage") == "best-effort" or script.capacity or script.quota_cpus or not calm:
            return
        if self._one("SELECT 1 FROM failures", ()) is not None or self._closed():
            return
        if self._in_turns(row):
            return
        eligible = json.loads(row[5]).get("availability_zones") or [zone.name for zone in script.zones]
        counts = sorted((here[zone] for zone in eligible), reverse=True)
        apart = sum(zone not in eligible for zone in here)
        least = counts[: max(1, placement.get("max_zones", len(counts) + apart) - apart)][-1]
        for zone in fresh:
            if here[zone] - least > placement.get("max_skew", 1):
                self.fail(f"fleet {row[8]} got a node in {zone}: {dict(here)} over {eligible}")

    def _one(self, statement: str, values: Any) -> Any:
        return self._raw.execute(statement, values).fetchone()

    def _all(self, statement: str, values: Any) -> list[Any]:
        return self._raw.execute(statement, values).fetchall()


def _text(seconds: float) -> str:
    """A time as SQLite holds it."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")


def _share(nodes: int, counts: Counter[str], placement: Mapping[str, Any]) -> float:
    """How many nodes one zone may hold."""
    return max(1, int(max(nodes, counts.total()) * placement.get("max_share", 1) + 1e-6))


_AT: Mapping[tuple[str, str], Callable[[Watch, str], None]] = {
    ("instance", "terminated"): Watch._machine_gone,
    ("volume", "deleted"): Watch._disk_gone,
    ("attachment", "attaching"): Watch._attaching,
    ("attachment", "attached"): Watch._attached,
    ("job", "placed"): Watch._of_place,
    ("job", "starting"): Watch._starting,
}
