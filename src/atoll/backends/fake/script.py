"""What a fake cloud is like: its zones and offers, how slow and how reliable it is, and what goes wrong in it."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

import msgspec

from atoll.model.failure import FailureKind
from atoll.model.limits import TimeLimits
from atoll.model.market import StalePart
from atoll.model.offer import UNKNOWN_PRICE, Market, Offer
from atoll.model.resources import InstanceType
from atoll.model.zone import Capacity, Zone, ZoneInfo, ZoneKind, ZoneState

SPOT_SHARE = 0.35
PRICE_PER_CPU = 0.05
GB_PER_CPU = 4


class Clock(Protocol):
    """Where the cloud has its time from; in simulations it is virtual."""

    def now(self) -> datetime:
        """The time, with its zone."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Let this much time go by."""
        ...


class SystemClock:
    """Real time."""

    def now(self) -> datetime:
        """The time in UTC."""
        return datetime.now(UTC)

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        import asyncio

        await asyncio.sleep(seconds)


LIMITS = TimeLimits(start_seconds=600, silent_seconds=60, sweep_seconds=5)


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong in calls of `operation` (`*`: all) that match `zone` and `instance_type` (None: any).

    It strikes with `chance`, `times` times (None: for ever). With `after_effect` the call did its work and only the
    answer is lost. `delay` is how many seconds the caller waits for the error.
    """

    operation: str
    kind: FailureKind = FailureKind.UNAVAILABLE
    times: int | None = 1
    chance: float = 1
    zone: str | None = None
    instance_type: str | None = None
    after_effect: bool = False
    delay: float = 0
    retry_after: float | None = None
    message: str = ""


def lost_reply(operation: str, *, times: int | None = 1, chance: float = 1, delay: float = 0) -> Fault:
    """The effect happens, the answer does not come."""
    return Fault(operation, times=times, chance=chance, delay=delay, after_effect=True)


@dataclass(frozen=True, slots=True)
class JobScript:
    """How jobs go: they last `seconds` and exit with `exit_code`; a stop ends them after `stop_seconds` or the grace.

    A job's own variables `FAKE_SECONDS` and `FAKE_EXIT_CODE` go before.
    """

    seconds: float = 1
    exit_code: int = 0
    stop_seconds: float = 0


@dataclass(frozen=True, slots=True)
class Script:
    """A fake cloud's nature. Times are in seconds.

    `capacity` is by zone name (absent: endless), as are `states`, those of zones that take no work. Without `zoned`
    the offers' zones are regions, without `volumes` there are no disks. `latency` is the least and most that a call
    takes, by operation, `*` for the rest. A new machine is ready after one of the `boots` of its type, by chance, or
    else after `boot`; a terminated one gone after `deletion`; a new resource unknown to `find` and `describe` for
    `lag`. The cloud's clock goes `skew` before ours. A spot machine in a zone is interrupted `interruptions` times an
    hour on average; its agent knows `notice` before. `quota_cpus` is for each region and market; listings have it with
    `lists_quotas`. `reads` says whether calls that change nothing are kept in the ledger. Listings name `stale` parts.
    """

    offers: tuple[Offer, ...]
    capacity: Mapping[str, Capacity] = field(default_factory=dict)
    states: Mapping[str, ZoneInfo] = field(default_factory=dict)
    zoned: bool = True
    volumes: bool = True
    latency: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    boot: float = 0
    boots: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    deletion: float = 0
    lag: float = 0
    skew: float = 0
    interruptions: Mapping[str, float] = field(default_factory=dict)
    notice: float = 0
    quota_cpus: float | None = None
    faults: tuple[Fault, ...] = ()
    jobs: JobScript = JobScript()
    seed: int = 0
    reads: bool = True
    lists_quotas: bool = False
    limits: TimeLimits = LIMITS
    stale: tuple[StalePart, ...] = ()

    @property
    def zones(self) -> tuple[Zone, ...]:
        """The zones that have offers, in their order."""
        return tuple(dict.fromkeys(offer.zone for offer in self.offers))


def grid(
    zones: int = 3, regions: int = 1, cpus: tuple[int, ...] = (2, 4, 8, 16), name: str = "fake", *, spot: bool = False
) -> tuple[Offer, ...]:
    """Offers of a regular cloud: regions `fake-1`, `fake-2` …, zones `fake-1a` …, types `f.2x8` … with 4 GB a CPU."""
    markets = (Market.ON_DEMAND, Market.SPOT) if spot else (Market.ON_DEMAND,)
    return tuple(
        Offer(
            Zone(name, f"{name}-{region}", f"{name}-{region}{_letters(number)}"),
            InstanceType(f"f.{count}x{count * GB_PER_CPU}", count, count * GB_PER_CPU, 100),
            market,
            round(count * PRICE_PER_CPU * (SPOT_SHARE if market is Market.SPOT else 1), 4),
        )
        for region in range(1, regions + 1)
        for number in range(zones)
        for count in cpus
        for market in markets
    )


class _State(msgspec.Struct, forbid_unknown_fields=True):
    """How a zone is that takes no work."""

    state: ZoneState
    reason: str = ""
    until: datetime | None = None


class _Settings(msgspec.Struct, forbid_unknown_fields=True):
    """What a configuration file may say of a fake cloud."""

    zones: int = 3
    regions: int = 1
    types: tuple[int, ...] = (2, 4, 8, 16)
    spot: bool = False
    zoned: bool = True
    volumes: bool = True
    states: dict[str, _State] = {}
    not_offered: dict[str, tuple[str, ...]] = {}
    unpriced: tuple[str, ...] = ()
    cpus: float | None = None
    memory: float | None = None
    latency: float | dict[str, float] = 0
    boot: float = 0
    deletion: float = 0
    lag: float = 0
    skew: float = 0
    seed: int = 0
    quota_cpus: float | None = None
    interruptions: float = 0
    notice: float = 0
    chances: dict[str, dict[FailureKind, float]] = {}
    lost: dict[str, float] = {}
    job_seconds: float = 1
    job_exit_code: int = 0
    reads: bool = False
    lists_quotas: bool = False
    start_seconds: float = LIMITS.start_seconds
    silent_seconds: float = LIMITS.silent_seconds
    sweep_seconds: float = LIMITS.sweep_seconds


def script_from_mapping(mapping: Mapping[str, object]) -> Script:
    """A script from a configuration file: the fields of `_Settings`.

    `latency` is one for all calls or by operation, `cpus` and `memory` are each zone's capacity, `chances` is
    `{operation: {kind: chance}}`, `lost` `{operation: chance}` of lost answers, `states` is
    `{zone: {state, reason, until}}`, `not_offered` is `{zone: [instance type]}`; the prices of the zones `unpriced`
    are unknown. Without `zoned` each region is one
    place without a name; without `volumes` there are no disks.

    Raises ValueError.
    """
    try:
        settings = msgspec.convert(dict(mapping), _Settings)
    except msgspec.ValidationError as error:
        raise ValueError(f"the fake backend's configuration: {error}") from error
    if any(FailureKind.INTERRUPTED in kinds for kinds in settings.chances.values()):
        raise ValueError("the fake backend's configuration: no call is `interrupted`; set `interruptions`")
    faults = [
        Fault(operation, kind, times=None, chance=chance)
        for operation, kinds in settings.chances.items()
        for kind, chance in kinds.items()
    ]
    faults += [lost_reply(operation, times=None, chance=chance) for operation, chance in settings.lost.items()]
    latency = settings.latency if isinstance(settings.latency, dict) else {"*": settings.latency}
    script = Script(
        _offers(settings),
        latency={operation: (seconds, seconds) for operation, seconds in latency.items()},
        boot=settings.boot,
        deletion=settings.deletion,
        lag=settings.lag,
        skew=settings.skew,
        quota_cpus=settings.quota_cpus,
        notice=settings.notice,
        faults=tuple(faults),
        jobs=JobScript(settings.job_seconds, settings.job_exit_code),
        seed=settings.seed,
        reads=settings.reads,
        lists_quotas=settings.lists_quotas,
        zoned=settings.zoned,
        volumes=settings.volumes,
        limits=TimeLimits(settings.start_seconds, settings.silent_seconds, settings.sweep_seconds),
    )
    endless = float("inf")
    each = Capacity(settings.cpus or endless, settings.memory or endless, endless)
    return replace(
        script,
        capacity={zone.name: each for zone in script.zones} if settings.cpus or settings.memory else {},
        interruptions={zone.name: settings.interruptions for zone in script.zones} if settings.interruptions else {},
        states=_states(settings, script.zones),
    )


def _offers(settings: _Settings) -> tuple[Offer, ...]:
    offers = grid(settings.zones if settings.zoned else 1, settings.regions, settings.types, spot=settings.spot)
    if not settings.zoned:
        return tuple(replace(offer, zone=replace(offer.zone, name="", kind=ZoneKind.REGION)) for offer in offers)
    missing = settings.not_offered
    offered = (offer for offer in offers if offer.instance_type.name not in missing.get(offer.zone.name, ()))
    unknown = settings.unpriced
    return tuple(replace(each, price=UNKNOWN_PRICE) if each.zone.name in unknown else each for each in offered)


def _states(settings: _Settings, zones: tuple[Zone, ...]) -> Mapping[str, ZoneInfo]:
    by_name = {zone.name: zone for zone in zones}
    unknown = sorted({*settings.states, *settings.not_offered, *settings.unpriced} - by_name.keys())
    if unknown:
        raise ValueError(f"the fake backend's configuration: there is no zone `{unknown[0]}`")
    return {name: ZoneInfo(by_name[name], one.state, one.reason, one.until) for name, one in settings.states.items()}


def _letters(number: int) -> str:
    return (_letters(number // 26 - 1) if number >= 26 else "") + chr(ord("a") + number % 26)
