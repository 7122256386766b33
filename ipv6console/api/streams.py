"""The two WebSocket streams: the state document with its deltas, and events."""

from __future__ import annotations

from functools import partial

from fastapi import APIRouter, WebSocket

from ipv6console.api.caller import EngineHere, Reader
from ipv6console.api.limits import Limits
from ipv6console.api.parameter import SomeSince, WatcherName
from ipv6console.api.watcher import Watcher
from ipv6console.engine.caller import Caller
from ipv6console.engine.engine import Engine
from ipv6console.wire.frame import DeltaFrame, EventsFrame, MissedFrame, StateFrame
from ipv6console.wire.presence import Presence, WatcherKind

_PAGE = 200

router = APIRouter()


@router.websocket("/stream")
async def stream(
    *,
    websocket: WebSocket,
    engine: EngineHere,
    caller: Reader,
    name: WatcherName = "",
    kind: WatcherKind = WatcherKind.CLIENT,
    read_only: bool = False,
) -> None:
    """Send the state document, then its deltas; after a gap how many were missed and the document again.

    `name`, `kind` and `read_only` are what the other watchers are shown of this one.
    """
    limits: Limits = websocket.app.state.limits
    watcher = Watcher(websocket, caller, limits.send_seconds)
    presence = Presence(name=name, kind=kind, read_only=read_only)
    pump = partial(_pump_states, engine, limits.queue, presence, caller)
    await watcher.serve(pump, partial(_watching, engine))


@router.websocket("/events")
async def events(websocket: WebSocket, engine: EngineHere, caller: Reader, since: SomeSince = None) -> None:
    """Send events as they come, with `since` all kept ones above that id first."""
    limits: Limits = websocket.app.state.limits
    watcher = Watcher(websocket, caller, limits.send_seconds)
    await watcher.serve(partial(_pump_events, engine, limits.queue, since), partial(_watching, engine))


def _watching(engine: Engine) -> int:
    return engine.states.watchers + engine.news.watchers


async def _pump_states(engine: Engine, queue: int, presence: Presence, caller: Caller, watcher: Watcher) -> None:
    with engine.states.subscribe(queue) as subscription, engine.presence.listing(presence, caller):
        generation = await _send_state(engine, watcher)
        while True:
            deltas, missed = await subscription.next()
            if missed:
                await watcher.send(MissedFrame(count=missed))
                generation = await _send_state(engine, watcher)
            for delta in deltas:
                if delta.generation <= generation:
                    continue  # the document sent last has it already
                await watcher.send(DeltaFrame(delta=delta))
                generation = delta.generation


async def _send_state(engine: Engine, watcher: Watcher) -> int:
    state = engine.state()
    await watcher.send(StateFrame(state=state))
    return state.generation


async def _pump_events(engine: Engine, queue: int, since: int | None, watcher: Watcher) -> None:
    with engine.news.subscribe(queue) as subscription:
        last = -1 if since is None else await _replay(engine, watcher, since)
        replayed = since is not None
        while True:
            found, missed = await subscription.next()
            if missed and replayed:
                last = await _replay(engine, watcher, last)  # it came while the kept ones were sent, and is kept too
            elif missed:
                await watcher.send(MissedFrame(count=missed))
            else:
                replayed = False
            fresh = tuple(event for event in found if event.id > last)
            if fresh:
                await watcher.send(EventsFrame(events=fresh))
                last = fresh[-1].id


async def _replay(engine: Engine, watcher: Watcher, since: int) -> int:
    page = await engine.events(since, _PAGE)
    # An id the engine never gave is from another life of its database: nothing above it would ever come.
    last = min(since, page.last)
    while page.events:
        await watcher.send(EventsFrame(events=page.events))
        last = page.events[-1].id
        page = await engine.events(last, _PAGE)
    return last
