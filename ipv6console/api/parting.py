"""The last answer: whoever still waits when the server ends is told so."""

from __future__ import annotations

import asyncio

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ipv6console.api.problem import answer, problem_of
from ipv6console.engine.errors import Unavailable

_STOPPED = Unavailable(
    "The engine stopped before it had answered.",
    next="Ask again in some seconds; the engine's events tell what was done before.",
)


class Parting:
    """ASGI middleware that answers requests which the server gives up because it was told to `stop`."""

    def __init__(self, app: ASGIApp, stop: asyncio.Event) -> None:
        self._app = app
        self._stop = stop

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; when it is cancelled by the server's end, and nothing was sent yet, say that."""
        begun = False

        async def sending(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, sending)
        except asyncio.CancelledError:
            if begun or scope["type"] != "http" or not self._stop.is_set():
                raise
            await farewell()(scope, receive, send)


def farewell() -> Response:
    """Return the answer to a request the server gives up."""
    return answer(problem_of(_STOPPED), {"retry-after": "5", "connection": "close"})
