"""Addresses and runs of them, IPv6 and IPv4, from text and back (RFC 4291, RFC 5952, RFC 4632)."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import NamedTuple

from ipv6console.ipam.errors import InvalidAddress, InvalidRange, InvalidSubnet

BITS = {4: 32, 6: 128}
"""How long an address of each family is."""

_SOCKET = {4: AF_INET, 6: AF_INET6}
_MAPPED = 0xFFFF
_SPELLINGS = "write an IPv6 address such as 2001:db8::1, or an IPv4 one such as 192.0.2.1"


class Address(NamedTuple):
    """One address of its `family`, 4 or 6."""

    family: int
    value: int

    def __str__(self) -> str:
        return format_address(self.family, self.value)


class Span(NamedTuple):
    """Every address of a family from `first` to `last`, both included."""

    family: int
    first: int
    last: int

    @property
    def size(self) -> int:
        """How many addresses it has: exact, up to 2^128."""
        return self.last - self.first + 1

    @property
    def length(self) -> int | None:
        """The prefix length when it is one block, None when it is not."""
        if self.size & (self.size - 1) or self.first & (self.size - 1):
            return None
        return BITS[self.family] - self.size.bit_length() + 1

    @property
    def cidr(self) -> str | None:
        """Its CIDR text when it is one block, None when it is not."""
        length = self.length
        return None if length is None else f"{format_address(self.family, self.first)}/{length}"

    def holds(self, other: Span) -> bool:
        """Return whether every address of `other` is one of this."""
        return self.family == other.family and self.first <= other.first and other.last <= self.last

    def __str__(self) -> str:
        if self.first == self.last:
            return format_address(self.family, self.first)
        return self.cidr or f"{format_address(self.family, self.first)}-{format_address(self.family, self.last)}"


def parse_address(text: str) -> Address:
    """Return the address written in `text`, in any spelling; raises InvalidAddress."""
    family = 6 if ":" in text else 4
    try:
        value = int.from_bytes(inet_pton(_SOCKET[family], text), "big")
    except (OSError, ValueError):
        raise InvalidAddress(_complaint(text), next=_advice(text)) from None
    if family == 6 and value >> 32 == _MAPPED:
        inner = format_address(4, value & 0xFFFF_FFFF)
        raise InvalidAddress(
            f"{_shown(text)} is an IPv4 address in IPv6 clothes (RFC 4291, 2.5.5.2)", next=f"write {inner}"
        )
    return Address(family, value)


def format_address(family: int, value: int) -> str:
    """Return the canonical text of an address (RFC 5952)."""
    return inet_ntop(_SOCKET[family], value.to_bytes(BITS[family] // 8, "big"))


def parse_span(text: str) -> Span:
    """Return what a CIDR, FIRST-LAST or one address names; raises InvalidAddress, InvalidSubnet or InvalidRange."""
    if "-" in text:
        return _between(text)
    if "/" in text:
        return _block(text)
    family, value = parse_address(text.strip())
    return Span(family, value, value)


def block(family: int, network: int, length: int) -> Span:
    """Return the addresses of a prefix; `network` has no host bits."""
    return Span(family, network, network | (1 << (BITS[family] - length)) - 1)


def _between(text: str) -> Span:
    head, _, tail = text.partition("-")
    if "/" in text or "-" in tail:
        raise InvalidRange(f"{_shown(text)} is no range", next="write FIRST-LAST with two addresses, or one CIDR alone")
    first, last = parse_address(head.strip()), parse_address(tail.strip())
    if first.family != last.family:
        raise InvalidRange(f"{_shown(text)} goes from one family to the other", next="give two addresses of one family")
    if first.value > last.value:
        raise InvalidRange(f"{_shown(text)} ends before it begins", next=f"write {last}-{first}")
    return Span(first.family, first.value, last.value)


def _block(text: str) -> Span:
    head, _, tail = text.strip().partition("/")
    family, value = parse_address(head)
    bits = BITS[family]
    if not (tail.isascii() and tail.isdigit() and len(tail) <= 3 and int(tail) <= bits):
        raise InvalidSubnet(
            f"{_shown(text)} has no such prefix length", next=f"after the slash goes a number from 0 to {bits}"
        )
    length = int(tail)
    host = bits - length
    network = value >> host << host
    if network != value:
        raise InvalidSubnet(
            f"{_shown(text)} has bits set after its first {length}",
            next=f"write {format_address(family, network)}/{length} for the block, or the address without a length",
        )
    return block(family, network, length)


def _complaint(text: str) -> str:
    shown = _shown(text)
    if not text:
        return f"there is no address in {shown}"
    if len(text) > 60:
        return f"{shown} is no address: it has {len(text)} characters"
    if "%" in text:
        return f"{shown} has a zone id"
    if "/" in text:
        return f"{shown} is a prefix, not one address"
    try:
        IPv6Address(text) if ":" in text else IPv4Address(text)
    except AddressValueError as error:
        return f"{shown} is no address: {error}"
    return f"{shown} is no address in a form the kernel accepts"


def _advice(text: str) -> str:
    if "%" in text or "/" in text:
        return f"give the address alone, {re.split('[%/]', text, maxsplit=1)[0][:45]}"
    return _SPELLINGS


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
