"""Asking the network about prefixes in the background, and again when the ways out have changed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp.asking import ask
from ipv6console.linux.ndp.strategy import Evidence

_FIRST_PAUSE = 30.0
_LAST_PAUSE = 900.0
"""Seconds until somebody who did not answer is asked again; it doubles each time."""
Key = tuple[int, int]
Ways = frozenset[tuple[int | None, int | None]]


@dataclass(slots=True)
class _Inquiry:
    evidence: Evidence | None = None
    ways: Ways | None = None
    due: float = 0.0
    pause: float = _FIRST_PAUSE
    task: asyncio.Task[None] | None = field(default=None, repr=False)


class Inquiries:
    """What the network showed of each prefix; `changed` is called on the loop when there is something new to know."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._inquiries: dict[Key, _Inquiry] = {}

    def evidence(self, prefix: HostPrefix) -> Evidence | None:
        """Return what is known of `prefix`, None while nobody has been asked."""
        inquiry = self._inquiries.get((prefix.network, prefix.length))
        return inquiry.evidence if inquiry else None

    def look(self, prefix: HostPrefix, dump: Dump) -> None:
        """Ask in the background if `prefix` is new, the ways out are others than last time, or nobody answered so far."""
        inquiry = self._inquiries.setdefault((prefix.network, prefix.length), _Inquiry())
        if inquiry.task is not None:
            return
        ways = _ways(prefix, dump)
        unanswered = inquiry.evidence is None or inquiry.evidence.on_link is None
        if ways == inquiry.ways and not (unanswered and time.monotonic() >= inquiry.due):
            return
        if ways != inquiry.ways:
            inquiry.pause = _FIRST_PAUSE
        inquiry.ways = ways
        inquiry.task = asyncio.create_task(self._ask(inquiry, prefix, dump), name="asking the network")

    async def forget(self, prefix: HostPrefix) -> None:
        """Ask about `prefix` no longer."""
        inquiry = self._inquiries.pop((prefix.network, prefix.length), None)
        if inquiry is not None and inquiry.task is not None:
            inquiry.task.cancel()
            await asyncio.gather(inquiry.task, return_exceptions=True)

    async def _ask(self, inquiry: _Inquiry, prefix: HostPrefix, dump: Dump) -> None:
        try:
            found = await ask(prefix, dump)
        finally:
            inquiry.task = None
        inquiry.due = time.monotonic() + inquiry.pause
        inquiry.pause = min(inquiry.pause * 2, _LAST_PAUSE)
        if found.on_link is not None or inquiry.evidence is None or inquiry.evidence.on_link is None:
            # Silence does not undo what was shown before: a gateway may be away for a moment.
            inquiry.evidence = found
        self._changed()


def _ways(prefix: HostPrefix, dump: Dump) -> Ways:
    """Return the gateways whose link is up, and the prefix's interface if it is up."""
    routes = {
        (route.index, route.gateway)
        for route in dump.default_routes()
        if route.index in dump.by_index and dump.by_index[route.index].carrier
    }
    link = dump.link(prefix.interface)
    return frozenset(routes | ({(link.index, None)} if link is not None and link.carrier else set()))
