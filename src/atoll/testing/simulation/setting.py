"""What a storm happens in: the cloud's nature, its weather, and the documents that somebody applies. All by seed."""

from random import Random

from atoll.backends.base import ERRORS
from atoll.backends.fake import Fault, JobScript, Script, grid, lost_reply
from atoll.model.failure import FailureKind
from atoll.model.zone import Capacity

CREATES = ("launch", "create-volume", "attach")
EFFECTS = (*CREATES, "terminate", "detach", "delete-volume")
READS = ("describe", "listing", "find", "find-volumes", "agent.health", "agent.submit", "agent.logs", "agent.stop")
DRY = (FailureKind.CAPACITY_UNAVAILABLE, FailureKind.QUOTA_EXCEEDED)
TRANSIENT = (FailureKind.THROTTLED, FailureKind.UNAVAILABLE)


def cloud_script(chance: Random, seed: int) -> Script:
    """A small cloud: two to four zones, two sizes of machine, slow or quick, tight or endless."""
    spot = chance.random() < 0.4
    offers = grid(chance.choice((2, 3, 3, 4)), 1, (2, 4), spot=spot)
    zones = list(dict.fromkeys(offer.zone.name for offer in offers))
    tight = chance.random() < 0.4
    slow = chance.choice((0.05, 0.5, 3.0))
    return Script(
        offers,
        capacity={name: Capacity(cpus := chance.choice((4, 8, 12)), cpus * 4) for name in zones} if tight else {},
        latency={"*": (0.01, slow)},
        boot=chance.choice((0, 2, 20)),
        deletion=chance.choice((0, 0, 5)),
        lag=chance.choice((0, 0, 1, 8)),
        skew=chance.choice((0, 0, -30, 45)),
        interruptions=dict.fromkeys(zones, chance.choice((0, 6))) if spot else {},
        quota_cpus=chance.choice((None, None, None, 16)),
        jobs=JobScript(stop_seconds=chance.choice((0, 2))),
        seed=seed,
        reads=False,
        faults=_failing_boots(Random(f"boot/{seed}")),
    )


def _failing_boots(chance: Random) -> tuple[Fault, ...]:
    """In one of eight storms, some machines fail when they boot until the weather calms down."""
    if chance.random() < 7 / 8:
        return ()
    kind = chance.choice((*DRY, FailureKind.NOT_OFFERED, FailureKind.INVALID_REQUEST))
    return (Fault("boot", kind, times=None, chance=chance.choice((0.2, 0.5))),)


def weather(chance: Random) -> tuple[Fault, ...]:
    """What goes wrong by chance from now on."""
    faults = []
    for _ in range(chance.choice((0, 1, 2, 4))):
        operation = chance.choice((*EFFECTS, *CREATES, *READS))
        rate = chance.choice((0.05, 0.2, 0.5))
        if operation in EFFECTS and chance.random() < 0.5:
            faults.append(lost_reply(operation, times=None, chance=rate, delay=chance.choice((0, 10, 70))))
        elif operation == "launch":
            faults.append(Fault(operation, chance.choice(tuple(ERRORS)), times=None, chance=rate))
        else:
            kinds = (*TRANSIENT, FailureKind.AUTH_FAILED) if operation in EFFECTS else TRANSIENT
            kinds = (*kinds, *DRY) if operation == "create-volume" else kinds
            faults.append(Fault(operation, chance.choice(kinds), times=None, chance=rate, delay=chance.choice((0, 20))))
    return tuple(faults)


