"""What every NDP strategy offers, and which one a prefix gets."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import capability
from ipv6console.linux.dump import Dump
from ipv6console.wire.state import NdpRow

AUTO = "auto"
ROUTED = "routed"
NDPPD = "ndppd"
RESPONDER = "responder"
ADDRESS = "address"
PROXY = "proxy"

KNOWN = (AUTO, ROUTED, NDPPD, RESPONDER, ADDRESS, PROXY)
BY_ADDRESS = frozenset({RESPONDER, ADDRESS, PROXY})
"""Strategies that answer for live addresses alone, so that they must be told which those are."""


class Strategy(Protocol):
    """Makes neighbours find the addresses of the prefixes it serves."""

    async def serve(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` from now on; repeating it changes nothing. Raises OSError."""
        ...

    async def drop(self, prefix: HostPrefix) -> None:
        """Answer for `prefix` no longer; raises OSError."""
        ...

    async def stop(self) -> None:
        """Answer for nothing any more and leave nothing behind; raises OSError."""
        ...

    async def answer(self, prefix: HostPrefix, added: Collection[int], removed: Collection[int]) -> None:
        """Take up and drop live addresses of a prefix that is served; raises OSError, and `mend` tries again then."""
        ...

    async def mend(self, dump: Dump) -> None:
        """Look at the kernel and set right what somebody else changed; raises OSError."""
        ...

    def row(self, prefix: HostPrefix, why: str) -> NdpRow:
        """Return how it stands for `prefix` now; `why` says how the strategy was chosen."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What there is to work with: an ndppd, leave to open packet sockets, leave to change addresses and routes."""

    ndppd: bool
    packets: bool
    routes: bool


def probe(settings: NetworkSettings) -> Means:
    """Return what this process finds on this host."""
    return Means(
        ndppd=shutil.which(settings.ndppd) is not None,
        packets=capability.may_open_packet_sockets(),
        routes=capability.may_change_routes(),
    )


def known(wanted: str) -> str:
    """Return `wanted`, a value of network.ndp; raises ValueError naming the known ones when it is none of them."""
    if wanted not in KNOWN:
        raise ValueError(f"network.ndp: {wanted!r} is not known here; choose {', '.join(KNOWN[:-1])} or {KNOWN[-1]}")
    return wanted


def choose(wanted: str, prefix: HostPrefix, means: Means) -> tuple[str, str]:
    """Return the strategy for `prefix` and why; `wanted` is network.ndp. Raises ValueError for an unknown one."""
    if known(wanted) != AUTO:
        return wanted, "network.ndp says so"
    if not prefix.on_link:
        return ROUTED, "routed: no neighbour asks for these addresses, a router sends the whole prefix here"
    asked = f"on-link: neighbours on {prefix.interface}, where the default route leaves, ask for each address"
    if means.ndppd and (means.packets or not means.routes):
        return NDPPD, f"{asked}; ndppd is installed"
    if means.packets or not means.routes:
        return RESPONDER, f"{asked}; ndppd is not installed, so a responder of our own answers"
    return ADDRESS, f"{asked}; CAP_NET_RAW is missing, so each live address is assigned to {prefix.interface}"
