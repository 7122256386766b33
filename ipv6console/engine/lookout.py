"""Watches whether IPAM and RADIUS answer, and writes it down when one does not for longer than a moment."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from ipv6console.engine.clock import Clock
from ipv6console.engine.journal import Journal
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Level

MOMENT = 10.0
"""Seconds that a system may be out of reach before that is news: one lost packet is none."""

_LOOK = 1.0
_FIX = "ipv6console outbox list"


@dataclass(slots=True)
class _Watched:
    """One system: the kinds of its events, since when it does not answer, and whether that was told."""

    title: str
    failed: str
    recovered: str
    since: float | None = None
    told: bool = False


class Lookout:
    """Turns what the document says of them into events: when one began to be out of reach, and when it no longer is."""

    def __init__(self, journal: Journal, clock: Clock, now: Callable[[], SpaceState]) -> None:
        self._journal = journal
        self._clock = clock
        self._now = now
        self._watched = (
            _Watched("IPAM", "ipam.failed", "ipam.recovered"),
            _Watched("RADIUS", "radius.failed", "radius.recovered"),
        )

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK)

    def look(self) -> None:
        """Look now."""
        space = self._now()
        for watched, level, text in zip(
            self._watched, (space.ipam, space.radius), (space.ipam_text, space.radius_text), strict=True
        ):
            self._judge(watched, level, text)

    def _judge(self, watched: _Watched, level: Level, text: str) -> None:
        now = self._clock.now()
        if level is Level.UNKNOWN:
            watched.since = None
            return
        if level not in (Level.WARN, Level.FAIL):
            if watched.told:
                self._journal.write(watched.recovered, f"{watched.title} answers again: {text}")
            watched.since, watched.told = None, False
        elif watched.since is None:
            watched.since = now
        elif not watched.told and now - watched.since >= MOMENT:
            watched.told = True
            self._journal.warn(watched.failed, f"{watched.title} is out of reach: {text}", fix=_FIX)
