"""What rtnetlink messages say, bytes to rows (rtnetlink(7), linux/rtnetlink.h).

An engine with nothing to do reads these and nothing else, and a host may have thousands of addresses, so they are
unpacked by hand: fifty times faster than by a library that decodes every attribute.
"""

from __future__ import annotations

import struct

from ipv6console.linux.dump import TABLE_LOCAL, Address, Link, Neighbour, Notice, NoticeKind, Route

NEW_LINK, DEL_LINK, GET_LINK = 16, 17, 18
NEW_ADDRESS, DEL_ADDRESS, GET_ADDRESS = 20, 21, 22
NEW_ROUTE, DEL_ROUTE, GET_ROUTE = 24, 25, 26
NEW_NEIGHBOUR, DEL_NEIGHBOUR, GET_NEIGHBOUR = 28, 29, 30

AF_INET6 = 10
NTF_PROXY = 0x08

_FOREVER = 0xFFFFFFFF
_BY_KERNEL = 2
"""RTPROT_KERNEL."""
_CLONED = 0x200
"""RTM_F_CLONED: an entry of the kernel's route cache."""
_KIND = 0x3FFF
"""Attribute types without the flag bits NLA_F_NESTED and NLA_F_NET_BYTEORDER."""

_LINK = struct.Struct("=BxHiII")
_ADDRESS = struct.Struct("=BBBBI")
_ROUTE = struct.Struct("=BBBBBBBBI")
_NEIGHBOUR = struct.Struct("=BxxxiHBB")
_HOP = struct.Struct("=HBBi")
_ATTRIBUTE = struct.Struct("=HH")
_NUMBER = struct.Struct("=I")
_TIMES = struct.Struct("=II")

_IFLA_IFNAME = 3
_IFA_ADDRESS, _IFA_LOCAL, _IFA_CACHEINFO, _IFA_FLAGS, _IFA_RT_PRIORITY = 1, 2, 6, 8, 9
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PRIORITY, _RTA_MULTIPATH, _RTA_TABLE = 1, 4, 5, 6, 9, 15
_NDA_DST, _NDA_PROTOCOL = 1, 12


def asking(kind: int, *, proxies: bool = False) -> bytes:
    """Return the body of a request for the table that `kind` (GET_…) names; IPv6 rows alone, but for links."""
    if kind == GET_LINK:
        return _LINK.pack(0, 0, 0, 0, 0)
    if kind == GET_ADDRESS:
        return _ADDRESS.pack(AF_INET6, 0, 0, 0, 0)
    if kind == GET_ROUTE:
        return _ROUTE.pack(AF_INET6, 0, 0, 0, 0, 0, 0, 0, 0)
    return _NEIGHBOUR.pack(AF_INET6, 0, 0, NTF_PROXY if proxies else 0, 0)


def read_link(body: bytes) -> Link:
    """Return the interface a link message tells of."""
    _, _, index, flags, _ = _LINK.unpack_from(body)
    name = _attributes(body, _LINK.size).get(_IFLA_IFNAME, b"")
    return Link(index=index, name=name.rstrip(b"\0").decode(errors="replace"), flags=flags)


def read_address(body: bytes) -> Address | None:
    """Return the IPv6 address an address message tells of, None for other families."""
    family, length, flags, _, index = _ADDRESS.unpack_from(body)
    attributes = _attributes(body, _ADDRESS.size)
    # A point-to-point address is in IFA_LOCAL, its peer in IFA_ADDRESS.
    address = attributes.get(_IFA_LOCAL) or attributes.get(_IFA_ADDRESS)
    if family != AF_INET6 or address is None:
        return None
    times = attributes.get(_IFA_CACHEINFO)
    preferred, valid = _TIMES.unpack_from(times) if times else (_FOREVER, _FOREVER)
    return Address(
        index=index,
        address=int.from_bytes(address, "big"),
        length=length,
        flags=_number(attributes.get(_IFA_FLAGS), flags),
        preferred=None if preferred == _FOREVER else float(preferred),
        valid=None if valid == _FOREVER else float(valid),
        metric=_number(attributes.get(_IFA_RT_PRIORITY), 0),
    )


