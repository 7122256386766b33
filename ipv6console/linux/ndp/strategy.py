"""What every NDP strategy offers, and which one a prefix gets."""

from __future__ import annotations

from typing import Protocol

from ipv6console.engine.protocol import HostPrefix
from ipv6console.wire.state import NdpRow

AUTO = "auto"
ROUTED = "routed"
NDPPD = "ndppd"


class Strategy(Protocol):
    """Makes neighbours find the addresses of the prefixes it serves."""

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` from now on; repeating it changes nothing. Raises OSError."""
        ...

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` no longer."""
        ...

    async def stop(self) -> None:
        """Answer for nothing any more and leave nothing behind."""
        ...

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how it stands for `prefix` now; `why` says how the strategy was chosen."""
        ...


def choose(wanted: str, prefix: HostPrefix) -> tuple[str, str]:
    """Return the strategy for `prefix` and why; `wanted` is network.ndp. Raises ValueError for an unknown one."""
    if wanted in (ROUTED, NDPPD):
        return wanted, "network.ndp says so"
    if wanted != AUTO:
        raise ValueError(f"network.ndp: {wanted!r} is not known here; choose {AUTO}, {ROUTED} or {NDPPD}")
    if prefix.on_link:
        return NDPPD, f"on-link: neighbours on {prefix.interface}, where the default route leaves, ask for each address"
    return ROUTED, "routed: no neighbour asks for these addresses, a router sends the whole prefix here"
