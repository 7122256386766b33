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
    RELEASE_INSTANCE = "release-instance"
    SUBSCRIBER_ALLOCATE = "subscriber-allocate"
    SUBSCRIBER_ACTIVATE = "subscriber-activate"
    SUBSCRIBER_SUSPEND = "subscriber-suspend"
    SUBSCRIBER_RESUME = "subscriber-resume"
    SUBSCRIBER_REVOKE = "subscriber-revoke"
    REPAIR_LEAK = "repair-leak"


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What to plan: `dbname` for flush-mirror, `addrs` for revoke-addresses, `prefix` for revoke-prefix.

    `space` and `instance` for release-instance. `subscriber_id` and `tenant` for every subscriber-…, with `prefix_size`
    to allocate, and `username`, `nas_ip` and whether `radius` is to be told to activate and revoke; `release` is whether a
    revoked prefix goes back to the IPAM. `leak` for repair-leak.
    """

    action: PlanAction
    dbname: str | None = None
    addrs: tuple[str, ...] = ()
    prefix: str | None = None
    space: str | None = None
    instance: str | None = None
    tenant: str | None = None
    subscriber_id: str | None = None
    prefix_size: int | None = None
    username: str | None = None
    nas_ip: str | None = None
    radius: bool = False
    release: bool = True
    leak: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The exact set: its size, a sample, the live leases and mirrors it hurts, and the generation it holds for.

    `steps` are what will be done, in order and in words, where that is more than the set says.
    """

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
    steps: tuple[str, ...] = ()


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
