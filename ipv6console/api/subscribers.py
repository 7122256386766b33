"""Subscribers' prefixes: profiles, the lifecycle in the older system's words, the outbox and leaks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Body
from starlette.responses import Response

from ipv6console.api import subscriberexample as example
from ipv6console.api.access import NETWORK
from ipv6console.api.answers import answers, asked, text
from ipv6console.api.caller import EngineHere, Operator, Reader
from ipv6console.api.document import Document
from ipv6console.api.parameter import Cursor, Limit
from ipv6console.api.subscriberbody import (
    IPv6ActivationRequest,
    IPv6AllocationRequest,
    IPv6RevocationRequest,
    OutboxCancelBody,
    SubscriberBody,
)
from ipv6console.api.subscriberparameter import (
    AboutSubscriber,
    InLifecycle,
    InOutbox,
    OfSubscriber,
    OfTenant,
    SomeTenant,
    StepPath,
    SubscriberPath,
)
from ipv6console.api.subscriberreport import report_of
from ipv6console.wire.subscriber import (
    IPv6LifecycleStatsResponse,
    IPv6LifecycleStatusResponse,
    IPv6OperationResponse,
    LeakReport,
    LifecycleHistory,
    OutboxPage,
    OutboxRow,
    SubscriberPage,
    SubscriberRow,
)

_KNOWN: dict[str, Any] = {"security": [{"token": []}]}
"""Nobody is let in here for being on this host; over the Unix socket the kernel says who asks."""

router = APIRouter(prefix=NETWORK, tags=["subscribers"])

_OPERATION = answers(example.DONE, example.NOT_DONE, problems=(404, 409), later=(IPv6OperationResponse, example.LATER))
_ASKED = answers(example.DONE, example.NOT_DONE, problems=(404, 409, 413), later=(IPv6OperationResponse, example.LATER))


@router.get(
    "/subscribers",
    response_model=SubscriberPage,
    responses=answers(example.PAGE, problems=(404,)),
    openapi_extra=_KNOWN,
)
async def subscribers(
    *,
    engine: EngineHere,
    caller: Reader,
    tenant: SomeTenant = None,
    state: InLifecycle = None,
    text: AboutSubscriber = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Document:
    """List subscribers and where their prefixes stand."""
    found = engine.subscribers.page(caller, tenant=tenant, state=state, text=text, cursor=cursor, limit=limit)
    return Document(found)


@router.post(
    "/subscribers",
    response_model=SubscriberRow,
    responses=answers(example.ROW, problems=(404, 409, 413)),
    openapi_extra=_KNOWN,
)
async def create_subscriber(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        SubscriberBody,
        Body(
            openapi_examples=asked(
                example={"subscriber_id": example.SUBSCRIBER, "tenant": example.TENANT},
                business={"subscriber_id": "sub-1042", "assignment_mode": "dual_stack", "prefix_size": 48},
            )
        ),
    ],
) -> Document:
    """Make a subscriber; it has no prefix yet."""
    return Document(await engine.subscribers.create(body.request(), caller))


@router.get(
    "/subscribers.csv",
    response_class=Response,
    responses=text(example.CSV, "text/csv", problems=(404,)),
    openapi_extra=_KNOWN,
)
async def subscribers_report(engine: EngineHere, caller: Reader, tenant: SomeTenant = None) -> Response:
    """Report every subscriber of a tenant as CSV (RFC 4180), for a spreadsheet; times are ISO 8601 in UTC."""
    headers = {"content-disposition": f'attachment; filename="subscribers-{tenant or caller.tenant or "all"}.csv"'}
    return Response(await report_of(engine, caller, tenant), media_type="text/csv", headers=headers)


@router.get(
    "/subscribers/{subscriber_id}",
    response_model=SubscriberRow,
    responses=answers(example.ROW, problems=(404,)),
    openapi_extra=_KNOWN,
)
async def subscriber(
    engine: EngineHere, caller: Reader, subscriber_id: SubscriberPath, tenant: OfTenant = None
) -> Document:
    """Show one subscriber."""
    return Document(engine.subscribers.row(subscriber_id, tenant, caller))


@router.delete(
    "/subscribers/{subscriber_id}",
    response_model=SubscriberRow,
    responses=answers(example.ROW, problems=(404, 409)),
    openapi_extra=_KNOWN,
)
async def remove_subscriber(
    engine: EngineHere, caller: Operator, subscriber_id: SubscriberPath, tenant: OfTenant = None
) -> Document:
    """Remove a subscriber that has no prefix, and its history with it."""
    return Document(await engine.subscribers.remove(subscriber_id, tenant, caller))


@router.get(
    "/subscribers/{subscriber_id}/ipv6/status",
    response_model=IPv6LifecycleStatusResponse,
    responses=answers(example.STATUS, problems=(404,)),
    openapi_extra=_KNOWN,
)
async def ipv6_status(
    engine: EngineHere, caller: Reader, subscriber_id: SubscriberPath, tenant: OfTenant = None
) -> Document:
    """Say where a subscriber's prefix stands."""
    return Document(engine.subscribers.status(subscriber_id, tenant, caller))


