"""What this process may do to the network, found by asking the kernel (capabilities(7))."""

from __future__ import annotations

import errno
import socket
import struct
from pathlib import Path

from ipv6console.wire.status import Finding, Level

NET_ADMIN = 12
NET_RAW = 13

FIX = "sudo ipv6console serve"

_RTM_DELROUTE = 25
_REQUEST_ACK = 0x5
_NLMSG_ERROR = 2
_REFUSED = frozenset({errno.EPERM, errno.EACCES})


def effective() -> frozenset[int]:
    """Return the numbers of the effective capabilities, as /proc tells them for this thread."""
    for line in Path("/proc/thread-self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            bits = int(line.split()[1], 16)
            return frozenset(number for number in range(64) if bits >> number & 1)
    return frozenset()


def may_change_routes() -> bool:
    """Return whether routes of this network namespace may be changed.

    CAP_NET_ADMIN counts in the user namespace that owns the network namespace, which /proc does not tell. So the kernel
    is asked to delete a route by a message too short to name one: it refuses for lack of privilege before it looks at the
    message, or finds it malformed.
    """
    body = struct.pack("=B3x", socket.AF_INET6)
    header = struct.pack("=IHHII", 16 + len(body), _RTM_DELROUTE, _REQUEST_ACK, 1, 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as sock:
        sock.sendto(header + body, (0, 0))
        answer = sock.recv(4096)
    kind, code = struct.unpack_from("=4xH10xi", answer)
    return not (kind == _NLMSG_ERROR and -code in _REFUSED)


def may_open_packet_sockets() -> bool:
    """Return whether packet sockets may be opened here (CAP_NET_RAW), as NDP daemons do."""
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
    except PermissionError:
        return False
    return True


def findings() -> tuple[Finding, ...]:
    """Return what this process may not do and the command that helps; empty when it may do all."""
    found = []
    if not may_change_routes():
        why = (
            "CAP_NET_ADMIN of a user namespace does not count for this network namespace"
            if NET_ADMIN in effective()
            else "CAP_NET_ADMIN is missing"
        )
        found.append(Finding("privilege", Level.WARN, f"routes and sysctls cannot be changed: {why}", FIX))
    if not may_open_packet_sockets():
        found.append(Finding("privilege", Level.WARN, "ndppd cannot be run: CAP_NET_RAW is missing", FIX))
    return tuple(found)
