"""Facts as words: prices, counts, names, times and ranges, rounded in the direction that stays true."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from atoll.planning.plan import Fact

Facts = Mapping[str, Fact]


def money(price: float) -> str:
    """USD with two to four digits, rounded up: this much suffices as a limit, and only what is free is `$0.00`."""
    return _dollars(price, ROUND_CEILING)


def limit(price: float) -> str:
    """A limit in USD, rounded down."""
    return _dollars(price, ROUND_FLOOR)


def upper_limit(price: float) -> float:
    """The lowest limit, of at most four digits after the point, that a price keeps."""
    return float(Decimal(repr(price)).quantize(Decimal("0.0001"), ROUND_CEILING))


def lower_limit(amount: float) -> float:
    """The highest lower limit, of at most four digits after the point, that an amount keeps."""
    return float(Decimal(repr(float(amount))).quantize(Decimal("0.0001"), ROUND_FLOOR))


def _dollars(price: float, rounding: str) -> str:
    # Twelve digits drop what binary fractions add to a sum.
    text = f"{Decimal(f'{price:.12f}').quantize(Decimal('0.0001'), rounding):f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"${whole}.{part.ljust(2, '0')}"


def number(data: Facts, key: str) -> int:
    """A fact as a whole number; 0 where it is missing."""
    value = data.get(key)
    return int(value) if isinstance(value, int | float) else 0


def count(number: int, word: str) -> str:
    """A number with its word, in the singular or the plural."""
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def names(data: Facts, key: str, joint: str = ", ") -> str:
    """A fact that is a list of names, joined."""
    value = data.get(key)
    return joint.join(value) if isinstance(value, tuple) else str(value or "")


def quoted(data: Facts, key: str, joint: str = " or ") -> str:
    """The same as the names of resources, as alternatives."""
    value = data.get(key)
    return joint.join(f"`{name}`" for name in (value if isinstance(value, tuple) else (value,)))


def amount(value: Fact) -> str:
    """A number in full: one that is written into a file must not be smaller than what was found."""
    if not isinstance(value, int | float):
        return str(value)
    text = f"{value:.12g}"
    return text if float(text) == value and "e" not in text else f"{Decimal(repr(float(value))):f}"


def quantity(data: Facts, key: str) -> float:
    """A fact as a number; 0 where it is missing."""
    value = data.get(key)
    return float(value) if isinstance(value, int | float) else 0.0


def clock(data: Facts, key: str, beside: str | None = None, *, seconds: bool = False) -> str:
    """The time of day in UTC; with the date when it is another day than the fact `beside`."""
    value = data.get(key)
    if not isinstance(value, str):
        return ""
    time = datetime.fromisoformat(value)
    other = data.get(beside) if beside else None
    same = not isinstance(other, str) or datetime.fromisoformat(other).date() == time.date()
    day = f"{time:%H:%M:%S}" if seconds else f"{time:%H:%M}"
    return day if same else f"{time:%Y-%m-%d} {day}"


def span(text: str) -> str:
    """A range such as `2..4` in words."""
    low, dots, high = text.partition("..")
    if not dots:
        return text
    if low and high:
        return f"{low} to {high}"
    return low or f"at most {high}"
