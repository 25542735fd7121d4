"""The parts of a region's offers: each read at its own pace, kept on disk with its date, and stale where it fails."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from atoll.backends.base import Throttled, Unavailable
from atoll.backends.market.part import RETRY_SECONDS, Part
from atoll.backends.market.region import RegionParts

NOON = datetime(2026, 11, 28, 12, 0, tzinfo=UTC)
HOUR = 3600.0


@dataclass
class Provider:
    """Answers with what is set, or fails; its clock moves by hand."""

    answer: dict[str, float] = field(default_factory=lambda: {"small": 0.1})
    error: Exception | None = None
    calls: int = 0
    seconds: float = 0.0

    async def read(self) -> dict[str, float]:
        self.calls += 1
        if self.error is not None:
            raise self.error
        return dict(self.answer)

    def part(self, name: str = "prices", period: float = HOUR) -> Part[dict[str, float]]:
        return Part(
            name,
            period,
            self.read,
            dict[str, float],
            now=lambda: NOON + timedelta(seconds=self.seconds),
            clock=lambda: self.seconds,
        )


@pytest.fixture
def provider() -> Provider:
    return Provider()


def region(*parts: Part[dict[str, float]], folder: Path | None = None) -> RegionParts:
    return RegionParts("fake", "east", parts, folder)


def test_a_part_is_read_once_in_its_period(provider: Provider) -> None:
    part = provider.part()
    for provider.seconds in (0, HOUR - 1, HOUR, HOUR + 1):
        asyncio.run(part.refresh())
    assert (provider.calls, part.as_of) == (2, NOON + timedelta(hours=1))


def test_a_part_that_fails_keeps_its_content_and_is_tried_again_soon(provider: Provider) -> None:
    part = provider.part()
    asyncio.run(part.refresh())
    provider.seconds, provider.error = HOUR, Throttled("slow down")
    asyncio.run(part.refresh())
    assert (part.content, part.as_of, part.due) == ({"small": 0.1}, NOON, HOUR + RETRY_SECONDS)
    assert not part.stale


def test_a_part_is_stale_after_two_periods_and_expired_after_ten(provider: Provider) -> None:
    part = provider.part()
    parts = region(part)
    asyncio.run(parts.refresh())
    provider.error = Throttled("slow down")
    seen = []
    for provider.seconds in (2 * HOUR, 2 * HOUR + 1, 10 * HOUR, 10 * HOUR + 1):
        asyncio.run(parts.refresh())
        seen.append((part.stale, part.expired))
    assert seen == [(False, False), (True, False), (True, False), (True, True)]
    assert [each.text for each in parts.stale] == ["prices of 2026-11-28 12:00 UTC: slow down"]


def test_a_part_that_was_never_read_is_stale_at_once(provider: Provider) -> None:
    provider.error = Throttled("slow down")
    parts = region(provider.part())
    assert [each.text for each in parts.stale] == []
    asyncio.run(parts.refresh())
    assert [each.text for each in parts.stale] == ["prices unknown: slow down"]


def test_offers_change_when_a_part_changes_or_expires(provider: Provider) -> None:
    parts = region(provider.part())
    versions = [parts.versions]
    for provider.seconds, provider.answer in ((0, {"a": 1.0}), (HOUR, {"a": 1.0}), (2 * HOUR, {"a": 2.0})):
        asyncio.run(parts.refresh())
        versions.append(parts.versions)
    provider.seconds = 13 * HOUR
    versions.append(parts.versions)
    assert [before != after for before, after in pairwise(versions)] == [True, False, True, True]


def test_what_was_read_is_there_after_a_restart_with_its_date(provider: Provider, tmp_path: Path) -> None:
    asyncio.run(region(provider.part(), folder=tmp_path).refresh())
    provider.seconds, provider.error = 3 * HOUR, Unavailable("no route")
    part = provider.part()
    parts = region(part, folder=tmp_path)
    assert (part.content, part.as_of, parts.first.is_set()) == ({"small": 0.1}, NOON, True)
    asyncio.run(parts.refresh())
    assert [each.text for each in parts.stale] == ["prices of 2026-11-28 12:00 UTC: no route"]


def test_a_part_of_the_last_period_is_not_read_again_after_a_restart(provider: Provider, tmp_path: Path) -> None:
    asyncio.run(region(provider.part(), folder=tmp_path).refresh())
    provider.seconds = HOUR / 2
    asyncio.run(region(provider.part(), folder=tmp_path).refresh())
    assert provider.calls == 1


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x92\xa1x\xa1y"])
def test_a_damaged_file_is_as_good_as_none(provider: Provider, tmp_path: Path, content: bytes) -> None:
    asyncio.run(region(provider.part(), folder=tmp_path).refresh())
    [file] = (tmp_path / "east").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    file.write_bytes(content)
    part = provider.part()
    region(part, folder=tmp_path)
    assert part.content is None


def test_nothing_more_is_read_of_a_region_that_does_not_answer(provider: Provider) -> None:
    other = Provider()
    provider.error = Unavailable("no route")
    parts = region(provider.part("zones"), other.part())
    asyncio.run(parts.refresh())
    assert (other.calls, parts.first.is_set(), parts.error) == (0, False, provider.error)
    provider.error, provider.seconds = None, RETRY_SECONDS
    asyncio.run(parts.refresh())
    assert (other.calls, parts.first.is_set(), parts.error) == (1, True, None)
