"""How quantities read in tables and plans: prices, sizes, times, places."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from atoll.model.zone import Zone

_STEPS = ((86_400, "day"), (3_600, "hour"), (60, "min"))


def now() -> datetime:
    """The current time; times of the API are in UTC."""
    return datetime.now(UTC)


def ago(time: datetime | None, at: datetime) -> str:
    """A past time relative to `at`: `2 min ago`; empty when there is none."""
    if time is None:
        return ""
    seconds = (at - _aware(time)).total_seconds()
    for size, name in _STEPS:
        if seconds >= size:
            count = int(seconds // size)
            plural = "s" if count != 1 and name != "min" else ""
            return f"{count} {name}{plural} ago"
    return "just now" if seconds < 5 else f"{int(seconds)} s ago"


def clock(time: datetime) -> str:
    """The time of day on this machine's clock, `14:02:11`."""
    return _aware(time).astimezone().strftime("%H:%M:%S")


def dated(time: datetime) -> str:
    """The date and time on this machine's clock, `2026-11-28 14:02:11`."""
    return _aware(time).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def until(time: datetime | None) -> str:
    """When something ends, with the date where it is not today; empty when there is no end."""
    if time is None:
        return ""
    there = _aware(time).astimezone()
    today = there.date() == now().astimezone().date()
    return there.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")


def hourly(value: float | None) -> str:
    """What something costs: `$0.2016/h`, or that its price is unknown."""
    return "price unknown" if value is None else f"{price(value)}/h"


def price(value: float | None) -> str:
    """USD with enough digits to distinguish prices: `$0.2016`, `$12.50`, `$0`; `unknown` where the API has null."""
    if value is None:
        return "unknown"
    if value == 0:
        return "$0"
    if value >= 1:
        return f"${value:.2f}"
    digits = f"{value:.4f}".rstrip("0")
    return "$" + digits + "0" * (2 - len(digits.partition(".")[2]))


def number(value: float) -> str:
    """A count or amount without useless digits."""
    return f"{value:g}" if abs(value) < 1e6 else f"{value:.0f}"


def gigabytes(value: float) -> str:
    """A size; below one GB in MB."""
    return f"{number(value)}GB" if value >= 1 or value == 0 else f"{number(round(value * 1024))}MB"


def data(size: int) -> str:
    """A number of bytes with a unit: `3.4 MiB`."""
    value, unit = float(size), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if value < 1024:
            break
        value, unit = value / 1024, larger
    return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"


def machine(cpus: float, memory_gb: float, gpu: str) -> str:
    """What a machine has: `4 CPUs, 16GB, H100:8`."""
    parts = [f"{number(cpus)} CPU" + ("" if cpus == 1 else "s"), gigabytes(memory_gb)]
    return ", ".join([*parts, gpu] if gpu else parts)


def zone_id(zone: Zone | None) -> str:
    """The provider's account-independent name of a zone, where there is one."""
    return (zone.zone_id or "") if zone else ""


def zone_name(region: str, zone: str) -> str:
    """What a zone is called beside others: a bare number needs its region, and a region may have no zones."""
    return f"{region}-{zone}" if zone.isdecimal() else zone or region


def count(number: int, word: str) -> str:
    """`1 zone`, `2 zones`."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def shortened(words: Sequence[str], most: int = 4) -> str:
    """A list that may be long: its beginning, and how many more there are."""
    if len(words) <= most:
        return ", ".join(words)
    return f"{', '.join(words[: most - 1])} and {len(words) - most + 1} more"


def place(zone: Zone | None) -> str:
    """A zone's name, or what stands for it."""
    return str(zone) if zone else "-"


def zone_counts(zones: Iterable[Zone | None]) -> str:
    """How many of each zone, in their order: `us-east-1a 2, us-east-1b 1`."""
    counts = Counter(zone for zone in zones if zone is not None)
    return ", ".join(f"{zone} {counts[zone]}" for zone in sorted(counts))


def _aware(time: datetime) -> datetime:
    return time if time.tzinfo else time.replace(tzinfo=UTC)
