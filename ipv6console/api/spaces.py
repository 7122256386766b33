"""Address spaces, their ranges and reservations."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Body

from ipv6console.api import spaceexample as example
from ipv6console.api.answers import answers, asked
from ipv6console.api.caller import EngineHere, Operator, Reader
from ipv6console.api.document import Document
from ipv6console.api.spaceparameter import Number, SomeSpace, SpaceName
from ipv6console.wire.space import (
    RangePage,
    RangeRequest,
    RangeRow,
    ReservationPage,
    ReservationRequest,
    ReservationRow,
    SpacePage,
    SpaceRequest,
    SpaceRow,
)

router = APIRouter(tags=["spaces"])


@router.get("/spaces", response_model=SpacePage, responses=answers(example.SPACES))
async def spaces(engine: EngineHere, caller: Reader) -> Document:
    """List the spaces the caller may see, with exact counts of their addresses."""
    return Document(engine.spaces.page(caller))


@router.post("/spaces", response_model=SpaceRow, responses=answers(example.SPACE_ROW, problems=(409, 413)))
async def create_space(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        SpaceRequest,
        Body(
            openapi_examples=asked(
                example={"name": "edge", "description": "Machines of the edge racks"},
                tenant={"name": "acme-lan", "tenant": "acme", "choice": "first", "quarantine": 0.0},
            )
        ),
    ],
) -> Document:
    """Make a space; it has no addresses before a range is added."""
    return Document(await engine.spaces.create(body, caller))


@router.get("/spaces/{name}", response_model=SpaceRow, responses=answers(example.SPACE_ROW, problems=(404,)))
async def space(engine: EngineHere, caller: Reader, name: SpaceName) -> Document:
    """Show one space."""
    return Document(engine.spaces.space(name, caller))


@router.delete("/spaces/{name}", response_model=SpaceRow, responses=answers(example.SPACE_ROW, problems=(404, 409)))
async def remove_space(engine: EngineHere, caller: Operator, name: SpaceName) -> Document:
    """Remove a space in which nothing is bound; its ranges and reservations go with it."""
    return Document(await engine.spaces.remove(name, caller))


@router.get("/ranges", response_model=RangePage, responses=answers(example.RANGES, problems=(404,)))
async def ranges(engine: EngineHere, caller: Reader, space: SomeSpace = None) -> Document:
    """List the ranges of one space, or of all."""
    return Document(engine.spaces.ranges(space, caller))


@router.post("/ranges", response_model=RangeRow, responses=answers(example.RANGE_ROW, problems=(404, 409, 413)))
async def add_range(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        RangeRequest,
        Body(
            openapi_examples=asked(
                example={"space": "edge", "range": "2001:db8:5::/64"},
                first_to_last={"space": "edge", "range": "192.0.2.10-192.0.2.99", "description": "old rack"},
            )
        ),
    ],
) -> Document:
    """Add a range to a space: a CIDR, FIRST-LAST or one address; it may overlap no other of the space."""
    return Document(await engine.spaces.add_range(body, caller))


@router.delete("/ranges/{number}", response_model=RangeRow, responses=answers(example.RANGE_ROW, problems=(404, 409)))
async def remove_range(engine: EngineHere, caller: Operator, number: Number) -> Document:
    """Take a range out of its space; nothing of it may be bound or delegated."""
    return Document(await engine.spaces.remove_range(number, caller))


@router.get("/reservations", response_model=ReservationPage, responses=answers(example.RESERVATIONS, problems=(404,)))
async def reservations(engine: EngineHere, caller: Reader, space: SomeSpace = None) -> Document:
    """List the reservations of one space, or of all."""
    return Document(engine.spaces.reservations(space, caller))


@router.post(
    "/reservations",
    response_model=ReservationRow,
    responses=answers(example.RESERVATION_ROW, problems=(404, 409, 413)),
)
async def reserve(
    engine: EngineHere,
    caller: Operator,
    body: Annotated[
        ReservationRequest,
        Body(
            openapi_examples=asked(
                example={"space": "edge", "range": "2001:db8:5::1", "reason": "gateway"},
                several={"space": "edge", "range": "192.0.2.0-192.0.2.9", "reason": "switches"},
            )
        ),
    ],
) -> Document:
    """Keep addresses of a space from being handed out: gateways, machines that were there before."""
    return Document(await engine.spaces.reserve(body, caller))


@router.delete(
    "/reservations/{number}",
    response_model=ReservationRow,
    responses=answers(example.RESERVATION_ROW, problems=(404, 409)),
)
async def unreserve(engine: EngineHere, caller: Operator, number: Number) -> Document:
    """End a reservation; its addresses may be handed out again."""
    return Document(await engine.spaces.unreserve(number, caller))
