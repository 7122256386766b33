"""What rtnetlink messages say, as pyroute2 decodes them (rtnetlink(7))."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ipv6console.linux.dump import TABLE_LOCAL, Address, Link, Neighbour, Notice, NoticeKind, Route
from ipv6console.pool.address import parse_address

_AF_INET6 = 10
_FOREVER = 0xFFFFFFFF
_BY_KERNEL = 2
"""RTPROT_KERNEL (linux/rtnetlink.h)."""


def _number(text: str | None) -> int | None:
    return None if text is None else parse_address(text)


def read_link(message: Mapping[str, Any]) -> Link:
    """Return the interface a link message tells of."""
    attributes = dict(message["attrs"])
    return Link(index=message["index"], name=attributes["IFLA_IFNAME"], flags=message["flags"])


def read_address(message: Mapping[str, Any]) -> Address | None:
    """Return the IPv6 address an address message tells of, None for other families."""
    attributes = dict(message["attrs"])
    # A point-to-point address is in IFA_LOCAL, its peer in IFA_ADDRESS (rtnetlink(7)).
    text = attributes.get("IFA_LOCAL") or attributes.get("IFA_ADDRESS")
    if message["family"] != _AF_INET6 or text is None:
        return None
    times = attributes.get("IFA_CACHEINFO") or {}
    return Address(
        index=message["index"],
        address=parse_address(text),
        length=message["prefixlen"],
        flags=attributes.get("IFA_FLAGS", message["flags"]),
        preferred=_lifetime(times.get("ifa_preferred", _FOREVER)),
        valid=_lifetime(times.get("ifa_valid", _FOREVER)),
        metric=attributes.get("IFA_RT_PRIORITY", 0),
    )


def _lifetime(seconds: int) -> float | None:
    return None if seconds == _FOREVER else float(seconds)


def read_routes(message: Mapping[str, Any]) -> tuple[Route, ...]:
    """Return the IPv6 route a route message tells of, one row for each next hop."""
    attributes = dict(message["attrs"])
    if message["family"] != _AF_INET6:
        return ()
    hops = [(attributes.get("RTA_OIF"), attributes.get("RTA_GATEWAY"))]
    if attributes.get("RTA_MULTIPATH"):
        hops = [(hop["oif"], dict(hop["attrs"]).get("RTA_GATEWAY")) for hop in attributes["RTA_MULTIPATH"]]
    return tuple(
        Route(
            table=attributes.get("RTA_TABLE", message["table"]),
            kind=message["type"],
            network=parse_address(attributes.get("RTA_DST", "::")),
            length=message["dst_len"],
            index=index,
            gateway=_number(gateway),
            protocol=message["proto"],
            metric=attributes.get("RTA_PRIORITY", 0),
        )
        for index, gateway in hops
    )


def read_neighbour(message: Mapping[str, Any]) -> Neighbour | None:
    """Return the IPv6 neighbour a neighbour message tells of, None for other families."""
    text = dict(message["attrs"]).get("NDA_DST")
    if text is None or message["family"] != _AF_INET6:
        return None
    protocol = dict(message["attrs"]).get("NDA_PROTOCOL", 0)
    return Neighbour(message["ifindex"], parse_address(text), message["state"], message["flags"], protocol)


def read_notice(message: Mapping[str, Any]) -> tuple[Notice, ...]:
    """Return what an event of a subscription tells of; nothing for events nobody here needs."""
    event = message.get("event") or ""
    removed = event.startswith("RTM_DEL")
    if event in ("RTM_NEWLINK", "RTM_DELLINK"):
        return (Notice(NoticeKind.LINK, removed, read_link(message)),)
    if event in ("RTM_NEWADDR", "RTM_DELADDR"):
        row = read_address(message)
        return () if row is not None and row.pooled else (Notice(NoticeKind.ADDRESS, removed, row),)
    if event in ("RTM_NEWROUTE", "RTM_DELROUTE"):
        return tuple(
            Notice(NoticeKind.ROUTE, removed, route) for route in read_routes(message) if not _of_address(route)
        )
    return ()


def _of_address(route: Route) -> bool:
    """Return whether the kernel added `route` along with an address, of which there is a notice already."""
    return route.table == TABLE_LOCAL and route.length == 128 and route.protocol == _BY_KERNEL
