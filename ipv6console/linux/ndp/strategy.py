"""What every NDP strategy offers, and which one a prefix gets."""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Protocol

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux import capability
from ipv6console.linux.dump import Dump
from ipv6console.wire.ndp import NdpConfig
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

    async def config(self, prefix: HostPrefix, dump: Dump) -> NdpConfig:
        """Return what is wanted in the configuration for `prefix`, and what is there; raises OSError."""
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What the network showed when it was asked how a prefix comes here (`ndp.probe`).

    `on_link` is None when nobody answered or nobody could be asked; else `interface` is where the answer came in.
    """

    on_link: bool | None
    interface: str | None
    text: str


def find_means(settings: NetworkSettings) -> Means:
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


def placed(prefix: HostPrefix, evidence: Evidence | None) -> HostPrefix:
    """Return `prefix` as `evidence` shows that it is: on-link where somebody asked, else as the routes say."""
    if evidence is None or not evidence.on_link or evidence.interface is None:
        return prefix
    return replace(prefix, on_link=True, interface=evidence.interface)


def choose(wanted: str, prefix: HostPrefix, means: Means, evidence: Evidence | None = None) -> tuple[str, str]:
    """Return the strategy for `prefix` and why; `wanted` is network.ndp. Raises ValueError for an unknown one.

    Without `evidence` from the network, or when it shows nothing, the routes decide.
    """
    if known(wanted) != AUTO:
        return wanted, "network.ndp says so"
    on_link, asked = _verdict(prefix, evidence)
    if not on_link:
        return ROUTED, asked
    if means.ndppd and (means.packets or not means.routes):
        return NDPPD, f"{asked}; ndppd is installed"
    if means.packets or not means.routes:
        return RESPONDER, f"{asked}; ndppd is not installed, so a responder of our own answers"
    return ADDRESS, f"{asked}; CAP_NET_RAW is missing, so each live address is assigned to {prefix.interface}"


def _verdict(prefix: HostPrefix, evidence: Evidence | None) -> tuple[bool, str]:
    """Return whether neighbours ask for single addresses of `prefix`, and how that is known."""
    if evidence is not None and evidence.on_link is not None:
        return evidence.on_link, f"{evidence.text}: {'on-link' if evidence.on_link else 'routed'}"
    said = (
        f"on-link: neighbours on {prefix.interface}, where the default route leaves, ask for each address"
        if prefix.on_link
        else "routed: no neighbour asks for these addresses, a router sends the whole prefix here"
    )
    return prefix.on_link, said if evidence is None else f"{evidence.text}; by the routes it is {said}"