class Author:
    """Writes files: fleets `f0` …, volumes `v0` …, tasks `t0` …, each time as chance has it."""

    def __init__(self, chance: Random, zones: tuple[str, ...], *, spot: bool) -> None:
        self._chance = chance
        self._zones = zones
        self._spot = spot

    def file(self) -> str:
        """One file with one to three documents, in YAML."""
        makers = self._chance.choices(
            (self._fleet, self._volume, self._task), (4, 3, 4), k=self._chance.choice((1, 2, 3))
        )
        documents = {(text := maker()).split("\n")[1]: text for maker in makers}
        if any("/data" in text for text in documents.values()) and self._chance.random() < 0.6:
            volume = self._volume()
            documents.setdefault(volume.split("\n")[1], volume)
        return "---\n".join(documents.values())

    def _fleet(self) -> str:
        chance = self._chance
        lines = ["type: fleet", f"name: f{chance.randrange(2)}"]
        lines.append(f"nodes: {chance.choice(('1', '2', '3', '4', '0..3', '{min: 1, target: 2, max: 4}'))}")
        placement = chance.choice(_PLACEMENTS)
        if "strategy: spread" in placement and Random("".join(lines)).random() < 0.4:
            placement = placement.replace("spread", "spread, rebalance: on-recovery")
        lines.append(f"placement: {placement}")
        lines.append(f"resources: {{cpu: {chance.choice(('2', '2..', '4'))}}}")
        lines.append(f"idle_duration: {chance.choice(('off', 'off', '1m', '5m'))}")
        if budget := Random("".join(lines)).choice(("", "", *_BUDGETS)):
            lines.append(f"disruption: {budget}")
        return _text(lines + self._where())

    def _volume(self) -> str:
        chance = self._chance
        lines = ["type: volume", f"name: v{chance.randrange(2)}", "backend: fake", "size: 10GB"]
        if chance.random() < 0.3:
            lines.append(f"availability_zone: {chance.choice(self._zones)}")
        elif chance.random() < 0.4:
            lines.append("binding_mode: wait-for-first-consumer")
        return _text(lines)

    def _task(self) -> str:
        chance = self._chance
        lines = ["type: task", f"name: t{chance.randrange(2)}", "commands: [work]"]
        nodes = chance.choice((1, 1, 1, 2))
        lines.append(f"nodes: {nodes}")
        seconds, code = chance.choice((1, 20, 90, 3600)), chance.choice((0, 0, 0, 1))
        lines.append(f"env: {{FAKE_SECONDS: '{seconds}', FAKE_EXIT_CODE: '{code}'}}")
        lines.append(f"resources: {{cpu: {chance.choice(('2..', '4'))}}}")
        if retry := chance.choice(("", "retry: true", "retry: {on_events: [interruption, no-capacity], duration: 5m}")):
            lines.append(retry)
        if nodes == 1 and chance.random() < 0.5:
            lines.append(f"volumes: ['v{chance.randrange(2)}:/data']")
        if chance.random() < 0.2:
            lines.append("max_duration: 45s")
        lines.append(f"idle_duration: {chance.choice(('10s', '1m', '5m'))}")
        if fleets := chance.choice((None, None, None, "f0", "f0, f1")):
            lines.append(f"fleets: [{fleets}]")
        return _text(lines + self._where())

    def _where(self) -> list[str]:
        chance = self._chance
        lines = [f"spot_policy: {chance.choice(('spot', 'auto'))}"] if self._spot and chance.random() < 0.5 else []
        if chance.random() < 0.25:
            lines.append(f"availability_zones: [{', '.join(sorted(chance.sample(self._zones, 2)))}]")
        return lines


_BUDGETS = ("{max_unavailable: 1}", "{max_unavailable: 2, per: 2m}", "{one_zone_at_a_time: true, per: 30s}")
_PLACEMENTS = (
    "any",
    "cluster",
    "spread",
    "{strategy: spread, max_skew: 3, min_zones: 2, on_shortage: best-effort}",
    "{strategy: spread, min_zones: 2, on_shortage: best-effort}",
    "{strategy: spread, survive_zones: 1}",
    "{strategy: spread, max_zones: 2}",
    "{strategy: any, max_zones: 2}",
    "{strategy: any, max_share: 0.5}",
    "{strategy: spread, survive_zones: 1, max_share: 0.5}",
)


def _text(lines: list[str]) -> str:
    return "\n".join(lines) + "\n"
