"""Keeping the host's NDP answers equal to the pool, for strategies that answer for single addresses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from ipv6console.engine.core import Core
from ipv6console.engine.protocol import Reach

_BREATH = 0.05
_AT_ONCE = 10_000


class Answering:
    """A candidate is answered for before its check and, unless it entered the pool, no longer after it."""

    def __init__(self, core: Core, reach: Reach) -> None:
        self._core = core
        self._reach = reach
        self._candidates: Counter[int] = Counter()
        self._changed = core.changed.listen()

    @asynccontextmanager
    async def candidate(self, address: int) -> AsyncIterator[None]:
        """Answer for `address` while it is checked, and on if it is in the pool at the end."""
        if not self._reach.answers_singly() or self._live(address):
            yield
            return
        self._candidates[address] += 1
        try:
            await self._reach.answer_for((address,))
            yield
        finally:
            self._candidates[address] -= 1
            if not self._candidates[address]:
                del self._candidates[address]
                if not self._live(address):
                    await self._reach.stop_answering((address,))

    async def run(self) -> None:
        """Answer for no more than the pool holds: once at the start, and whenever addresses have left, until cancelled."""
        departures = -1
        # Ten million of them would be a second of work and a gigabyte.
        while self._reach.answers_singly():
            pool = self._core.pool
            if pool.departures != departures:
                departures = pool.departures
                live: list[int] = []
                for row in pool.table.rows():
                    live.append(pool.table.address(row))
                    if not len(live) % _AT_ONCE:
                        # A million of them are a second of work: picks get in between.
                        await asyncio.sleep(0)
                await self._reach.answer_only((*live, *self._candidates))
            await self._changed.wait()
            self._changed.clear()
            # Joins what leaves in quick succession; each time is a walk over the whole pool.
            await asyncio.sleep(_BREATH)

    def _live(self, address: int) -> bool:
        return self._core.pool.table.find(address) is not None
