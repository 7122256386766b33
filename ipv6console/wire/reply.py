"""Answers of the scraper's endpoints. Fields of the older contract keep their names and types; others are added."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolStats:
    """GET /stats; `prefix` in CIDR form, empty when there is none."""

    prefix: str
    total_addrs: int
    usable_num_target: int
    mirrors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MirrorStats:
    """GET /stats?dbname=; idle + using + bad = total."""

    dbname: str
    total: int
    idle: int
    using: int
    bad: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnReply:
    """GET /spawn."""

    success: bool
    addr: str | None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpawnsReply:
    """GET /spawns; `should_stop` says that asking again at once is pointless, `detail` why."""

    success: bool
    addrs: tuple[str, ...]
    should_stop: bool
    spawned_count: int
    requested_count: int
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickReply:
    """GET /pick; `lease` is the token that renews or ends it, `expires_at` unix seconds, `ttl` seconds from now."""

    success: bool
    addr: str | None
    dbname: str
    lease: str | None = None
    expires_at: float | None = None
    ttl: float | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PickedLease:
    """One lease of GET /picks."""

    addr: str
    lease: str
    expires_at: float
    ttl: float


@dataclass(frozen=True, slots=True, kw_only=True)
class PicksReply:
    """GET /picks; `addrs` may be short, `leases` has one entry for each of them in the same order."""

    success: bool
    addrs: tuple[str, ...]
    dbname: str
    leases: tuple[PickedLease, ...] = ()
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckReply:
    """POST /check."""

    success: bool
    addr: str
    usable: bool
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecksReply:
    """POST /checks."""

    success: bool
    results: dict[str, bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """POST /report, /reports, /reset: `detail` says why nothing changed when `success` is false."""

    success: bool
    dbname: str
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResetReply:
    """POST /resets and /reset_all; `total_count` is None for /reset_all."""

    success: bool
    dbname: str
    reset_count: int
    total_count: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaveReply:
    """POST /save."""

    success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FlushReply:
    """POST /flush; `dbname` None when the whole pool was emptied."""

    success: bool
    dbname: str | None
    detail: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaseReply:
    """POST /leases/{token}/renew and DELETE /leases/{token}; `ttl` is the seconds left."""

    success: bool
    addr: str
    dbname: str
    expires_at: float
    ttl: float
