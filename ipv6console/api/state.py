"""What the engine knows: the state document, health, kept events."""

from __future__ import annotations

from fastapi import APIRouter

from ipv6console.api import example
from ipv6console.api.answers import answers
from ipv6console.api.caller import EngineHere, Reader
from ipv6console.api.document import Document
from ipv6console.api.parameter import Actor, AtLeast, Before, From, Kind, Limit, Moment, Since, Subject, Until, Words
from ipv6console.wire.event import EventFilter, EventPage
from ipv6console.wire.health import Health
from ipv6console.wire.rewind import RewindSpan
from ipv6console.wire.state import State

router = APIRouter(tags=["state"])


@router.get("/state", response_model=State, responses=answers(example.STATE, problems=(404,)))
async def state(engine: EngineHere, caller: Reader, at: Moment = None) -> Document:
    """Return the whole state document; the WebSocket /stream sends it and then what changes.

    With `at` the one of that second, while it is kept.
    """
    return Document(engine.state() if at is None else engine.state_at(at))


@router.get("/rewind", response_model=RewindSpan, responses=answers(example.REWIND))
async def rewind(engine: EngineHere, caller: Reader) -> Document:
    """Say how far back GET /state?at= reaches: a state a second, for half an hour at most."""
    return Document(engine.rewind.span)


@router.get("/health", response_model=Health, responses=answers(example.HEALTH))
async def health(engine: EngineHere, caller: Reader) -> Document:
    """Say whether the engine can do its work; always 200 while it answers, `level` is the verdict."""
    return Document(engine.health())


@router.get("/events", response_model=EventPage, responses=answers(example.EVENTS))
async def events(
    *,
    engine: EngineHere,
    caller: Reader,
    since: Since = 0,
    before: Before = None,
    level: AtLeast = None,
    kind: Kind = None,
    subject: Subject = None,
    actor: Actor = None,
    text: Words = None,
    start: From = None,
    until: Until = None,
    limit: Limit = 100,
) -> Document:
    """Return kept events, oldest first; the WebSocket /events goes on with new ones.

    With `before` the newest below that id, to page backwards; every other parameter leaves out what it does not fit.
    """
    wanted = EventFilter(level=level, kind=kind, subject=subject, actor=actor, text=text, start=start, until=until)
    return Document(await engine.events(since, limit, wanted, before=before))
