"""What the kernel's tables hold, typed: links, addresses, routes, neighbours (rtnetlink(7))."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

TABLE_MAIN = 254
TABLE_LOCAL = 255

ROUTE_UNICAST = 1
ROUTE_LOCAL = 2

PROTOCOL = 160
"""The protocol number (rtm_protocol, NDA_PROTOCOL) on every route and proxy entry of ours. No daemon of rt_protos, FRR
(186-199), BIRD (12), OVN (84), Calico (80) or keepalived (18) uses it, so what bears it is ours, also after a crash."""

POOLED_METRIC = 160_160
"""The metric (IFA_RT_PRIORITY) on every address we assign for the pool. Such an address has no route of its own, so the
metric is only a mark; unlike IFA_PROTO, kernels before 5.18 keep it too."""

PROTOCOL_NAMES = {2: "kernel", 3: "boot", 4: "static", 9: "ra", 16: "dhcp"}
"""Routing protocol numbers of rt_protos that people meet; others are shown as a number."""

_LINK_UP = 0x1
_LINK_LOOPBACK = 0x8
_LINK_NOARP = 0x80
_LINK_LOWER_UP = 0x10000

_ADDRESS_TEMPORARY = 0x01
_ADDRESS_OPTIMISTIC = 0x04
_ADDRESS_DADFAILED = 0x08
_ADDRESS_DEPRECATED = 0x20
_ADDRESS_TENTATIVE = 0x40

_NEIGHBOUR_KNOWN = 0x02 | 0x04 | 0x08 | 0x10 | 0x80
_NEIGHBOUR_PROXY = 0x08
_NEIGHBOUR_ROUTER = 0x80


@dataclass(frozen=True, slots=True)
class Link:
    """One network interface; `flags` are IFF_* of netdevice(7)."""

    index: int
    name: str
    flags: int

    @property
    def up(self) -> bool:
        """Whether it is administratively up."""
        return bool(self.flags & _LINK_UP)

    @property
    def carrier(self) -> bool:
        """Whether it is up and the other end is there."""
        return self.up and bool(self.flags & _LINK_LOWER_UP)

    @property
    def cut(self) -> str | None:
        """Why nothing comes through it, in words; None while something can."""
        if self.loopback or self.carrier:
            return None
        return f"{self.name} has no carrier" if self.up else f"{self.name} is down"

    @property
    def loopback(self) -> bool:
        """Whether it is the loopback interface."""
        return bool(self.flags & _LINK_LOOPBACK)

    @property
    def resolves(self) -> bool:
        """Whether neighbours on it are found by neighbour discovery (tunnels and loopback do without)."""
        return not self.flags & (_LINK_NOARP | _LINK_LOOPBACK)


@dataclass(frozen=True, slots=True)
class Address:
    """One IPv6 address of an interface; lifetimes are seconds left, None for ever; `flags` are IFA_F_*."""

    index: int
    address: int
    length: int
    flags: int = 0
    preferred: float | None = None
    valid: float | None = None
    metric: int = 0

    @property
    def pooled(self) -> bool:
        """Whether we assigned it for the pool, so that it says nothing about the host itself."""
        return self.length == 128 and self.metric == POOLED_METRIC

    @property
    def temporary(self) -> bool:
        """A privacy address (RFC 8981)."""
        return bool(self.flags & _ADDRESS_TEMPORARY)

    @property
    def tentative(self) -> bool:
        """Not usable yet: duplicate address detection runs; an optimistic address is usable meanwhile (RFC 4429)."""
        return bool(self.flags & _ADDRESS_TENTATIVE) and not self.flags & _ADDRESS_OPTIMISTIC

    @property
    def duplicate(self) -> bool:
        """Somebody else on the link has it (dadfailed)."""
        return bool(self.flags & _ADDRESS_DADFAILED)

    @property
    def deprecated(self) -> bool:
        """Its preferred lifetime is over; nothing new should use it (RFC 4862)."""
        return bool(self.flags & _ADDRESS_DEPRECATED)


@dataclass(frozen=True, slots=True)
class Route:
    """One IPv6 route, or one next hop of a multipath route; `index` is the outgoing interface."""

    table: int
    kind: int
    network: int
    length: int
    index: int | None
    gateway: int | None = None
    protocol: int = 0
    metric: int = 0

    def covers(self, address: int) -> bool:
        """Return whether `address` is inside the route's destination."""
        return self.length == 0 or (address ^ self.network) >> (128 - self.length) == 0


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One entry of the neighbour table; `state` is NUD_*, `flags` NTF_*, `protocol` who added it."""

    index: int
    address: int
    state: int
    flags: int = 0
    protocol: int = 0

    @property
    def known(self) -> bool:
        """Whether a link-layer address is known: reachable, stale, delay, probe or permanent."""
        return bool(self.state & _NEIGHBOUR_KNOWN) and not self.flags & _NEIGHBOUR_PROXY

    @property
    def router(self) -> bool:
        """Whether it says that it is a router."""
        return bool(self.flags & _NEIGHBOUR_ROUTER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dump:
    """All tables as they are at `at` (unix seconds); `pooled` are the addresses we assigned for the pool.

    Lifetimes of addresses count from `read_at`, when the kernel told them; by default that is `at`. The kernel's own
    routes to single local addresses are left out: each says no more than that there is the address.
    """

    at: float
    read_at: float | None = None
    links: tuple[Link, ...] = ()
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    pooled: tuple[Address, ...] = ()
    by_index: dict[int, Link] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_index", {link.index: link for link in self.links})

    def link(self, name: str) -> Link | None:
        """Return the interface called `name`."""
        return next((link for link in self.links if link.name == name), None)

    def default_routes(self) -> tuple[Route, ...]:
        """Return the routes out of here, the preferred one first."""
        found = [
            route
            for route in self.routes
            if route.table == TABLE_MAIN
            and route.kind == ROUTE_UNICAST
            and route.length == 0
            and route.index is not None
        ]
        return tuple(sorted(found, key=lambda route: route.metric))


class NoticeKind(StrEnum):
    """What a notice from the kernel is about."""

    LINK = "link"
    ADDRESS = "address"
    POOLED = "pooled"
    ROUTE = "route"
    NEIGHBOUR = "neighbour"
    OVERRUN = "overrun"


@dataclass(frozen=True, slots=True)
class Notice:
    """Something changed in the kernel; after an OVERRUN notices were lost and only a new dump tells what is so.

    POOLED is about an address that we assigned. A NEIGHBOUR counts as removed once nothing is known of it any more.
    """

    kind: NoticeKind
    removed: bool = False
    row: Link | Address | Route | Neighbour | None = None
