"""Prefixes of the pool: their text form and the state each one is in."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv6Network

from ipv6console.pool.address import InvalidAddress, format_address, parse_address
from ipv6console.pool.change import PrefixRecorded

SHORTEST, LONGEST = 32, 128


class InvalidPrefix(ValueError):
    """Text that is not one IPv6 prefix of a length the pool can use."""


class Standing(StrEnum):
    """active hands out, draining only lets leases end, gone and revoked hold no addresses."""

    ACTIVE = "active"
    DRAINING = "draining"
    GONE = "gone"
    REVOKED = "revoked"


@dataclass(slots=True)
class Prefix:
    """One prefix of the pool; `live` counts its addresses, times are unix seconds.

    `held` means that an operator drained it: the kernel's word does not make it hand out again. `severed` says why
    nothing can come back to its addresses at this moment ("up0 has no carrier"); that is not kept anywhere.
    """

    id: int
    network: int
    length: int
    interface: str
    source: str
    standing: Standing
    first_seen: float
    changed_at: float
    held: bool = False
    live: int = 0
    severed: str | None = None

    @property
    def serves(self) -> bool:
        """Whether its addresses are handed out now."""
        return self.standing is Standing.ACTIVE and self.severed is None

    def __str__(self) -> str:
        return format_prefix(self.network, self.length)

    def __contains__(self, address: int) -> bool:
        return covers(self.network, self.length, address)

    def record(self) -> PrefixRecorded:
        """Return the row to commit."""
        return PrefixRecorded(
            self.id,
            self.network,
            self.length,
            self.interface,
            self.source,
            self.standing.value,
            self.first_seen,
            self.changed_at,
            self.held,
        )


def parse_prefix(text: str) -> tuple[int, int]:
    """Return (network, length) of CIDR text; a bare address is a /128.

    Raises InvalidPrefix for anything else, host bits included.
    """
    head, slash, tail = text.partition("/")
    try:
        address = parse_address(head)
    except InvalidAddress as error:
        raise InvalidPrefix(str(error)) from None
    if not slash:
        return address, 128
    if not (tail.isascii() and tail.isdigit() and len(tail) <= 3 and int(tail) <= 128):
        raise InvalidPrefix(f"{text!r}: the length after the slash is a number from 0 to 128")
    length = int(tail)
    if address != masked(address, length):
        right = format_prefix(masked(address, length), length)
        raise InvalidPrefix(f"{text!r} has host bits set; the prefix is {right}")
    return address, length


def format_prefix(network: int, length: int) -> str:
    """Return CIDR text."""
    return f"{format_address(network)}/{length}"


def masked(address: int, length: int) -> int:
    """Return `address` with everything after the first `length` bits cleared."""
    host = 128 - length
    return address >> host << host


def covers(network: int, length: int, address: int) -> bool:
    """Return whether `address` lies inside the prefix."""
    return (address ^ network) >> (128 - length) == 0


def as_network(network: int, length: int) -> IPv6Network:
    """Return the standard library's object for the prefix."""
    return IPv6Network((network, length))
