"""What is delegated in fact: prefixes that the kernel routes somewhere, and leases of Kea (its memfile)."""

from __future__ import annotations

import asyncio
import csv
import errno
import time
from collections.abc import Iterator, Sequence
from ipaddress import AddressValueError, IPv6Address
from pathlib import Path

from ipv6console.engine.protocol import DelegatedPrefix
from ipv6console.linux.dump import ROUTE_UNICAST, TABLE_MAIN, Dump, Route
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.trouble import HostError

_GLOBAL = 0b001
_REFUSING = {6: "blackhole", 7: "unreachable", 8: "prohibit"}
_LONGEST = 64
_PREFIX_DELEGATION = "2"
_ASSIGNED = "0"
_FOREVER = 0xFFFF_FFFF
_EARLIER = (".completed", ".2", ".1")
"""Files that Kea leaves beside its own while it tidies up, in the order in which it reads them at a start."""


class RoutedDelegations:
    """Routes of the main table that send a global prefix of up to /64 to a next hop, or hold it back (unreachable)."""

    name = "kernel"

    def __init__(self, netlink: Netlink) -> None:
        self._netlink = netlink

    async def look(self) -> Sequence[DelegatedPrefix]:
        """Return them; raises OSError."""
        dump = await self._netlink.dump()
        return tuple(
            DelegatedPrefix(network=route.network, length=route.length, text=_told(route, dump))
            for route in dict.fromkeys(dump.routes)
            if _delegates(route)
        )


class KeaLeases:
    """Prefix delegations in a lease file of kea-dhcp6 (lease_type 2, state 0, not expired)."""

    name = "dhcpv6"

    def __init__(self, path: Path) -> None:
        self._path = path

    async def look(self) -> Sequence[DelegatedPrefix]:
        """Return them; raises OSError."""
        return await asyncio.to_thread(self._read)

    def _read(self) -> tuple[DelegatedPrefix, ...]:
        # The file is a journal: of one prefix the last line counts.
        leases: dict[tuple[str, str], dict[str, str]] = {}
        for suffix in _EARLIER:
            earlier = self._path.with_name(self._path.name + suffix)
            if earlier.exists():
                leases.update(_lines(earlier))
        leases.update(_lines(self._path))
        now = time.time()
        return tuple(_delegation(line, self._path) for line in leases.values() if _lives(line, now))


def _delegates(route: Route) -> bool:
    if route.table != TABLE_MAIN or not 0 < route.length <= _LONGEST or route.network >> 125 != _GLOBAL:
        return False
    return route.kind in _REFUSING or (route.kind == ROUTE_UNICAST and route.gateway is not None)


def _told(route: Route, dump: Dump) -> str:
    if route.kind in _REFUSING or route.gateway is None:
        return f"a route that is {_REFUSING.get(route.kind, 'there')}"
    link = next((link.name for link in dump.links if link.index == route.index), str(route.index))
    return f"routed via {IPv6Address(route.gateway)} on {link}"


def _lines(path: Path) -> Iterator[tuple[tuple[str, str], dict[str, str]]]:
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        for line in csv.DictReader(file):
            # The last line may be half written.
            if line.get("lease_type") == _PREFIX_DELEGATION and line.get("prefix_len") and line.get("state"):
                yield (line["address"], line["prefix_len"]), line


def _lives(line: dict[str, str], now: float) -> bool:
    if line["state"] != _ASSIGNED:
        return False
    seconds, expire = _number(line, "valid_lifetime"), _number(line, "expire")
    return seconds == _FOREVER or (seconds > 0 and expire > now)


def _delegation(line: dict[str, str], path: Path) -> DelegatedPrefix:
    try:
        network = int(IPv6Address(line["address"]))
    except AddressValueError as error:
        raise HostError(
            errno.EINVAL, f"{path} has a lease of {line['address'][:60]!r}, which is no IPv6 prefix"
        ) from error
    length = _number(line, "prefix_len")
    if not 0 < length <= 128:
        raise HostError(errno.EINVAL, f"{path} has a lease of a /{length}")
    return DelegatedPrefix(network=network, length=length, text=f"leased to {line.get('duid') or 'somebody'}")


def _number(line: dict[str, str], name: str) -> int:
    text = line.get(name) or ""
    return int(text) if text.isdigit() else 0
