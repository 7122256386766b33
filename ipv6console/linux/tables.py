"""The kernel's tables, read again only when it said that something changed, or after a while."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from dataclasses import replace

from ipv6console.linux.dump import Dump, Notice
from ipv6console.linux.netlink import Netlink

_FRESH = 30.0


class Tables:
    """Remembers the last dump for as long as somebody reads the kernel's notices through `notices`.

    A dump costs milliseconds, and an engine with nothing to do looks every second. Neighbours come and go too often for
    notices, so they are read each time.
    """

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink
        self._kept: Dump | None = None
        self._read_at = 0.0
        self._followers = 0

    async def read(self) -> Dump:
        """Return all tables; raises OSError."""
        if self._kept is not None and self._followers and time.monotonic() - self._read_at < _FRESH:
            return replace(self._kept, neighbours=await self._netlink.neighbours())
        self._read_at = time.monotonic()
        self._kept = await self._netlink.dump()
        return self._kept

    def forget(self) -> None:
        """Read anew the next time: we changed something ourselves."""
        self._kept = None

    async def notices(self) -> AsyncGenerator[tuple[Notice, ...], None]:
        """Yield the kernel's notices as they come; each makes the kept tables old."""
        async with self._netlink.notices() as notices:
            self.forget()
            self._followers += 1
            try:
                while True:
                    news = await notices.next()
                    self.forget()
                    yield news
            finally:
                self._followers -= 1
