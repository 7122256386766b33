"""Sockets bound to an address this host routes to itself but has not been assigned."""

from __future__ import annotations

import socket

IPV6_FREEBIND = 78
"""setsockopt level IPPROTO_IPV6 (linux/in6.h); CPython has no name for it."""


def bound_socket(source: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    """Return an unconnected IPv6 socket bound to `source` and a free port, with freebind set before the bind (ipv6(7)).

    Raises OSError when the kernel refuses the bind; the socket is closed then.
    """
    sock = socket.socket(socket.AF_INET6, kind)
    try:
        sock.setsockopt(socket.IPPROTO_IPV6, IPV6_FREEBIND, 1)
        sock.bind((source, 0))
    except OSError:
        sock.close()
        raise
    return sock
