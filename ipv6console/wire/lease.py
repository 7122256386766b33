"""Leases as they cross the socket."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseRow:
    """One live lease; times are unix seconds. The token is a secret of its holder and is never listed.

    `holder` is the name it gave itself, if any; `process` what is known of it that it cannot choose: "pid 812 uid 1000
    python3 scraper.py" over the Unix socket, "token NAME from ADDRESS" with a token, None over plain TCP.
    """

    addr: str
    dbname: str
    holder: str
    leased_at: float
    expires_at: float
    process: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeasePage:
    """Live leases; `next` continues the list (the `cursor` of the next request), None at its end."""

    leases: tuple[LeaseRow, ...]
    total: int
    next: str | None