@router.get(
    "/subscribers/{subscriber_id}/ipv6/history",
    response_model=LifecycleHistory,
    responses=answers(example.HISTORY, problems=(404,)),
    openapi_extra=_KNOWN,
)
async def ipv6_history(
    *,
    engine: EngineHere,
    caller: Reader,
    subscriber_id: SubscriberPath,
    tenant: OfTenant = None,
    limit: Limit = 100,
) -> Document:
    """Tell the life of a subscriber's prefixes, newest first: transitions, and how other systems answered."""
    return Document(await engine.subscribers.history(subscriber_id, tenant, caller, limit))


@router.post(
    "/subscribers/{subscriber_id}/ipv6/allocate",
    response_model=IPv6OperationResponse,
    responses=_ASKED,
    openapi_extra=_KNOWN,
)
async def allocate(
    *,
    engine: EngineHere,
    caller: Operator,
    subscriber_id: SubscriberPath,
    tenant: OfTenant = None,
    body: Annotated[
        IPv6AllocationRequest, Body(openapi_examples=asked(example={}, business={"prefix_size": 48}))
    ] = IPv6AllocationRequest(),  # noqa: B008 - it never changes
) -> Document:
    """Allocate a prefix: 200 when it is there, 202 while the IPAM has not answered. Asking again changes nothing."""
    own = engine.subscribers.row(subscriber_id, tenant, caller).prefix_size
    return _told(await engine.subscribers.allocate(subscriber_id, body.request(own), tenant, caller))


@router.post(
    "/subscribers/{subscriber_id}/ipv6/activate",
    response_model=IPv6OperationResponse,
    responses=_ASKED,
    openapi_extra=_KNOWN,
)
async def activate(
    *,
    engine: EngineHere,
    caller: Operator,
    subscriber_id: SubscriberPath,
    tenant: OfTenant = None,
    body: Annotated[
        IPv6ActivationRequest,
        Body(
            openapi_examples=asked(
                example={"username": "sub-1041@isp.example", "nas_ip": "2001:db8:ffff::1", "send_coa": True},
                at_once={},
            )
        ),
    ] = IPv6ActivationRequest(),  # noqa: B008 - it never changes
) -> Document:
    """Activate an allocated prefix; with `send_coa` it is active once RADIUS agreed, and 202 says that it has not yet."""
    return _told(await engine.subscribers.activate(subscriber_id, body.request(), tenant, caller))


@router.post(
    "/subscribers/{subscriber_id}/ipv6/suspend",
    response_model=IPv6OperationResponse,
    responses=_OPERATION,
    openapi_extra=_KNOWN,
)
async def suspend(
    engine: EngineHere, caller: Operator, subscriber_id: SubscriberPath, tenant: OfTenant = None
) -> Document:
    """Suspend an active prefix; it stays allocated."""
    return _told(await engine.subscribers.suspend(subscriber_id, tenant, caller))


