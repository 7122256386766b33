"""Example answers about subscribers, made of the very documents the engine answers with."""

from __future__ import annotations

from ipv6console.api.example import NOW
from ipv6console.wire.subscriber import (
    IPv6LifecycleStatsResponse,
    IPv6LifecycleStatusResponse,
    IPv6OperationResponse,
    IPv6Utilization,
    LeakReport,
    LeakRow,
    LifecycleHistory,
    LifecycleStep,
    NetBoxIntegration,
    OutboxPage,
    OutboxRow,
    SubscriberPage,
    SubscriberRow,
)

TENANT = "acme"
SUBSCRIBER = "sub-1041"
PREFIX = "2001:db8:0:100::/56"
STEP = "op-7f21c9"
_USER = "sub-1041@isp.example"
_NAS = "2001:db8:ffff::1"
_ALLOCATED, _ACTIVATED = "2026-01-01T00:00:00Z", "2026-01-01T00:01:00Z"

ROW = SubscriberRow(
    tenant=TENANT,
    subscriber_id=SUBSCRIBER,
    assignment_mode="pd",
    prefix_size=56,
    state="active",
    since=NOW + 60.0,
    prefix=PREFIX,
    registry="netbox",
    netbox_prefix_id=412,
    username=_USER,
    nas_ip=_NAS,
    ipam="ok",
    radius="ok",
    pending=0,
    stuck=False,
    text="active since RADIUS agreed",
    created_at=NOW - 60.0,
    allocated_at=NOW,
    activated_at=NOW + 60.0,
    suspended_at=None,
    revoked_at=None,
)
PAGE = SubscriberPage(subscribers=(ROW,), total=1, next=None)
STATUS = IPv6LifecycleStatusResponse(
    subscriber_id=SUBSCRIBER,
    prefix=PREFIX,
    prefix_size=56,
    state="active",
    allocated_at=_ALLOCATED,
    activated_at=_ACTIVATED,
    revoked_at=None,
    netbox_prefix_id=412,
    assignment_mode="pd",
)
DONE = IPv6OperationResponse(
    success=True,
    message=None,
    prefix=PREFIX,
    state="active",
    allocated_at=_ALLOCATED,
    activated_at=_ACTIVATED,
    revoked_at=None,
    netbox_prefix_id=412,
    coa_result="ack",
)
NOT_DONE = IPv6OperationResponse(
    success=False,
    message="RADIUS refused the CoA: Session-Context-Not-Found",
    prefix=PREFIX,
    state="allocated",
    allocated_at=_ALLOCATED,
    activated_at=None,
    revoked_at=None,
    netbox_prefix_id=412,
    coa_result="nak Session-Context-Not-Found",
)
LATER = IPv6OperationResponse(
    success=False,
    message="NetBox does not answer; the allocation is tried again until it does",
    prefix=None,
    state="pending",
    allocated_at=None,
    activated_at=None,
    revoked_at=None,
    netbox_prefix_id=None,
    pending=("allocate",),
)
STATS = IPv6LifecycleStatsResponse(
    state_counts={
        "pending": 1,
        "allocated": 2,
        "active": 40,
        "suspended": 1,
        "revoking": 0,
        "revoked": 5,
        "failed": 1,
    },
    utilization=IPv6Utilization(
        total_profiles=50, active_prefixes=40, allocated_not_active=2, revoked_prefixes=5, utilization_rate=80.0
    ),
    netbox_integration=NetBoxIntegration(
        prefixes_with_netbox_id=43, prefixes_without_netbox_id=0, netbox_integration_rate=100.0
    ),
)
HISTORY = LifecycleHistory(
    tenant=TENANT,
    subscriber_id=SUBSCRIBER,
    steps=(
        LifecycleStep(
            at=NOW, before="pending", after="allocated", prefix=PREFIX, actor="token billing", text="NetBox gave it"
        ),
        LifecycleStep(
            at=NOW - 1.0, before="pending", after="pending", prefix=None, actor="token billing", text="asked"
        ),
    ),
)
STEP_ROW = OutboxRow(
    id=STEP,
    tenant=TENANT,
    subscriber_id=SUBSCRIBER,
    step="disconnect",
    state="pending",
    attempts=3,
    created_at=NOW,
    next_at=NOW + 14.0,
    changed_at=NOW + 7.0,
    actor="token billing",
    answer="silence (the secret differs, or nothing arrives)",
    reason=None,
)
STEP_CANCELLED = OutboxRow(
    id=STEP,
    tenant=TENANT,
    subscriber_id=SUBSCRIBER,
    step="disconnect",
    state="cancelled",
    attempts=3,
    created_at=NOW,
    next_at=NOW + 14.0,
    changed_at=NOW + 9.0,
    actor="token billing",
    answer="silence (the secret differs, or nothing arrives)",
    reason="the NAS was replaced",
)
OUTBOX = OutboxPage(steps=(STEP_ROW,), total=1, next=None)
LEAKS = LeakReport(
    at=NOW,
    compared={"store": 43, "netbox": 44, "kernel": 40},
    missing={"dhcpv6": "lifecycle.kea_leases names no file"},
    leaks=(
        LeakRow(
            id="3f9c01d2a7b4",
            kind="unknown-in-store",
            prefix="2001:db8:0:900::/56",
            tenant=TENANT,
            subscriber_id="sub-9",
            registry_id=977,
            seen=("netbox 977",),
            text="NetBox holds it for an operation that is not known here",
            repair="release it in netbox: nobody here holds it",
        ),
    ),
)
CSV = """tenant,subscriber_id,assignment_mode,prefix_size,state,since,prefix,registry,registry_id
acme,sub-1041,pd,56,active,2026-01-01T00:01:00Z,2001:db8:0:100::/56,netbox,412
"""
