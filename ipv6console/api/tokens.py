"""Bearer tokens: list, make, revoke; operators only."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body, Request

from ipv6console.api import example
from ipv6console.api.answers import answers, asked
from ipv6console.api.body import TokenBody
from ipv6console.api.caller import EngineHere, Operator
from ipv6console.api.document import Document
from ipv6console.api.parameter import TokenName
from ipv6console.wire.token import TokenCreated, TokenPage, TokenRow

router = APIRouter(tags=["tokens"])


@router.get("/tokens", response_model=TokenPage, responses=answers(example.TOKENS))
async def tokens(engine: EngineHere, caller: Operator) -> Document:
    """List the tokens, without their secrets."""
    return Document(TokenPage(tokens=engine.tokens()))


@router.post("/tokens", response_model=TokenCreated, responses=answers(example.TOKEN_CREATED, problems=(413,)))
async def create_token(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        TokenBody,
        Body(
            openapi_examples=asked(
                example={"name": "grafana", "scope": "read"},
                tenant={"name": "acme-billing", "scope": "operate", "tenant": "acme"},
            )
        ),
    ],
) -> Document:
    """Make a token; this answer alone shows it, the engine keeps only its digest."""
    created = await engine.create_token(body.name, body.scope, caller, tenant=body.tenant)
    return Document(created, headers={"cache-control": "no-store"})


@router.delete("/tokens/{name}", response_model=TokenRow, responses=answers(example.TOKEN_ROW, problems=(404,)))
async def revoke_token(request: Request, engine: EngineHere, caller: Operator, name: TokenName) -> Document:
    """End a token; from now on it opens nothing, and who watches a stream by it is sent away."""
    row = await engine.revoke_token(name, caller)
    request.app.state.watchers.dismiss(name)
    return Document(row)
