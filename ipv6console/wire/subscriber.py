"""Subscribers' prefixes as they cross the socket.

The models whose names begin with IPv6 are those that clients of the older system know: fields are added, none removed or
retyped. Their times are ISO 8601 text in UTC; all others are unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRequest:
    """A subscriber to make; `assignment_mode` is none, slaac, stateful, pd or dual_stack."""

    subscriber_id: str
    assignment_mode: str = "pd"
    prefix_size: int = 56
    tenant: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberRow:
    """One subscriber and where its prefix stands.

    `since` is when it entered the state; `ipam` and `radius` say in a word or two whether the systems beside ours agree
    (ok, none, pending, held, refused, silent), and `pending` counts the steps that are still to be taken. `text` is what
    an operator should know.
    """

    tenant: str
    subscriber_id: str
    assignment_mode: str
    prefix_size: int
    state: str
    since: float
    prefix: str | None
    registry: str | None
    netbox_prefix_id: int | None
    username: str | None
    nas_ip: str | None
    ipam: str
    radius: str
    pending: int
    stuck: bool
    text: str
    created_at: float
    allocated_at: float | None
    activated_at: float | None
    suspended_at: float | None
    revoked_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SubscriberPage:
    """Subscribers; `next` continues the list (the `cursor` of the next request), None at its end."""

    subscribers: tuple[SubscriberRow, ...]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleStep:
    """One entry of a subscriber's timeline: a transition, or how an external step was answered (before = after)."""

    at: float
    before: str
    after: str
    prefix: str | None
    actor: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleHistory:
    """The timeline of one subscriber, the newest first."""

    tenant: str
    subscriber_id: str
    steps: tuple[LifecycleStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """A step that another system has to take; `state` is pending, done, refused or cancelled."""

    id: str
    tenant: str
    subscriber_id: str
    step: str
    state: str
    attempts: int
    created_at: float
    next_at: float
    changed_at: float
    actor: str
    answer: str | None
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxPage:
    """Steps, pending ones first, then the newest; `next` continues the list."""

    steps: tuple[OutboxRow, ...]
    total: int
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxCancel:
    """Why a step is not to be taken."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakRow:
    """A prefix on which the store, the IPAM and the kernel or DHCPv6 server do not agree.

    `kind` is unknown-in-store, missing-in-ipam, owner-differs, duplicate, held-after-revoke, or not-delegated-by-us;
    `seen` says where it is; `repair` is what a repair would do, None when a person has to decide, and `id` names it.
    """

    id: str
    kind: str
    prefix: str
    tenant: str | None
    subscriber_id: str | None
    registry_id: int | None
    seen: tuple[str, ...]
    text: str
    repair: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakReport:
    """What was compared and what differs; `missing` names sources that could not be asked, and why."""

    at: float
    compared: dict[str, int]
    missing: dict[str, str]
    leaks: tuple[LeakRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6AllocationRequest:
    """POST …/allocate; `netbox_pool_id` is the parent to take from, None for those configured."""

    prefix_size: int = 56
    netbox_pool_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6ActivationRequest:
    """POST …/activate."""

    username: str | None = None
    nas_ip: str | None = None
    send_coa: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6RevocationRequest:
    """POST …/revoke."""

    username: str | None = None
    nas_ip: str | None = None
    send_disconnect: bool = False
    release_to_netbox: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6OperationResponse:
    """What an operation came to; `success` is false while a step is pending or when one was refused, `message` says why."""

    success: bool
    message: str | None
    prefix: str | None
    state: str
    allocated_at: str | None
    activated_at: str | None
    revoked_at: str | None
    netbox_prefix_id: int | None
    coa_result: str | None = None
    disconnect_result: str | None = None
    pending: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6LifecycleStatusResponse:
    """GET …/status."""

    subscriber_id: str
    prefix: str | None
    prefix_size: int | None
    state: str
    allocated_at: str | None
    activated_at: str | None
    revoked_at: str | None
    netbox_prefix_id: int | None
    assignment_mode: str


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6Utilization:
    """How many profiles have which kind of prefix; the rate is active over all, 0 to 100."""

    total_profiles: int
    active_prefixes: int
    allocated_not_active: int
    revoked_prefixes: int
    utilization_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NetBoxIntegration:
    """How many prefixes the IPAM tracks; the rate is of all that hold one, 0 to 100."""

    prefixes_with_netbox_id: int
    prefixes_without_netbox_id: int
    netbox_integration_rate: float


@dataclass(frozen=True, slots=True, kw_only=True)
class IPv6LifecycleStatsResponse:
    """GET /api/v1/network/ipv6/stats; every state has its count, also 0."""

    state_counts: dict[str, int]
    utilization: IPv6Utilization
    netbox_integration: NetBoxIntegration
