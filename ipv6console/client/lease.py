"""Lease: one leased address for a stack that is not ours."""

from __future__ import annotations

import socket as sockets
from typing import Any

from ipv6console.client.destination import allowed
from ipv6console.client.family import NoIPv6Address
from ipv6console.client.hold import Ending, Hold
from ipv6console.freebind import bound_socket


class Lease:
    """An address that is yours until the `with` of `client.lease()` ends; it is renewed meanwhile.

    Nothing here stops a stack of your own from sending after the lease was lost: ask `addr` before each connection.
    """

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._ending = Ending()

    def __str__(self) -> str:
        return self.addr

    @property
    def addr(self) -> str:
        """The address; raises LeaseLost when it is yours no more."""
        self._hold.require()
        return self._hold.addr

    @property
    def ending(self) -> Ending:
        """The verdict it is given back with."""
        return self._ending

    def bad(self, target: str | None = None, reason: str | None = None) -> None:
        """Let it be given back as bad: the host `target` banned it, because of `reason`."""
        self._ending = Ending(status="bad", target=target, reason=reason)

    def socket(self, kind: sockets.SocketKind = sockets.SOCK_STREAM) -> sockets.socket:
        """Return an unconnected IPv6 socket bound to the address, which needs no ip_nonlocal_bind.

        Raises LeaseLost, and OSError when the kernel refuses the bind.
        """
        return bound_socket(self.addr, kind)

    def socket_for(self, found: tuple[Any, ...]) -> sockets.socket:
        """Return a socket for one entry of getaddrinfo's answer, as aiohttp's `socket_factory` wants it.

        Raises NoIPv6Address for one that is or means IPv4, and what `socket` raises.
        """
        family, kind, *_, address = found
        if family != sockets.AF_INET6:
            raise NoIPv6Address(str(address[0]), "it is an IPv4 address")
        allowed(str(address[0]), [found])
        return self.socket(kind)
