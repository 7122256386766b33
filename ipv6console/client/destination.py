"""Where a leased address may connect to: IPv6, and nothing that would turn into IPv4 on the way."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Any

from ipv6console.client.family import NoIPv6Address

Destination = tuple[Any, ...]
"""A socket address of AF_INET6."""


def refuse_ipv4_literal(host: str) -> None:
    """Raise NoIPv6Address when `host` is an IPv4 address."""
    try:
        IPv4Address(host)
    except AddressValueError:
        return
    raise NoIPv6Address(host, "it is an IPv4 address")


def allowed(host: str, found: Iterable[tuple[Any, ...]]) -> list[Destination]:
    """Return the socket addresses of getaddrinfo's answer without those that mean IPv4 (RFC 4291, 2.5.5).

    A socket bound to an IPv6 source still reaches ::ffff:0:0/96, over IPv4 and from another source address.
    """
    addresses = [entry[4] for entry in found]
    kept = [address for address in addresses if not _is_ipv4(str(address[0]))]
    if not kept:
        raise NoIPv6Address(host, f"only {addresses[0][0]}, which means IPv4" if addresses else "nothing was found")
    return kept


def refuse_ipv4_only(host: str, ipv4: str | None, error: socket.gaierror) -> None:
    """Raise NoIPv6Address when `host`, whose IPv6 lookup failed with `error`, does have an IPv4 address."""
    if ipv4 is not None:
        raise NoIPv6Address(host, f"only {ipv4}") from error


def _is_ipv4(text: str) -> bool:
    return IPv6Address(text.partition("%")[0]).ipv4_mapped is not None
