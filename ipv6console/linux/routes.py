"""Local routes: what makes every address of a prefix ours, and the exceptions that keep neighbours reachable."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.dump import (
    PROTOCOL,
    PROTOCOL_NAMES,
    ROUTE_LOCAL,
    ROUTE_UNICAST,
    TABLE_LOCAL,
    Dump,
    Route,
)
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.prefixes import contains, prefix_text
from ipv6console.pool.address import format_address

Prefix = tuple[int, int]
"""Network and length."""

METRIC = 1024
"""What the kernel gives an IPv6 route added without a metric; said explicitly so that deleting finds the same route."""

MOST_EXCEPTIONS = 256
"""Exceptions a prefix may have: a link full of neighbours must not fill the routing table."""


@dataclass(frozen=True, slots=True)
class RouteState:
    """How the local route of a prefix stands; `protocol` is its owner's number when it is present."""

    present: bool
    ours: bool = False
    protocol: int | None = None

    @property
    def owner(self) -> str:
        """Who set it up, in words."""
        if self.protocol is None:
            return "nobody"
        return "ipv6console" if self.ours else f"proto {PROTOCOL_NAMES.get(self.protocol, self.protocol)}"


class LocalRoutes:
    """Local routes and exceptions of this network namespace."""

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    async def dump(self) -> tuple[Route, ...]:
        """Return the table `local`, without the kernel's own routes to single addresses; raises OSError."""
        return tuple(route for route in (await self._netlink.dump()).routes if route.table == TABLE_LOCAL)

    async def put(self, network: int, length: int, loopback: int) -> bool:
        """Make the prefix local, unless it is already; returns whether a route was added. Raises OSError."""
        if state(await self.dump(), network, length).present:
            return False
        return await self._netlink.add(local_route(network, length, loopback))

    async def remove(self, network: int, length: int, others: Collection[Prefix] = ()) -> bool:
        """Remove our local route of the prefix, and our exceptions inside it but outside of `others`; raises OSError.

        Returns whether there was anything of it; what is not ours stays.
        """
        removed = False
        for route in ours(await self.dump()):
            if route.kind == ROUTE_LOCAL:
                concerned = (route.network, route.length) == (network, length)
            else:
                concerned = contains(network, length, route.network)
                concerned &= not any(contains(*other, route.network) for other in others)
            if concerned:
                removed |= await self._netlink.delete(route)
        return removed

    async def spare(self, prefix: HostPrefix, dump: Dump) -> int:
        """Add the exceptions `prefix` needs and does not have; returns how many were added. Raises OSError.

        Those of neighbours that are known no more stay, so that this host can call them first, until others need the room.
        """
        present = [route for route in dump.routes if route.table == TABLE_LOCAL and route.length == 128]
        held = {route.network for route in present}
        near = bystanders(prefix, dump)
        gateways = {route.gateway for route in dump.routes}
        order = sorted(near, key=lambda address: (address not in gateways, address not in held, address))
        wanted = order[:MOST_EXCEPTIONS]
        missing = [address for address in wanted if address not in held]
        mine = [route for route in ours(present) if contains(prefix.network, prefix.length, route.network)]
        surplus = [route for route in mine if route.network not in wanted]
        too_many = len(mine) + len(missing) - MOST_EXCEPTIONS
        for route in surplus[: max(too_many, 0)] if missing else ():
            await self._netlink.delete(route)
        return sum([await self._netlink.add(exception_route(address, near[address])) for address in missing])

    async def delete(self, route: Route) -> bool:
        """Delete exactly `route`; returns False when it is not there."""
        return await self._netlink.delete(route)


def local_route(network: int, length: int, loopback: int) -> Route:
    """Return our local route for the prefix."""
    return Route(TABLE_LOCAL, ROUTE_LOCAL, network, length, loopback, None, PROTOCOL, METRIC)


def exception_route(address: int, index: int) -> Route:
    """Return our route that leaves `address`, a neighbour on interface `index`, out of the local route around it."""
    return Route(TABLE_LOCAL, ROUTE_UNICAST, address, 128, index, None, PROTOCOL, METRIC)


def state(routes: Iterable[Route], network: int, length: int) -> RouteState:
    """Return how the local route of exactly this prefix stands among `routes`."""
    table = [route for route in routes if route.table == TABLE_LOCAL and route.kind == ROUTE_LOCAL]
    found = [route for route in table if (route.network, route.length) == (network, length)]
    if not found:
        return RouteState(False)
    mine = any(route.protocol == PROTOCOL for route in found)
    return RouteState(True, mine, PROTOCOL if mine else found[0].protocol)


def ours(routes: Iterable[Route]) -> tuple[Route, ...]:
    """Return the routes that bear our protocol number, exceptions last so that they protect until the end."""
    mine = [route for route in routes if route.protocol == PROTOCOL and route.table == TABLE_LOCAL]
    return tuple(sorted(mine, key=lambda route: (route.length, route.network)))


def bystanders(prefix: HostPrefix, dump: Dump) -> dict[int, int]:
    """Return gateways and known neighbours inside an on-link `prefix` that its local route would swallow, with the interface."""
    link = dump.link(prefix.interface)
    if not prefix.on_link or link is None:
        return {}
    own = {row.address for row in (*dump.addresses, *dump.pooled)}
    seen = {row.address: row.index for row in dump.neighbours if row.known and row.index == link.index}
    gateways = {r.gateway: r.index for r in dump.routes if r.gateway is not None and r.index == link.index}
    return {
        address: index
        for address, index in {**seen, **gateways}.items()
        if contains(prefix.network, prefix.length, address) and address not in own
    }


def route_command(network: int, length: int) -> str:
    """Return the shell command that adds our local route."""
    return f"ip -6 route replace local {prefix_text(network, length)} dev lo proto {PROTOCOL}"


def exception_command(address: int, interface: str) -> str:
    """Return the shell command that adds our exception for a neighbour."""
    return f"ip -6 route replace {format_address(address)}/128 dev {interface} table local proto {PROTOCOL}"


def removal_command(route: Route, interface: str) -> str:
    """Return the shell command that deletes `route`."""
    kind = "local " if route.kind == ROUTE_LOCAL else ""
    return f"ip -6 route del {kind}{prefix_text(route.network, route.length)} dev {interface} table local proto {route.protocol}"
