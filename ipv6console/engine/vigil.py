"""Watches whether the pool can do its work, and writes it down when it cannot for longer than a moment."""

from __future__ import annotations

import asyncio

from ipv6console.engine.checker import Checker
from ipv6console.engine.core import Core
from ipv6console.engine.health import judge_pool
from ipv6console.engine.spawner import Spawner
from ipv6console.wire.status import Level

MOMENT = 10.0
"""Seconds that a pool may be out of order before that is news: a fresh one fills, a renumbered one refills."""

_LOOK = 1.0


class Vigil:
    """Turns the verdict on the pool into events: when it began to fail, and when it no longer does."""

    def __init__(self, core: Core, spawner: Spawner, checker: Checker) -> None:
        self._core = core
        self._spawner = spawner
        self._checker = checker
        self._since: float | None = None
        self._told = False

    async def run(self) -> None:
        """Look every second until cancelled."""
        while True:
            self.look()
            await asyncio.sleep(_LOOK)

    def look(self) -> None:
        """Look now."""
        now = self._core.clock.now()
        level, text = judge_pool(self._core, self._spawner, self._checker)
        if level is not Level.FAIL:
            if self._told:
                self._core.journal.write("pool.recovered", f"the pool works again: {text}")
            self._since, self._told = None, False
        elif self._since is None:
            self._since = now
        elif not self._told and now - self._since >= MOMENT:
            self._told = True
            self._core.journal.fail("pool.failed", text, fix="ipv6console doctor")
