"""Leases: list, renew, release."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Body, Query

from ipv6console.api import example
from ipv6console.api.answers import answers, asked
from ipv6console.api.body import RenewBody
from ipv6console.api.caller import EngineHere, Reader, Scraper
from ipv6console.api.document import Document
from ipv6console.api.parameter import Cursor, Limit, SomeDbname, Token
from ipv6console.wire.lease import LeasePage
from ipv6console.wire.reply import LeaseReply

router = APIRouter(tags=["leases"])


@router.get("/leases", response_model=LeasePage, responses=answers(example.LEASES, problems=(404,)))
async def leases(
    engine: EngineHere, caller: Reader, dbname: SomeDbname = None, cursor: Cursor = None, limit: Limit = 100
) -> Document:
    """List live leases, of one mirror or all; tokens are never listed."""
    return Document(engine.leases(dbname, cursor, limit))


@router.post(
    "/leases/{token}/renew", response_model=LeaseReply, responses=answers(example.RENEWED, problems=(404, 409, 413))
)
async def renew(
    engine: EngineHere,
    caller: Scraper,
    token: Token,
    body: Annotated[RenewBody | None, Body(openapi_examples=asked(example={"ttl": 600.0}))] = None,
) -> Document:
    """Let a lease last for another while from now."""
    return Document(await engine.renew(token, body.ttl if body else None))


@router.delete("/leases/{token}", response_model=LeaseReply, responses=answers(example.RELEASED, problems=(404, 409)))
async def release(
    engine: EngineHere,
    caller: Scraper,
    token: Token,
    status: Annotated[Literal["idle", "bad"], Query(description="The verdict.", examples=["idle"])] = "idle",
) -> Document:
    """End a lease."""
    return Document(await engine.release(token, status))