def read_routes(body: bytes) -> tuple[Route, ...]:
    """Return the IPv6 route a route message tells of, one row for each next hop.

    Nothing for what the kernel added along with an address, of which there is a message of its own.
    """
    family, length, _, _, table, protocol, _, kind, flags = _ROUTE.unpack_from(body)
    if family != AF_INET6 or flags & _CLONED or (table == TABLE_LOCAL and length == 128 and protocol == _BY_KERNEL):
        return ()
    attributes = _attributes(body, _ROUTE.size)
    return tuple(
        Route(
            table=_number(attributes.get(_RTA_TABLE), table),
            kind=kind,
            network=int.from_bytes(attributes.get(_RTA_DST, b""), "big"),
            length=length,
            index=index,
            gateway=gateway,
            protocol=protocol,
            metric=_number(attributes.get(_RTA_PRIORITY), 0),
        )
        for index, gateway in _hops(attributes)
    )


def read_neighbour(body: bytes) -> Neighbour | None:
    """Return the IPv6 neighbour a neighbour message tells of, None for other families."""
    family, index, state, flags, _ = _NEIGHBOUR.unpack_from(body)
    attributes = _attributes(body, _NEIGHBOUR.size)
    address = attributes.get(_NDA_DST)
    if family != AF_INET6 or address is None:
        return None
    protocol = attributes.get(_NDA_PROTOCOL, b"\0")[0]
    return Neighbour(index, int.from_bytes(address, "big"), state, flags, protocol)


def read_notice(kind: int, body: bytes) -> tuple[Notice, ...]:
    """Return what a message of a subscription tells of; nothing for what nobody here needs."""
    if kind in (NEW_LINK, DEL_LINK):
        return (Notice(NoticeKind.LINK, kind == DEL_LINK, read_link(body)),)
    if kind in (NEW_ADDRESS, DEL_ADDRESS):
        row = read_address(body)
        about = NoticeKind.POOLED if row is not None and row.pooled else NoticeKind.ADDRESS
        return () if row is None else (Notice(about, kind == DEL_ADDRESS, row),)
    if kind in (NEW_ROUTE, DEL_ROUTE):
        return tuple(Notice(NoticeKind.ROUTE, kind == DEL_ROUTE, route) for route in read_routes(body))
    if kind in (NEW_NEIGHBOUR, DEL_NEIGHBOUR):
        neighbour = read_neighbour(body)
        gone = neighbour is None or kind == DEL_NEIGHBOUR or not neighbour.known
        return () if neighbour is None else (Notice(NoticeKind.NEIGHBOUR, gone, neighbour),)
    return ()


def _hops(attributes: dict[int, bytes]) -> list[tuple[int | None, int | None]]:
    """Return interface and gateway of each next hop."""
    several = attributes.get(_RTA_MULTIPATH)
    if not several:
        index = attributes.get(_RTA_OIF)
        return [(None if index is None else _number(index, 0), _gateway(attributes))]
    hops: list[tuple[int | None, int | None]] = []
    place = 0
    while place + _HOP.size <= len(several):
        size, _, _, index_of_hop = _HOP.unpack_from(several, place)
        if size < _HOP.size:
            break
        hops.append((index_of_hop, _gateway(_attributes(several[place : place + size], _HOP.size))))
        place += (size + 3) & ~3
    return hops


def _gateway(attributes: dict[int, bytes]) -> int | None:
    gateway = attributes.get(_RTA_GATEWAY)
    return None if gateway is None else int.from_bytes(gateway, "big")


def _number(data: bytes | None, otherwise: int) -> int:
    return otherwise if data is None else int(_NUMBER.unpack(data)[0])


def _attributes(body: bytes, place: int) -> dict[int, bytes]:
    found = {}
    end = len(body)
    while place + 4 <= end:
        size, kind = _ATTRIBUTE.unpack_from(body, place)
        if size < 4:
            break
        found[kind & _KIND] = body[place + 4 : place + size]
        place += (size + 3) & ~3
    return found
