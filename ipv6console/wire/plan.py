"""Two-step operator acts: a plan says what would be done to exactly what, applying it does that or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class PlanAction(StrEnum):
    """What is planned."""

    FLUSH_MIRROR = "flush-mirror"
    FLUSH_POOL = "flush-pool"
    REVOKE_ADDRESSES = "revoke-addresses"
    REVOKE_PREFIX = "revoke-prefix"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What to plan: `dbname` for flush-mirror, `addrs` for revoke-addresses, `prefix` for revoke-prefix."""

    action: PlanAction
    dbname: str | None = None
    addrs: tuple[str, ...] = ()
    prefix: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The exact set: its size, a sample, the live leases and mirrors it hurts, and the generation it holds for."""

    id: str
    action: PlanAction
    target: str
    generation: int
    count: int
    sample: tuple[str, ...]
    leases: int
    mirrors: tuple[str, ...]
    needs_reason: bool
    created_at: float
    expires_at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ApplyRequest:
    """Apply the plan `plan`; a revocation needs a `reason`."""

    plan: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What applying did."""

    plan: str
    action: PlanAction
    target: str
    count: int
    leases_ended: int
