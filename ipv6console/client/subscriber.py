"""The engine's endpoints for subscribers, one function each: what to send, and the document that answers."""

from __future__ import annotations

from typing import Any

from ipv6console.client.request import EngineRequest
from ipv6console.client.writing import given, segment
from ipv6console.wire.codec import encode
from ipv6console.wire.subscriber import (
    IPv6ActivationRequest,
    IPv6LifecycleStatsResponse,
    IPv6LifecycleStatusResponse,
    IPv6OperationResponse,
    IPv6RevocationRequest,
    LeakReport,
    LifecycleHistory,
    OutboxCancel,
    OutboxPage,
    OutboxRow,
    SubscriberPage,
    SubscriberRequest,
    SubscriberRow,
)

_NETWORK = "/api/v1/network"
_WAIT = 300.0
"""Seconds an answer may take beyond the client's own: the engine waits for IPAM and RADIUS, at most so long (lifecycle.wait)."""


def subscribers(
    *,
    tenant: str | None = None,
    state: str | None = None,
    text: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> EngineRequest[SubscriberPage]:
    """Ask for subscribers of one tenant, or of all, in `state`, with `text` in id, user name or prefix.

    `cursor` is the `next` of the page before.
    """
    params = given(tenant=tenant, state=state, text=text, cursor=cursor, limit=limit)
    return EngineRequest(SubscriberPage, "GET", f"{_NETWORK}/subscribers", params)


def subscriber(subscriber_id: str, *, tenant: str | None = None) -> EngineRequest[SubscriberRow]:
    """Ask for one subscriber."""
    return EngineRequest(SubscriberRow, "GET", _path(subscriber_id), given(tenant=tenant))


def create_subscriber(
    subscriber_id: str, *, assignment_mode: str = "pd", prefix_size: int = 56, tenant: str | None = None
) -> EngineRequest[SubscriberRow]:
    """Make a subscriber; `assignment_mode` is none, slaac, stateful, pd or dual_stack. An operator's act."""
    request = SubscriberRequest(
        subscriber_id=subscriber_id, assignment_mode=assignment_mode, prefix_size=prefix_size, tenant=tenant
    )
    return EngineRequest(SubscriberRow, "POST", f"{_NETWORK}/subscribers", json=given(**encode(request)))


def remove_subscriber(subscriber_id: str, *, tenant: str | None = None) -> EngineRequest[SubscriberRow]:
    """Remove a subscriber that holds no prefix, and its history. An operator's act."""
    return EngineRequest(SubscriberRow, "DELETE", _path(subscriber_id), given(tenant=tenant))


def subscriber_status(subscriber_id: str, *, tenant: str | None = None) -> EngineRequest[IPv6LifecycleStatusResponse]:
    """Ask where a subscriber's prefix stands, in the older system's words."""
    path = f"{_path(subscriber_id)}/ipv6/status"
    return EngineRequest(IPv6LifecycleStatusResponse, "GET", path, given(tenant=tenant))


def subscriber_history(
    subscriber_id: str, *, tenant: str | None = None, limit: int = 100
) -> EngineRequest[LifecycleHistory]:
    """Ask for the timeline of one subscriber, the newest first."""
    params = given(tenant=tenant, limit=limit)
    return EngineRequest(LifecycleHistory, "GET", f"{_path(subscriber_id)}/ipv6/history", params)


def allocate_prefix(
    subscriber_id: str,
    *,
    prefix_size: int | None = None,
    netbox_pool_id: int | None = None,
    tenant: str | None = None,
) -> EngineRequest[IPv6OperationResponse]:
    """Allocate a prefix, of the subscriber's own size unless another is given. An operator's act."""
    body = given(prefix_size=prefix_size, netbox_pool_id=netbox_pool_id)
    return _act(subscriber_id, "allocate", tenant, body)


def activate_prefix(
    subscriber_id: str,
    *,
    username: str | None = None,
    nas_ip: str | None = None,
    send_coa: bool = False,
    tenant: str | None = None,
) -> EngineRequest[IPv6OperationResponse]:
    """Activate a prefix, with `send_coa` once RADIUS agreed. An operator's act."""
    request = IPv6ActivationRequest(username=username, nas_ip=nas_ip, send_coa=send_coa)
    return _act(subscriber_id, "activate", tenant, given(**encode(request)))


def suspend_prefix(subscriber_id: str, *, tenant: str | None = None) -> EngineRequest[IPv6OperationResponse]:
    """Suspend an active prefix. An operator's act."""
    return _act(subscriber_id, "suspend", tenant)


def resume_prefix(subscriber_id: str, *, tenant: str | None = None) -> EngineRequest[IPv6OperationResponse]:
    """Let a suspended prefix be active again. An operator's act."""
    return _act(subscriber_id, "resume", tenant)


def revoke_prefix(
    subscriber_id: str,
    *,
    username: str | None = None,
    nas_ip: str | None = None,
    send_disconnect: bool = False,
    release_to_netbox: bool = True,
    tenant: str | None = None,
) -> EngineRequest[IPv6OperationResponse]:
    """Take a prefix back, with `send_disconnect` after RADIUS ended the session. An operator's act."""
    request = IPv6RevocationRequest(
        username=username, nas_ip=nas_ip, send_disconnect=send_disconnect, release_to_netbox=release_to_netbox
    )
    return _act(subscriber_id, "revoke", tenant, given(**encode(request)))


def lifecycle_stats(*, tenant: str | None = None) -> EngineRequest[IPv6LifecycleStatsResponse]:
    """Ask how many prefixes are in which state, of one tenant or of all."""
    return EngineRequest(IPv6LifecycleStatsResponse, "GET", f"{_NETWORK}/ipv6/stats", given(tenant=tenant))


def subscribers_report(*, tenant: str | None = None) -> EngineRequest[str]:
    """Ask for every subscriber of one tenant, or of all, as CSV."""
    return EngineRequest(str, "GET", f"{_NETWORK}/subscribers.csv", given(tenant=tenant))


def outbox(
    *,
    tenant: str | None = None,
    subscriber_id: str | None = None,
    state: str | None = None,
    cursor: str | None = None,
    limit: int = 100,
) -> EngineRequest[OutboxPage]:
    """Ask for the steps other systems have to take, pending ones first; `state` is pending, done, refused or cancelled."""
    params = given(tenant=tenant, subscriber_id=subscriber_id, state=state, cursor=cursor, limit=limit)
    return EngineRequest(OutboxPage, "GET", f"{_NETWORK}/outbox", params)


def cancel_step(step: str, reason: str) -> EngineRequest[OutboxRow]:
    """Let a pending step not be taken, for a reason. An operator's act."""
    path = f"{_NETWORK}/outbox/{segment(step)}/cancel"
    return EngineRequest(OutboxRow, "POST", path, json=encode(OutboxCancel(reason=reason)))


def retry_step(step: str) -> EngineRequest[OutboxRow]:
    """Try a pending step now. An operator's act."""
    return EngineRequest(OutboxRow, "POST", f"{_NETWORK}/outbox/{segment(step)}/retry")


def leaks() -> EngineRequest[LeakReport]:
    """Compare store, IPAM, kernel and DHCPv6 leases now."""
    return EngineRequest(LeakReport, "GET", f"{_NETWORK}/leaks", slow=True)


def _path(subscriber_id: str) -> str:
    return f"{_NETWORK}/subscribers/{segment(subscriber_id)}"


def _act(
    subscriber_id: str, act: str, tenant: str | None, body: dict[str, Any] | None = None
) -> EngineRequest[IPv6OperationResponse]:
    path = f"{_path(subscriber_id)}/ipv6/{act}"
    return EngineRequest(IPv6OperationResponse, "POST", path, given(tenant=tenant), json=body, wait=_WAIT)
