"""Points in time as people type them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from ipv6console.console.instant import NoInstant, instant

NOW = datetime(2026, 9, 21, 5, 0, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromtimestamp(instant(text, NOW.timestamp(), UTC), UTC)


@pytest.mark.parametrize(
    ("text", "when"),
    [
        ("now", NOW),
        ("04:12", datetime(2026, 9, 21, 4, 12, tzinfo=UTC)),
        (" 4:12 ", datetime(2026, 9, 21, 4, 12, tzinfo=UTC)),
        ("04:12:33", datetime(2026, 9, 21, 4, 12, 33, tzinfo=UTC)),
        ("23:10", datetime(2026, 9, 20, 23, 10, tzinfo=UTC)),
        ("today 23:10", datetime(2026, 9, 21, 23, 10, tzinfo=UTC)),
        ("yesterday 23:00", datetime(2026, 9, 20, 23, 0, tzinfo=UTC)),
        ("Yesterday", datetime(2026, 9, 20, 0, 0, tzinfo=UTC)),
        ("2026-09-01 04:12", datetime(2026, 9, 1, 4, 12, tzinfo=UTC)),
        ("2026-09-01", datetime(2026, 9, 1, 0, 0, tzinfo=UTC)),
        ("-30m", NOW - timedelta(minutes=30)),
        ("-1h30m", NOW - timedelta(minutes=90)),
        ("2 h ago", NOW - timedelta(hours=2)),
        ("- 2d", NOW - timedelta(days=2)),
    ],
)
def test_a_time_is_understood(text: str, when: datetime) -> None:
    assert at(text) == when


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "a time is needed"),
        ("tomorrow", "is no time; like 04:12"),
        ("25:00", "hours go to 23"),
        ("04:99", "minutes and seconds to 59"),
        ("2026-13-01 04:12", "is no time"),
        ("yesterday noon", "is no time"),
        ("-9999999d", "longer ago than anything that is kept"),
        ("-", "is no time"),
    ],
)
def test_what_is_no_time_is_refused_with_the_reason(text: str, why: str) -> None:
    with pytest.raises(NoInstant, match=why):
        at(text)


def test_times_are_those_of_the_zone() -> None:
    zone = timezone(timedelta(hours=2))
    assert instant("06:00", NOW.timestamp(), zone) == datetime(2026, 9, 21, 4, 0, tzinfo=UTC).timestamp()