@router.post(
    "/subscribers/{subscriber_id}/ipv6/resume",
    response_model=IPv6OperationResponse,
    responses=_OPERATION,
    openapi_extra=_KNOWN,
)
async def resume(
    engine: EngineHere, caller: Operator, subscriber_id: SubscriberPath, tenant: OfTenant = None
) -> Document:
    """Let a suspended prefix be active again."""
    return _told(await engine.subscribers.resume(subscriber_id, tenant, caller))


@router.post(
    "/subscribers/{subscriber_id}/ipv6/revoke",
    response_model=IPv6OperationResponse,
    responses=_ASKED,
    openapi_extra=_KNOWN,
)
async def revoke(
    *,
    engine: EngineHere,
    caller: Operator,
    subscriber_id: SubscriberPath,
    tenant: OfTenant = None,
    body: Annotated[
        IPv6RevocationRequest,
        Body(openapi_examples=asked(example={"send_disconnect": True}, keep={"release_to_netbox": False})),
    ] = IPv6RevocationRequest(),  # noqa: B008 - it never changes
) -> Document:
    """Take the prefix back: it is revoked once the session is ended, if asked, and the IPAM has it again; 202 until then."""
    return _told(await engine.subscribers.revoke(subscriber_id, body.request(), tenant, caller))


@router.get(
    "/ipv6/stats",
    response_model=IPv6LifecycleStatsResponse,
    responses=answers(example.STATS, problems=(404,)),
    openapi_extra=_KNOWN,
)
async def ipv6_stats(engine: EngineHere, caller: Reader, tenant: SomeTenant = None) -> Document:
    """Count prefixes by state, how many are used, and how many the IPAM knows."""
    return Document(engine.subscribers.stats(tenant, caller))


@router.get(
    "/outbox", response_model=OutboxPage, responses=answers(example.OUTBOX, problems=(404,)), openapi_extra=_KNOWN
)
async def outbox(
    *,
    engine: EngineHere,
    caller: Reader,
    tenant: SomeTenant = None,
    subscriber_id: OfSubscriber = None,
    state: InOutbox = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Document:
    """List the steps other systems have to take, pending ones first."""
    page = await engine.subscribers.outbox(
        caller, tenant=tenant, subscriber_id=subscriber_id, state=state, cursor=cursor, limit=limit
    )
    return Document(page)


@router.post(
    "/outbox/{step}/cancel",
    response_model=OutboxRow,
    responses=answers(example.STEP_CANCELLED, problems=(404, 409, 413)),
    openapi_extra=_KNOWN,
)
async def cancel_step(
    engine: EngineHere,
    caller: Operator,
    step: StepPath,
    body: Annotated[OutboxCancelBody, Body(openapi_examples=asked(example={"reason": "the NAS was replaced"}))],
) -> Document:
    """Let a pending step not be taken: a cancelled disconnect lets the release go on, a cancelled release fails it."""
    return Document(await engine.subscribers.cancel(step, body.reason, caller))


@router.post(
    "/outbox/{step}/retry",
    response_model=OutboxRow,
    responses=answers(example.STEP_ROW, problems=(404, 409)),
    openapi_extra=_KNOWN,
)
async def retry_step(engine: EngineHere, caller: Operator, step: StepPath) -> Document:
    """Try a pending step now, not when its turn comes."""
    return Document(await engine.subscribers.retry(step, caller))


@router.get("/leaks", response_model=LeakReport, responses=answers(example.LEAKS), openapi_extra=_KNOWN)
async def leaks(engine: EngineHere, caller: Reader) -> Document:
    """Compare what the store, the IPAM, the kernel and the DHCPv6 server say, now; POST /plan repair-leak mends."""
    return Document(await engine.leaks.report(caller))


def _told(done: IPv6OperationResponse) -> Document:
    """Return the answer of an operation: 202 while it waits for another system."""
    return Document(done, HTTPStatus.ACCEPTED if done.pending and not done.success else HTTPStatus.OK)
