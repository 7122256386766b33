"""The number of nftables' present ruleset, which grows with every change anybody makes (linux/netfilter/nf_tables.h).

Asking for it is one short message each way, so a table can be watched without listing it.
"""

from __future__ import annotations

import socket
import struct

_NETLINK_NETFILTER = 12
_NEW_GENERATION = 10 << 8 | 15
_GET_GENERATION = 10 << 8 | 16
_REQUEST = 0x1
_GENERATION_ID = 1
_PATIENCE = 1.0
_HEADER = struct.Struct("=IHHII")
_FAMILY = struct.Struct(">BBH")
_ATTRIBUTE = struct.Struct("=HH")


def generation() -> int | None:
    """Return the number, None when it cannot be had: without CAP_NET_ADMIN or nftables."""
    body = _FAMILY.pack(socket.AF_UNSPEC, 0, 0)
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER) as asking:
            asking.settimeout(_PATIENCE)
            asking.send(_HEADER.pack(_HEADER.size + len(body), _GET_GENERATION, _REQUEST, 1, 0) + body)
            return _number(asking.recv(4_096))
    except OSError:
        return None


def _number(answer: bytes) -> int | None:
    _, kind, *_ = _HEADER.unpack_from(answer)
    place = _HEADER.size + _FAMILY.size
    while kind == _NEW_GENERATION and place + 8 <= len(answer):
        size, attribute = _ATTRIBUTE.unpack_from(answer, place)
        if attribute == _GENERATION_ID:
            return int.from_bytes(answer[place + 4 : place + 8], "big")
        place += max(size + 3, 4) & ~3
    return None
