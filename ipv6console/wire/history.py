"""Who held which address when."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRow:
    """One lease; times are unix seconds. `until` and `verdict` are None while it lives.

    `verdict` is idle, bad, expired, lost, flushed, revoked or reset; `target` the host that answered so, `reason` why;
    `process` what was known of the holder that it could not choose.
    """

    addr: str
    dbname: str
    holder: str
    since: float
    until: float | None
    verdict: str | None
    target: str | None
    reason: str | None
    process: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPage:
    """Leases, newest first."""

    entries: tuple[HistoryRow, ...]
