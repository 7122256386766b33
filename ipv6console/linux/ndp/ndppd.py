"""Strategy ndppd: a daemon of our own answers solicitations for every address of the prefix, one for each interface."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.ndp.child import Condition, NdppdChild
from ipv6console.linux.ndp.strategy import NDPPD
from ipv6console.linux.prefixes import prefix_text
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp


class NdppdStrategy:
    """Runs ndppd (a Strategy); `changed` is called on the loop when a child's state changes."""

    def __init__(self, command: str, state_dir: Path, changed: Callable[[], None]) -> None:
        self._command = command
        self._state_dir = state_dir
        self._changed = changed
        self._children: dict[str, NdppdChild] = {}
        self._served: dict[tuple[int, int], str] = {}

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` on its interface; raises OSError when the configuration cannot be written."""
        self._served[prefix.network, prefix.length] = prefix.interface
        await self._apply(prefix.interface)

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` no longer; the last one of an interface ends its ndppd."""
        interface = self._served.pop((prefix.network, prefix.length), None)
        if interface is not None:
            await self._apply(interface)

    async def stop(self) -> None:
        """End every ndppd of ours."""
        self._served.clear()
        for interface in list(self._children):
            await self._apply(interface)

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how ndppd stands for `prefix` now."""
        child = self._children.get(prefix.interface)
        condition = child.condition() if child else Condition(Level.OFF, "ndppd was not started")
        return NdpRow(
            stamp=Stamp(time.time(), "/proc"),
            prefix=prefix_text(prefix.network, prefix.length),
            interface=prefix.interface,
            strategy=NDPPD,
            why=why,
            level=condition.level,
            text=condition.text,
            fix=condition.fix,
            pid=child.pid if child else None,
            started_at=child.started_at if child else None,
            restarts=child.restarts if child else 0,
            cpu=child.cpu if child else None,
            config=str(child.config) if child else None,
        )

    async def _apply(self, interface: str) -> None:
        rules = tuple(sorted(key for key, name in self._served.items() if name == interface))
        if not rules:
            child = self._children.pop(interface, None)
            if child is not None:
                await child.stop()
            return
        if interface not in self._children:
            self._children[interface] = NdppdChild(interface, self._command, self._state_dir, self._changed)
        await self._children[interface].serve(rules)
