"""Reading the pool into a listing and keeping it current, in slices that never hold the loop for long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass

from ipv6console.console.listing import Listing, Order
from ipv6console.console.query import Query
from ipv6console.console.source import Refused, Source
from ipv6console.console.stock import number
from ipv6console.wire.address import AddressRow

FIRST = 200
"""Addresses of the first page: what a screen shows at once."""
PAGE = 5_000
EACH = 1.0
RETRY = 3.0
_BUSY, _IDLE = 0.004, 0.006
"""Seconds of work, then of letting others work."""
_LEASES = 1_000
_AT_ONCE = 50


async def sliced(steps: Iterable[object]) -> None:
    """Take `steps` one after the other, letting others work every few milliseconds."""
    until = time.perf_counter() + _BUSY
    for _ in steps:
        if time.perf_counter() >= until:
            await asyncio.sleep(_IDLE)
            until = time.perf_counter() + _BUSY


@dataclass(frozen=True, slots=True, kw_only=True)
class Standpoint:
    """What a Following has to know of the console: the engine's time, which run of the engine it is, and a pause."""

    now: Callable[[], float]
    run: Callable[[], object]
    paused: Callable[[], bool]


class Following:
    """Keeps a listing equal to the pool for as long as `follow` runs; `news` is called whenever there is more to show.

    `total` is how many addresses the engine has, `read_at` the engine's time of which the listing is true, `refusal`
    why it is not read just now. Each is None as long as there is none.
    """

    def __init__(self, listing: Listing, source: Source, standpoint: Standpoint, news: Callable[[], None]) -> None:
        self.listing = listing
        self.total: int | None = None
        self.read_at: float | None = None
        self.refusal: Refused | None = None
        self.reading = True
        self.arranged: float | None = None
        self._source, self._standpoint, self._news = source, standpoint, news
        self._seq: int | None = None
        self._run: object = None
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """Ask for changes now instead of in a second."""
        self._woken.set()

    async def _rest(self, seconds: float) -> None:
        self._woken.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    async def follow(self) -> None:
        """Read the pool, then its changes; never ends by itself. Begun again, it goes on from what is known."""
        while True:
            try:
                if self._seq is None or self._run != self._standpoint.run():
                    await self._read()
                await self._keep_up()
            except Refused as refusal:
                self.refusal = refusal
                self._news()
                await self._rest(RETRY)

    async def _read(self) -> None:
        """Read all of it; what was there before and is not any more goes at the end."""
        self.reading = True
        run, before = self._standpoint.run(), {self.listing.stock.address[slot] for slot in self.listing.stock.slots()}
        self._seq = None
        seq = (await self._source.address_changes(None)).seq
        cursor: str | None = None
        limit = FIRST
        while True:
            page = await self._source.addresses(cursor, limit)
            self.total, self.refusal = page.total, None
            if before:
                before.difference_update(number(row.addr) for row in page.addresses)
            await self._take(page.addresses)
            cursor, limit = page.next, PAGE
            if cursor is None:
                break
        await sliced(self._dropped(before))
        self._seq, self._run, self.reading = seq, run, False
        self._current()

    async def _keep_up(self) -> None:
        """Take in changes until some were missed or the engine is another one."""
        while True:
            if self._standpoint.paused():
                await self._rest(EACH)
                continue
            if self._run != self._standpoint.run():
                return
            changes = await self._source.address_changes(self._seq)
            if changes.missed or (self._seq is not None and changes.seq < self._seq):
                self._seq = None
                return
            await sliced(self._dropped(number(addr) for addr in changes.gone))
            await self._take(changes.rows)
            self._seq, self.refusal, self.total = changes.seq, None, len(self.listing.stock)
            self._current()
            await self._rest(EACH)

    def _current(self) -> None:
        self.read_at = self._standpoint.now()
        self._news()

    async def _take(self, rows: Sequence[AddressRow]) -> None:
        await sliced(self._put(rows))
        self._news()

    def _put(self, rows: Sequence[AddressRow]) -> Iterator[None]:
        for count, row in enumerate(rows):
            self.listing.put(row)
            if count % _AT_ONCE == 0:
                yield

    def _dropped(self, addresses: Iterable[int]) -> Iterator[None]:
        for count, address in enumerate(addresses):
            self.listing.drop(address)
            if count % _AT_ONCE == 0:
                yield

    async def arrange(self, query: Query, order: Order) -> None:
        """List by another filter or order; `arranged` tells how far that is."""
        try:
            with closing(self.listing.rearrange(query, order)) as steps:
                await sliced(self._told(steps))
        finally:
            self.arranged = None
        self._news()

    def _told(self, steps: Iterator[float]) -> Iterator[None]:
        for self.arranged in steps:
            yield

    async def holders(self) -> dict[int, str]:
        """Ask who leases which address; several of one address stand side by side, in lower case. Raises Refused."""
        found: dict[int, str] = {}
        cursor: str | None = None
        while True:
            page = await self._source.lease_page(None, cursor, _LEASES)
            for row in page.leases:
                address = number(row.addr)
                found[address] = f"{found.get(address, '')} {row.holder.lower()}"
            if page.next is None:
                return found
            cursor = page.next
            await asyncio.sleep(0)
