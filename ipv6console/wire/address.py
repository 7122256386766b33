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
    """One verified address; `leased_in` and `bad_in` name the mirrors it is taken or bad in. Times are unix seconds.

    `last_used_at` is None when no lease of it is known, `uses` counts its leases, and `retry_at` tells when it is
    checked again because it is bad somewhere.
    """

    addr: str
    prefix: str
    verified_at: float
    leased_in: tuple[str, ...]
    bad_in: tuple[str, ...]
    last_used_at: float | None = None
    uses: int = 0
    retry_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressPage:
    """Addresses, oldest first; `next` continues the list (the `cursor` of the next request), None at its end."""

    addresses: tuple[AddressRow, ...]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressChanges:
    """What changed in the pool after change number `since`: rows as they are now, and addresses that left.

    `seq` is the number to ask from next time. `missed` says that more has changed than is kept: read the pool again.
    """

    seq: int
    rows: tuple[AddressRow, ...]
    gone: tuple[str, ...]
    missed: bool
