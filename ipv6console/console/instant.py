"""A point in time as an operator types it: "04:12", "-30m", "yesterday 23:00", "2026-09-20 04:12"."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from datetime import time as time_of_day

_UNITS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}
_AGO = re.compile(r"-\s*((?:\d+\s*[smhd]\s*)+)(?:ago)?|((?:\d+\s*[smhd]\s*)+)ago")
_PART = re.compile(r"(\d+)\s*([smhd])")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_MOST_DAYS = 100_000
EXAMPLES = "04:12, -30m, yesterday 23:00, 2026-09-20 04:12"


class NoInstant(ValueError):
    """Text that names no point in time; says what is wrong and what would do."""


def instant(text: str, now: float, zone: tzinfo | None) -> float:
    """Return the unix seconds that `text` means at `now` in `zone` (None is the local one).

    A time of day that is still to come today is yesterday's, since what is looked for has happened. Raises NoInstant.
    """
    words = text.strip().lower()
    if not words:
        raise NoInstant(f"a time is needed, like {EXAMPLES}")
    if words == "now":
        return now
    ago = _AGO.fullmatch(words)
    if ago:
        seconds = sum(int(number) * _UNITS[unit] for number, unit in _PART.findall(ago[1] or ago[2]))
        if seconds > _MOST_DAYS * _UNITS["d"]:
            raise NoInstant(f"{text.strip()} is longer ago than anything that is kept")
        return now - seconds
    day, _, rest = words.rpartition(" ")
    if not day and not _CLOCK.fullmatch(rest):
        day, rest = rest, "00:00"
    return _at(_day(day.strip(), now, zone, text), _clock(rest, text), now, zone, guessed=not day)


def _at(day: date, clock: time_of_day, now: float, zone: tzinfo | None, *, guessed: bool) -> float:
    moment = datetime.combine(day, clock)
    found = _stamp(moment, zone)
    return _stamp(moment - timedelta(days=1), zone) if guessed and found > now else found


def _stamp(moment: datetime, zone: tzinfo | None) -> float:
    return (moment.astimezone() if zone is None else moment.replace(tzinfo=zone)).timestamp()


def _day(word: str, now: float, zone: tzinfo | None, text: str) -> date:
    today = datetime.fromtimestamp(now, UTC).astimezone(zone).date()
    match word:
        case "" | "today":
            return today
        case "yesterday":
            return today - timedelta(days=1)
    try:
        return date.fromisoformat(word)
    except ValueError:
        raise NoInstant(f"{text.strip()!r} is no time; like {EXAMPLES}") from None


def _clock(word: str, text: str) -> time_of_day:
    found = _CLOCK.fullmatch(word)
    if found:
        try:
            return time_of_day(int(found[1]), int(found[2]), int(found[3] or 0))
        except ValueError:
            raise NoInstant(f"{word} is no time of day: hours go to 23, minutes and seconds to 59") from None
    raise NoInstant(f"{text.strip()!r} is no time; like {EXAMPLES}")
