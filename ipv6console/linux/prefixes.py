"""Which prefixes this host may use, from what the kernel says: pure rules."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Network

from ipv6console.config import NetworkSettings
from ipv6console.engine.protocol import HostPrefix
from ipv6console.linux.dump import ROUTE_UNICAST, TABLE_MAIN, Address, Dump, Link
from ipv6console.pool.address import format_address
from ipv6console.wire.status import Finding, Level

LONGEST = 126
"""The longest prefix that still holds addresses to hand out beside the anycast address and the host's own."""

CABLE = "the cable, the other end or the hypervisor's port is down"
"""What it means that a link has no carrier."""

_GLOBAL = 0b001


@dataclass(frozen=True, slots=True)
class Selection:
    """The usable prefixes, best first, and what was passed over and why."""

    prefixes: tuple[HostPrefix, ...]
    findings: tuple[Finding, ...]


def select(dump: Dump, settings: NetworkSettings) -> Selection:
    """Return the prefixes `settings` and the kernel's tables allow; raises ValueError for a malformed static prefix.

    With `settings.prefixes` set exactly those are used. Otherwise they are the on-link prefixes of global unicast
    addresses (2000::/3): not temporary, tentative or duplicate; a deprecated one is reported as such, to be drained.
    """
    findings = list(_interface_findings(dump, settings))
    if settings.prefixes:
        prefixes = tuple(_static(dump, settings, text) for text in settings.prefixes)
        return Selection(prefixes, (*findings, *_way_out(dump)))
    grouped: dict[tuple[int, int], list[tuple[Link, Address]]] = {}
    for link, address in _candidates(dump, settings):
        finding = _objection(link, address)
        if finding is not None:
            findings.append(finding)
        elif not address.temporary:
            grouped.setdefault((network_of(address.address, address.length), address.length), []).append(
                (link, address)
            )
    prefixes = tuple(_detected(dump, key, holders) for key, holders in grouped.items())
    if not prefixes:
        findings.append(_nothing(dump, settings))
    return Selection(prefixes, (*findings, *_way_out(dump)))


def network_of(address: int, length: int) -> int:
    """Return the first address of the prefix of `length` bits around `address`."""
    return address >> (128 - length) << (128 - length)


def contains(network: int, length: int, address: int) -> bool:
    """Return whether `address` is inside the prefix."""
    return network_of(address, length) == network


def prefix_text(network: int, length: int) -> str:
    """Return the prefix in CIDR form."""
    return f"{format_address(network)}/{length}"


def unused(prefix: HostPrefix, dump: Dump) -> int | None:
    """Return an address of `prefix`, drawn at random, that neither this host nor a neighbour has; None when all are taken."""
    held = {row.address for row in (*dump.addresses, *dump.pooled)} | {row.address for row in dump.neighbours}
    taken = sorted(
        a - prefix.network for a in held if a != prefix.network and contains(prefix.network, prefix.length, a)
    )
    free = (1 << (128 - prefix.length)) - 1 - len(taken)
    if free <= 0:
        return None
    place = 1 + secrets.randbelow(free)
    for one in taken:
        if one > place:
            break
        place += 1
    return prefix.network | place


def severed(prefix: HostPrefix, dump: Dump, ways: frozenset[str]) -> tuple[str, str | None] | None:
    """Return what is wrong with the cable when nothing can reach `prefix`, and the command that helps, if one does.

    That is the link of an on-link prefix; of a routed one the links in `ways` (names) by which the default routes left
    when there last were any.
    """
    names = [prefix.interface] if prefix.on_link else sorted(ways)
    links = [link for name in names if (link := dump.link(name)) is not None]
    cut = [(text, None if link.up else f"ip link set dev {link.name} up") for link in links if (text := link.cut)]
    return cut[0] if cut and len(cut) == len(links) else None


def ways_out(dump: Dump) -> frozenset[str]:
    """Return the names of the interfaces by which default routes leave."""
    return frozenset(dump.by_index[r.index].name for r in dump.default_routes() if r.index in dump.by_index)


def resolves_on(dump: Dump, link: Link) -> bool:
    """Return whether neighbours look for addresses of a prefix on `link` there, rather than a router sending them here.

    That is so on the interface of a default route. While there is no default route at all nothing says otherwise, so a
    route that comes and goes does not turn an on-link prefix into a routed one.
    """
    ways_out = {route.index for route in dump.default_routes()}
    return link.resolves and (not ways_out or link.index in ways_out)


def _candidates(dump: Dump, settings: NetworkSettings) -> list[tuple[Link, Address]]:
    order = {route.index: rank for rank, route in reversed(list(enumerate(dump.default_routes())))}
    found = [
        (dump.by_index[address.index], address)
        for address in dump.addresses
        if address.index in dump.by_index and address.address >> 125 == _GLOBAL
    ]
    allowed = [pair for pair in found if not settings.interfaces or pair[0].name in settings.interfaces]
    # The address comes last so that the order does not depend on the kernel's.
    return sorted(allowed, key=lambda pair: (order.get(pair[0].index, len(order)), pair[1].deprecated, pair[1].address))


