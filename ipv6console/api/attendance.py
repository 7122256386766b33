"""Long work for one caller, given up when nobody waits for it any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from starlette.requests import Request

from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import NotFound, Unavailable
from ipv6console.wire.reply import PickReply, PicksReply, Reply

T = TypeVar("T")


async def attend(
    request: Request, work: Coroutine[Any, Any, T], undo: Callable[[T], Awaitable[object]], stop: asyncio.Event
) -> T | None:
    """Return what `work` gives, or None when the caller hung up: `work` was cancelled, or came too late and was undone.

    Raises Unavailable when the server was told to `stop` first.
    """
    working = asyncio.create_task(work)
    leaving = asyncio.create_task(_departure(request))
    stopping = asyncio.create_task(stop.wait())
    tasks = (working, leaving, stopping)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    if not leaving.cancelled():
        leaving.result()
        if not working.cancelled() and working.exception() is None:
            await undo(working.result())
        return None
    if working.cancelled():
        raise Unavailable("the engine is stopping", next="ask again in some seconds")
    return working.result()


async def give_back(engine: Engine, reply: PickReply | PicksReply | Reply) -> None:
    """End what `reply` leased to a caller who had hung up by then: nobody else knows the tokens."""
    match reply:
        case PickReply(lease=str(token)):
            tokens: tuple[str, ...] = (token,)
        case PicksReply():
            tokens = tuple(lease.lease for lease in reply.leases)
        case _:
            return
    for token in tokens:
        with suppress(NotFound):
            # Somebody flushed the mirror meanwhile.
            await engine.release(token)


async def _departure(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass  # a body nobody asked for
