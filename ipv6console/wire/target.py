"""Who bans us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRow:
    """One host as named in bad verdicts of one mirror: how many verdicts, on how many addresses, the last of them."""

    dbname: str
    target: str
    bans: int
    addresses: int
    last_at: float
    last_reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPage:
    """Hosts, the one with most bans first; `next` is the cursor of the next page, if there is one."""

    targets: tuple[TargetRow, ...]
    next: str | None = None