def _objection(link: Link, address: Address) -> Finding | None:
    text = format_address(address.address)
    if address.duplicate:
        return Finding(
            link.name,
            Level.WARN,
            f"{text} on {link.name} is used by another host on the link (dadfailed) and cannot be used here",
            f"ip -6 address del {text}/{address.length} dev {link.name}",
        )
    if address.tentative:
        return Finding(
            link.name, Level.UNKNOWN, f"{text} on {link.name} is still being tested for duplicates (tentative)"
        )
    if address.length > LONGEST and not address.temporary:
        return Finding(
            link.name,
            Level.WARN,
            f"{text}/{address.length} on {link.name} is one address, not a prefix to draw from; "
            "set network.prefixes to the prefix your provider gave you",
        )
    return None


def _detected(dump: Dump, key: tuple[int, int], holders: list[tuple[Link, Address]]) -> HostPrefix:
    link = holders[0][0]
    addresses = [address for _, address in holders]
    return HostPrefix(
        network=key[0],
        length=key[1],
        interface=link.name,
        source="interface",
        on_link=resolves_on(dump, link),
        address=addresses[0].address,
        deprecated=all(address.deprecated for address in addresses),
        preferred_until=_latest(dump.read_at or dump.at, [address.preferred for address in addresses]),
        valid_until=_latest(dump.read_at or dump.at, [address.valid for address in addresses]),
    )


def _latest(now: float, seconds: list[float | None]) -> float | None:
    limited = [value for value in seconds if value is not None]
    return None if len(limited) < len(seconds) else now + max(limited)


def _static(dump: Dump, settings: NetworkSettings, text: str) -> HostPrefix:
    try:
        prefix = IPv6Network(text)
    except ValueError as error:
        raise ValueError(
            f"network.prefixes: {text!r} is not an IPv6 prefix ({error}); write it like 2001:db8::/64"
        ) from error
    if prefix.prefixlen > LONGEST:
        raise ValueError(f"network.prefixes: {text} is too long to draw addresses from; the longest is /{LONGEST}")
    network, length = int(prefix.network_address), prefix.prefixlen
    link = _on_link(dump, settings, network, length)
    own = next((row for row in dump.addresses if contains(network, length, row.address)), None)
    ways_out = [
        dump.by_index[r.index] for r in dump.default_routes() if r.index is not None and r.index in dump.by_index
    ]
    named = link or next(iter(ways_out), None) or (dump.by_index.get(own.index) if own else None)
    return HostPrefix(
        network=network,
        length=length,
        interface=named.name if named else "lo",
        source="static",
        on_link=link is not None,
        address=own.address if own else None,
    )


def _on_link(dump: Dump, settings: NetworkSettings, network: int, length: int) -> Link | None:
    """Return the upstream interface whose on-link address or route holds the whole prefix."""
    by_address = [row.index for row in dump.addresses if row.length <= length and contains(*_prefix(row), network)]
    by_route = [
        route.index
        for route in dump.routes
        if route.table == TABLE_MAIN
        and route.kind == ROUTE_UNICAST
        and route.gateway is None
        and 0 < route.length <= length
        and route.covers(network)
    ]
    for index in (*by_address, *by_route):
        link = dump.by_index.get(index) if index is not None else None
        wanted = link is not None and (not settings.interfaces or link.name in settings.interfaces)
        if link is not None and wanted and resolves_on(dump, link):
            return link
    return None


def _prefix(address: Address) -> tuple[int, int]:
    return network_of(address.address, address.length), address.length


def _interface_findings(dump: Dump, settings: NetworkSettings) -> Iterable[Finding]:
    for name in settings.interfaces:
        link = dump.link(name)
        if link is None:
            there = ", ".join(row.name for row in dump.links if not row.loopback) or "none"
            yield Finding(
                name, Level.FAIL, f"network.interfaces names {name}, which does not exist; there are: {there}"
            )
        elif not link.up:
            yield Finding(name, Level.FAIL, f"interface {name} is down", f"ip link set dev {name} up")


def _way_out(dump: Dump) -> Iterable[Finding]:
    if not dump.default_routes():
        yield Finding("route", Level.WARN, "there is no IPv6 default route, so nothing outside can be reached")


def _nothing(dump: Dump, settings: NetworkSettings) -> Finding:
    where = f"on {', '.join(settings.interfaces)}" if settings.interfaces else "on any interface"
    held = sum(address.address >> 125 == _GLOBAL for address in dump.addresses)
    why = "none of them usable" if held else "only link-local, unique local or loopback ones"
    down = [link for link in dump.links if link.cut and (not settings.interfaces or link.name in settings.interfaces)]
    if down and not held:
        # With a link that goes down the kernel takes its addresses away.
        why, fix = "; ".join(link.cut or "" for link in down), f"ip link set dev {down[0].name} up"
        text = f"no usable global IPv6 prefix {where}: {why}"
        return Finding("prefix", Level.FAIL, text, None if down[0].up else fix)
    return Finding(
        "prefix",
        Level.FAIL,
        f"no usable global IPv6 prefix {where} ({why}); have the provider assign one, or set network.prefixes",
    )
