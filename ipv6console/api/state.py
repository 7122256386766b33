"""What the engine knows: the state document, health, kept events."""

from __future__ import annotations

from fastapi import APIRouter

from ipv6console.api import example
from ipv6console.api.answers import answers
from ipv6console.api.caller import EngineHere, Reader
from ipv6console.api.document import Document
from ipv6console.api.parameter import Limit, Since
from ipv6console.wire.event import EventPage
from ipv6console.wire.health import Health
from ipv6console.wire.state import State

router = APIRouter(tags=["state"])


@router.get("/state", response_model=State, responses=answers(example.STATE))
async def state(engine: EngineHere, caller: Reader) -> Document:
    """Return the whole state document; the WebSocket /stream sends it and then what changes."""
    return Document(engine.state())


@router.get("/health", response_model=Health, responses=answers(example.HEALTH))
async def health(engine: EngineHere, caller: Reader) -> Document:
    """Say whether the engine can do its work; always 200 while it answers, `level` is the verdict."""
    return Document(engine.health())


@router.get("/events", response_model=EventPage, responses=answers(example.EVENTS))
async def events(engine: EngineHere, caller: Reader, since: Since = 0, limit: Limit = 100) -> Document:
    """Return kept events, oldest first; the WebSocket /events goes on with new ones."""
    return Document(await engine.events(since, limit))
