"""A host that does not speak IPv6, as an error of httpx: whoever catches those need not know this library."""

from __future__ import annotations

import httpx

from ipv6console.client.errors import IPv6ConsoleError


class NoIPv6Address(IPv6ConsoleError, httpx.ConnectError):
    """The host can only be reached over IPv4, which a leased address cannot do; nothing was sent."""

    def __init__(self, host: str, cause: str) -> None:
        httpx.ConnectError.__init__(self, f"{host} has no IPv6 address ({cause}); this session speaks IPv6 only")
        self.host = host
