"""Addresses the pool must never hand out."""

from __future__ import annotations

from collections.abc import Iterable

from ipv6console.pool.prefix import covers

_IID = (1 << 64) - 1
_RESERVED_IIDS = (
    # RFC 5453 and the IANA registry it opened: subnet-router anycast, IANA's Ethernet block, RFC 2526 anycast.
    (0x0000_0000_0000_0000, 0x0000_0000_0000_0000),
    (0x0200_5EFF_FE00_0000, 0x0200_5EFF_FEFF_FFFF),
    (0xFDFF_FFFF_FFFF_FF80, 0xFDFF_FFFF_FFFF_FFFF),
)


def reserved_interface_identifier(address: int) -> bool:
    """Return whether the low 64 bits are a reserved interface identifier (RFC 5453)."""
    iid = address & _IID
    return any(first <= iid <= last for first, last in _RESERVED_IIDS)


def subnet_anycast(address: int, length: int) -> bool:
    """Return whether `address` is an anycast address of its subnet of `length` bits (RFC 4291 2.6.1, RFC 2526)."""
    host_bits = 128 - length
    host = address & ((1 << host_bits) - 1)
    if host_bits == 0:
        return False
    return host == 0 or (host_bits > 7 and host >> 7 == (1 << (host_bits - 7)) - 1)


class Exclusions:
    """What is reserved here: own and neighbours' addresses, the operator's list, everything revoked."""

    def __init__(self, reserved: Iterable[tuple[int, int]] = ()) -> None:
        self._addresses: set[int] = set()
        self._prefixes: list[tuple[int, int]] = []
        self._present: frozenset[int] = frozenset()
        for network, length in reserved:
            self.add(network, length)

    def add(self, network: int, length: int) -> None:
        """Exclude a prefix, or with length 128 one address, for good."""
        if length == 128:
            self._addresses.add(network)
        elif (network, length) not in self._prefixes:
            self._prefixes.append((network, length))

    def see(self, present: frozenset[int]) -> None:
        """Replace the addresses known to be in use on the link or by this host."""
        self._present = present

    def __contains__(self, address: int) -> bool:
        return (
            address in self._addresses
            or address in self._present
            or reserved_interface_identifier(address)
            or any(covers(network, length, address) for network, length in self._prefixes)
        )
