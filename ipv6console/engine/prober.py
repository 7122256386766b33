"""The prober: notices an ISP that renumbers without a word."""

from __future__ import annotations

import asyncio

from ipv6console.engine.checker import Checker, Outcome
from ipv6console.engine.core import Core
from ipv6console.engine.errors import Refusal
from ipv6console.engine.prefixes import PrefixKeeper
from ipv6console.pool.prefix import Prefix, Standing

_WITNESSES = 5


class Prober:
    """Proves every prefix again now and then with one of its addresses, and with more when that one fails.

    A prefix is silent when several different addresses fail at once on every check URL, while route and NDP are well:
    then somebody upstream no longer sends it here. The host's own address proves nothing here, it may be one of them.
    """

    def __init__(self, core: Core, checker: Checker, keeper: PrefixKeeper) -> None:
        self._core = core
        self._checker = checker
        self._keeper = keeper
        self._turn = 0

    async def run(self) -> None:
        """Probe every `check.probe` seconds until cancelled; 0 is never."""
        pause = self._core.settings.check.probe
        while pause:
            await asyncio.sleep(pause)
            await self.probe()

    async def probe(self) -> None:
        """Probe every prefix that serves, or fell silent, once."""
        if self._core.broken is not None:
            return
        self._turn += 1
        for prefix in list(self._core.pool.prefixes.values()):
            try:
                if self._keeper.silent(prefix):
                    await self._listen(prefix)
                elif prefix.standing is Standing.ACTIVE and self._keeper.reachable(prefix):
                    await self._doubt(prefix)
            except Refusal as refusal:
                self._core.journal.warn("prefix.unproved", f"{prefix}: {refusal.detail}", subject=str(prefix))

    async def _listen(self, prefix: Prefix) -> None:
        for address in self._witnesses(prefix, 1):
            if (await self._checker.check(address)).outcome is Outcome.USABLE:
                await self._keeper.hear(prefix)

    async def _doubt(self, prefix: Prefix) -> None:
        witnesses = self._witnesses(prefix, _WITNESSES)
        if not witnesses:
            return
        if await self._checker.glimpse(witnesses[0]):
            return
        complaints = await asyncio.gather(*(self._checker.lost(address) for address in witnesses))
        standing = prefix.standing is Standing.ACTIVE and self._keeper.reachable(prefix)
        if standing and complaints[0] and all(complaints):
            await self._keeper.silence(
                prefix,
                f"{prefix}: {len(complaints)} of its addresses fail at once on every check URL while route and NDP are "
                f"well; it drains until one works again ({complaints[0]})",
            )

    def _witnesses(self, prefix: Prefix, count: int) -> list[int]:
        table = self._core.pool.table
        rows = list(table.rows_of(prefix.id))
        start = self._turn * count % len(rows) if rows else 0
        return [table.address(row) for row in (rows[start:] + rows[:start])[:count]]
