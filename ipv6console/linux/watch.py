"""Prefixes as they come and go: netlink events, with a poll as the safety net."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix, HostView
from ipv6console.linux.dump import Dump, NoticeKind
from ipv6console.linux.netlink import Netlink, Notices
from ipv6console.linux.prefixes import select
from ipv6console.wire.status import Finding, Level, Stamp

BURST = 0.05
"""Seconds for which events are joined: an address that comes up brings routes and link events with it."""

AGAIN = 1.0
"""Seconds until the kernel is asked again when it could not be asked."""

_SAME_MOMENT = 2.5
"""The kernel counts lifetimes in whole seconds; ends closer than this are the same end."""


class KernelWatch:
    """Yields what the kernel says about prefixes (a PrefixWatch)."""

    def __init__(self, settings: NetworkSettings, netlink: Netlink) -> None:
        self._settings = settings
        self._netlink = netlink
        self._ends: dict[tuple[int, int], tuple[float | None, float | None]] = {}

    async def view(self) -> HostView:
        """Ask the kernel now; raises OSError when it cannot be asked, ValueError for a malformed static prefix."""
        return self._view(await self._netlink.dump())

    async def views(self) -> AsyncIterator[HostView]:
        """Yield the present view, one after every change, and one every `settings.poll` seconds without any.

        When the kernel cannot be asked after the first, the view is the one before with a finding that says so, and it is
        asked again soon. Raises OSError when there is no first.
        """
        async with self._netlink.notices() as notices:
            seen = last = await self.view()
            yield last
            blind = False
            while True:
                told = await _heard(notices, AGAIN if blind else self._settings.poll)
                due = not told and not blind
                try:
                    view = seen = await self.view()
                    blind = False
                except OSError as error:
                    view = replace(seen, findings=(*seen.findings, Finding("kernel", Level.FAIL, str(error))))
                    blind, due = True, False
                if due or replace(view, stamp=last.stamp) != last:
                    last = view
                    yield view

    def _view(self, dump: Dump) -> HostView:
        selection = select(dump, self._settings)
        prefixes = tuple(self._steady(prefix) for prefix in selection.prefixes)
        self._ends = {(p.network, p.length): (p.preferred_until, p.valid_until) for p in prefixes}
        return HostView(
            stamp=Stamp(dump.at, "netlink"),
            prefixes=prefixes,
            addresses=frozenset(row.address for row in dump.addresses),
            neighbours=frozenset(row.address for row in dump.neighbours if row.known),
            cut=tuple((link.name, cut) for link in dump.links if (cut := link.cut) is not None),
            findings=selection.findings,
        )

    def _steady(self, prefix: HostPrefix) -> HostPrefix:
        preferred, valid = self._ends.get((prefix.network, prefix.length), (None, None))
        return replace(
            prefix,
            preferred_until=_steady(preferred, prefix.preferred_until),
            valid_until=_steady(valid, prefix.valid_until),
        )


async def _heard(notices: Notices, pause: float) -> bool:
    """Return whether there was news within `pause` seconds, once what belongs to it has come too."""
    try:
        await asyncio.wait_for(_news(notices), pause)
    except TimeoutError:
        return False
    await asyncio.sleep(BURST)
    notices.drain()
    return True


async def _news(notices: Notices) -> None:
    """Wait for a notice that may change a view: what comes and goes for the pool does not."""
    while all(notice.kind is NoticeKind.POOLED for notice in await notices.next()):
        pass


def _steady(before: float | None, now: float | None) -> float | None:
    if before is None or now is None:
        return now
    return before if abs(now - before) < _SAME_MOMENT else now
