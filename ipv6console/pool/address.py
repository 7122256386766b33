"""IPv6 addresses as 128-bit integers, from text and back (RFC 4291, RFC 5952)."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv6Address
from socket import AF_INET6, inet_ntop, inet_pton

_MAPPED = 0xFFFF


class InvalidAddress(ValueError):
    """Text that is not one plain IPv6 address."""


def parse_address(text: str) -> int:
    """Return the address written in `text`, in any spelling; raises InvalidAddress saying what is wrong with it."""
    try:
        return int.from_bytes(inet_pton(AF_INET6, text), "big")
    except (OSError, ValueError, UnicodeEncodeError):
        raise InvalidAddress(_complaint(text)) from None


def parse_ipv6(text: str) -> int:
    """Return the address as `parse_address` does; IPv4 inside IPv6 (RFC 4291, 2.5.5.2) is InvalidAddress too."""
    address = parse_address(text)
    if address >> 32 == _MAPPED:
        raise InvalidAddress(_is_ipv4(_shown(text)))
    return address


def format_address(address: int) -> str:
    """Return the canonical text of `address` (RFC 5952)."""
    return inet_ntop(AF_INET6, address.to_bytes(16, "big"))


def _complaint(text: str) -> str:
    shown = _shown(text)
    if "%" in text:
        return f"{shown} has a zone id; give the address alone"
    if "/" in text:
        return f"{shown} is a prefix; give one address without a length"
    try:
        IPv4Address(text)
    except AddressValueError:
        pass
    else:
        return _is_ipv4(shown)
    try:
        IPv6Address(text)
    except AddressValueError as error:
        return f"{shown} is not an IPv6 address: {error}"
    return f"{shown} is not an IPv6 address in a form the kernel accepts"


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")


def _is_ipv4(shown: str) -> str:
    return f"{shown} is an IPv4 address; the pool holds IPv6 addresses only"
