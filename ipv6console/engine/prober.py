"""The prober: notices an ISP that renumbers without a word."""

from __future__ import annotations

import asyncio
from itertools import chain, islice

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
        self._places: dict[int, int] = {}

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
        """Return up to `count` addresses of `prefix`, the next ones each time; a large pool is not walked through."""
        table = self._core.pool.table
        around = chain(table.rows_after(self._places.get(prefix.id, -1)), table.rows_after(-1))
        ours = (row for row in around if table.prefix_id(row) == prefix.id)
        rows = list(islice(ours, min(count, prefix.live)))
        if rows:
            self._places[prefix.id] = rows[-1]
        return [table.address(row) for row in rows]
