"""Addresses of both families as the text in a column and as integers (RFC 5952, RFC 4291)."""

from __future__ import annotations

from socket import AF_INET, AF_INET6, inet_ntop, inet_pton

_SOCKET = {4: AF_INET, 6: AF_INET6}
_BYTES = {4: 4, 6: 16}


def to_text(family: int, address: int) -> str:
    """Return the canonical text of an address of `family`, 4 or 6."""
    return inet_ntop(_SOCKET[family], address.to_bytes(_BYTES[family], "big"))


def from_text(family: int, text: str) -> int:
    """Return the address of `family` that `text` is."""
    return int.from_bytes(inet_pton(_SOCKET[family], text), "big")
