"""Leases as they cross the socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """One live lease; times are unix seconds. The token is a secret of its holder and is never listed."""

    addr: str
    dbname: str
    holder: str
    leased_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePage:
    """Live leases; `next` continues the list (the `cursor` of the next request), None at its end."""

    leases: tuple[LeaseRow, ...]
    total: int
    next: str | None
