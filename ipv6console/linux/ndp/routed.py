"""Strategy routed: a router sends the whole prefix here, so nobody asks for single addresses."""

from __future__ import annotations

import time
from collections.abc import Collection

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.dump import Dump
from ipv6console.linux.ndp.comparison import of_nothing
from ipv6console.linux.ndp.strategy import ROUTED
from ipv6console.linux.prefixes import prefix_text
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp


class RoutedStrategy:
    """Nothing to do (a Strategy)."""

    async def serve(self, prefix: HostPrefix) -> None:
        """Need nothing for `prefix`."""

    async def drop(self, prefix: HostPrefix) -> None:
        """Have nothing to undo for `prefix`."""

    async def stop(self) -> None:
        """Have nothing to end."""

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Need nothing for any address."""

    async def mend(self, dump: Dump) -> None:
        """Have nothing to set right."""

    async def config(self, prefix: HostPrefix, dump: Dump) -> NdpConfig:
        """Return that there is nothing to configure."""
        return of_nothing(prefix, ROUTED, "a router sends the whole prefix here, so nothing has to answer for it")

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return the row of `prefix`."""
        return NdpRow(
            stamp=Stamp(time.time(), "netlink"),
            prefix=prefix_text(prefix.network, prefix.length),
            interface=prefix.interface,
            strategy=ROUTED,
            why=why,
            level=Level.OK,
            text="nothing to answer",
            fix=None,
            pid=None,
            started_at=None,
            restarts=0,
            cpu=None,
            config=None,
        )
