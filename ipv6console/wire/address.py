"""Addresses of the pool as they cross the socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressFilter:
    """Which addresses: inside `prefix` (CIDR), and in mirror `dbname` with status `state` (idle, using or bad)."""

    prefix: str | None = None
    dbname: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressRow:
    """One verified address; `leased_in` and `bad_in` name the mirrors it is taken or bad in."""

    addr: str
    prefix: str
    verified_at: float
    leased_in: tuple[str, ...]
    bad_in: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPage:
    """Addresses, oldest first; `next` continues the list (the `cursor` of the next request), None at its end."""

    addresses: tuple[AddressRow, ...]
    total: int
    next: str | None
