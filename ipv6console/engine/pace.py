"""A bound on how many fresh addresses appear on a link in a while."""

from __future__ import annotations

import asyncio
from collections import deque

from ipv6console.engine.clock import Clock

_SHORTEST = 0.01


class Pace:
    """At most `limit` entries in any `window` seconds.

    Upstream routers keep a neighbour entry for every address they see, 1,024 by default (Linux gc_thresh3), and cannot
    reclaim it while it is reachable, 15 to 45 s (RFC 4861, 6.3.2), and for 5 s after that.
    """

    def __init__(self, limit: int, window: float, clock: Clock) -> None:
        self.limit = limit
        self.window = window
        self._clock = clock
        self._entries: deque[float] = deque()

    @property
    def used(self) -> int:
        """The number of entries in the present window."""
        now = self._clock.now()
        while self._entries and self._entries[0] <= now - self.window:
            self._entries.popleft()
        return len(self._entries)

    @property
    def room(self) -> int:
        """How many more may be entered now."""
        return max(0, self.limit - self.used)

    async def turn(self) -> None:
        """Wait until there is room, and enter."""
        while True:
            if self.room:
                self.enter()
                return
            await asyncio.sleep(max(_SHORTEST, self._entries[0] + self.window - self._clock.now()))

    def enter(self) -> None:
        """Count one fresh address."""
        self._entries.append(self._clock.now())
