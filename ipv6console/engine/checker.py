"""Proving addresses: an echo URL must see exactly the address the request was sent from."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from ipv6console.engine.clock import Clock
from ipv6console.engine.echo import EchoFailed
from ipv6console.pool.address import format_address
from ipv6console.wire.state import CheckUrl
from ipv6console.wire.status import Level

_TRUSTED_FOR = 10.0
_ASK_AGAIN = 10.0
_KNOWN_FOR = 600.0
"""Seconds after which the last good answer of a URL no longer says how it is: only the best one is asked all the time."""


class Outcome(StrEnum):
    """USABLE is proved; UNUSABLE failed while a URL is known to be well; UNDECIDED means no URL can be asked."""

    USABLE = "usable"
    UNUSABLE = "unusable"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found, in words too."""

    outcome: Outcome
    text: str


class Asks(Protocol):
    """Sends one echo request; engine.echo.Echo does."""

    async def ask(self, url: str, source: int | None) -> int:
        """Return the address the URL saw; raises EchoFailed."""
        ...


@dataclass(slots=True)
class _Record:
    url: str
    ok: int = 0
    failed: int = 0
    last_ok_at: float | None = None
    last_error: str | None = None
    failing: bool = False
    well_at: float | None = None
    asked_at: float = 0.0

    def praise(self, now: float) -> None:
        self.ok += 1
        self.last_ok_at = self.well_at = now
        self.failing = False

    def blame(self, complaint: str) -> None:
        self.failed += 1
        self.last_error = complaint
        self.failing = True


class Checker:
    """Checks addresses against several URLs, the one that answered last first, and judges the URLs apart from them.

    A request that fails says nothing by itself: either the address is bad or the URL is. The URL is well when some
    address passed on it in the last seconds, or when it answers the host's own address now.
    """

    def __init__(self, echo: Asks, urls: tuple[str, ...], clock: Clock, *, concurrency: int) -> None:
        self._echo = echo
        self._clock = clock
        self._records = [_Record(url) for url in urls]
        self._others: dict[str, _Record] = {}
        self._slots = asyncio.Semaphore(concurrency)
        self._probes: dict[str, asyncio.Task[bool]] = {}

    async def check(self, source: int, urls: tuple[str, ...] = ()) -> Verdict:
        """Return whether `source` works as a source address, asking `urls` instead of the usual ones if there are any."""
        records = [self._known(url) for url in urls] or self._records
        self._ask_again(records)
        async with self._slots:
            verdict = Verdict(Outcome.UNDECIDED, "no check URL is configured")
            for record in _by_health(records):
                verdict = await self._try(record, source)
                if verdict.outcome is not Outcome.UNDECIDED:
                    break
            return verdict

    async def glimpse(self, source: int) -> bool:
        """Return whether the URL that is best off sees `source`; False proves nothing."""
        self._ask_again(self._records)
        async with self._slots:
            return any([await self._answer(record, source) is None for record in _by_health(self._records)[:1]])

    async def lost(self, source: int) -> str | None:
        """Return how it looks when no URL at all sees `source`, None when one does or none could be blamed on it.

        Two URLs that fail at once are not both down: they are different hosts. A single one may be.
        """
        async with self._slots:
            answers = await asyncio.gather(*(self._answer(record, source) for record in self._records))
        if not answers:
            return None
        if any(complaint is None for complaint in answers):
            for record, complaint in zip(self._records, answers, strict=True):
                if complaint is not None:
                    record.blame(complaint)
            return None
        if len(self._records) == 1 and not await self._well(self._records[0]):
            return None
        return "; ".join(f"{record.url}: {complaint}" for record, complaint in zip(self._records, answers, strict=True))

    def urls(self) -> tuple[CheckUrl, ...]:
        """Return how each URL stands."""
        return tuple(
            CheckUrl(
                url=record.url,
                level=self._level(record),
                ok=record.ok,
                failed=record.failed,
                last_ok_at=record.last_ok_at,
                last_error=record.last_error,
            )
            for record in self._records
        )

    def all_down(self) -> bool:
        """Return whether every URL was found not to answer the host itself."""
        return bool(self._records) and all(record.failing for record in self._records)

    def _known(self, url: str) -> _Record:
        known = (record for record in (*self._records, *self._others.values()) if record.url == url)
        return next(known, None) or self._others.setdefault(url, _Record(url))

    def _ask_again(self, records: list[_Record]) -> None:
        """Ask URLs that fail once in a while, which nobody else does as long as one of them works."""
        now = self._clock.now()
        for record in records:
            if record.failing and now - record.asked_at >= _ASK_AGAIN:
                self._start_probe(record)

    async def _answer(self, record: _Record, source: int) -> str | None:
        try:
            seen = await self._echo.ask(record.url, source)
        except EchoFailed as error:
            return str(error)
        if seen != source:
            return f"saw {format_address(seen)} instead"
        record.praise(self._clock.now())
        return None

    async def _try(self, record: _Record, source: int) -> Verdict:
        try:
            seen = await self._echo.ask(record.url, source)
        except EchoFailed as error:
            if not error.reached and await self._well(record):
                return Verdict(Outcome.UNUSABLE, f"{record.url}: {error}")
            record.blame(str(error))
            return Verdict(Outcome.UNDECIDED, f"{record.url} is down: {error}")
        if seen != source:
            return Verdict(Outcome.UNUSABLE, f"{record.url} saw {format_address(seen)} instead")
        record.praise(self._clock.now())
        return Verdict(Outcome.USABLE, f"seen by {record.url}")

    async def _well(self, record: _Record) -> bool:
        if record.well_at is not None and self._clock.now() - record.well_at < _TRUSTED_FOR:
            return True
        return await asyncio.shield(self._start_probe(record))

    def _start_probe(self, record: _Record) -> asyncio.Task[bool]:
        probe = self._probes.get(record.url)
        if probe is None:
            probe = self._probes[record.url] = asyncio.create_task(self._probe(record))
            probe.add_done_callback(lambda _: self._probes.pop(record.url, None))
        return probe

    async def _probe(self, record: _Record) -> bool:
        record.asked_at = self._clock.now()
        try:
            await self._echo.ask(record.url, None)
        except EchoFailed as error:
            record.last_error = f"{error} (asked from the host's own address too)"
            return False
        record.well_at = self._clock.now()
        record.failing = False
        return True

    def _level(self, record: _Record) -> Level:
        if record.failing:
            return Level.FAIL
        known = record.well_at is not None and self._clock.now() - record.well_at <= _KNOWN_FOR
        return Level.OK if known else Level.UNKNOWN


def _by_health(records: list[_Record]) -> list[_Record]:
    return sorted(records, key=lambda record: (record.failing, -(record.last_ok_at or 0.0)))
