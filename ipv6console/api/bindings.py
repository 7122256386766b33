"""Bindings: addresses that belong to a resource until they are released."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body
from pydantic import BaseModel

from ipv6console.api import spaceexample as example
from ipv6console.api.answers import answers, asked
from ipv6console.api.caller import EngineHere, Operator, Reader
from ipv6console.api.document import Document
from ipv6console.api.parameter import Cursor, Limit
from ipv6console.api.spaceparameter import (
    AddressPath,
    OneId,
    OneInstance,
    OneOfTheAddresses,
    OneSpace,
    SomeAddresses,
    SomeId,
    SomeInstance,
    SomeKind,
    SomeResource,
    SomeSpace,
    SomeTag,
    SomeText,
    SpaceName,
)
from ipv6console.wire.space import (
    BindingHistory,
    BindingPage,
    BindingReleased,
    BindingReply,
    BindingRequest,
    BindingRow,
    BindingsReply,
)

router = APIRouter(tags=["bindings"])
_MAC = {"space": "edge", "instance": "rack1", "id": "nic0", "kind": "mac", "resource": "02:00:5e:10:00:17"}
_POD = {
    "space": "edge",
    "instance": "cluster1",
    "id": "shop/web-0",
    "kind": "pod",
    "resource": "web-0",
    "tags": ["blue"],
    "ttl": 86_400.0,
}


class BulkBody(BaseModel):
    """Addresses to bind, up to 1,000: all of them or none."""

    bindings: list[BindingRequest]


@router.get("/bindings", response_model=BindingPage, responses=answers(example.BINDINGS, problems=(404,)))
async def bindings(
    *,
    engine: EngineHere,
    caller: Reader,
    space: SomeSpace = None,
    instance: SomeInstance = None,
    id: SomeId = None,  # noqa: A002 - the word of the documents
    kind: SomeKind = None,
    resource: SomeResource = None,
    address: SomeAddresses = None,
    tag: SomeTag = None,
    text: SomeText = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Document:
    """List bindings that fit every filter; `next` of the answer is the `cursor` that continues the list.

    A page looks at a bounded number of bindings: it may be short of `limit` and yet have a `next`, and `total` counts then
    what was found so far.
    """
    return Document(
        engine.spaces.bindings(
            caller,
            space=space,
            instance=instance,
            id=id,
            kind=kind,
            resource=resource,
            address=address,
            tag=tag,
            text=text,
            cursor=cursor,
            limit=limit,
        )
    )


@router.post(
    "/bindings",
    response_model=BindingReply,
    responses=answers(example.BOUND, example.BOUND_BEFORE, problems=(404, 409, 413)),
)
async def bind(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        BindingRequest, Body(openapi_examples=asked(example=_MAC, pod=_POD, certain={**_MAC, "address": example.ADDR}))
    ],
) -> Document:
    """Bind an address, a certain one or any that is free; the same (instance, id) is given what it has already."""
    return Document(await engine.spaces.bind(body, caller))


@router.post(
    "/bindings/bulk",
    response_model=BindingsReply,
    responses=answers(example.BOUND_ALL, problems=(404, 409, 413)),
)
async def bind_all(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[BulkBody, Body(openapi_examples=asked(example={"bindings": [_MAC, _POD]}))],
) -> Document:
    """Bind up to 1,000 addresses: all of them, or none when one cannot be."""
    return Document(await engine.spaces.bind_all(body.bindings, caller))


@router.delete("/bindings", response_model=BindingReleased, responses=answers(example.RELEASED, problems=(404, 409)))
async def release_id(
    engine: EngineHere,
    caller: Operator,
    space: OneSpace,
    instance: OneInstance,
    id: OneId,  # noqa: A002 - the word of the documents
) -> Document:
    """Release what an (instance, id) has. A whole instance is released in two steps: POST /plan, POST /apply."""
    return Document(await engine.spaces.release_id(space, instance, id, caller))


@router.get("/bindings/history", response_model=BindingHistory, responses=answers(example.HISTORY, problems=(404,)))
async def binding_history(
    *,
    engine: EngineHere,
    caller: Reader,
    space: OneSpace,
    address: OneOfTheAddresses = None,
    instance: SomeInstance = None,
    limit: Limit = 100,
) -> Document:
    """Say which bindings of a space ended, when and why, newest first: of one address, of one instance."""
    return Document(await engine.spaces.history(space, caller, address=address, instance=instance, limit=limit))


@router.get(
    "/bindings/{name}/{address}", response_model=BindingRow, responses=answers(example.BINDING_ROW, problems=(404,))
)
async def binding(engine: EngineHere, caller: Reader, name: SpaceName, address: AddressPath) -> Document:
    """Say what an address of a space is bound to."""
    return Document(engine.spaces.binding(name, address, caller))


@router.delete(
    "/bindings/{name}/{address}",
    response_model=BindingReleased,
    responses=answers(example.RELEASED, problems=(404, 409)),
)
async def release_binding(engine: EngineHere, caller: Operator, name: SpaceName, address: AddressPath) -> Document:
    """Release an address; it rests for as long as its space says before it is bound again."""
    return Document(await engine.spaces.release(name, address, caller))
