"""The engine's two WebSocket streams, opened once or followed over lost connections. asyncio only."""

from __future__ import annotations

import json
import logging
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ipv6console.client.errors import EngineRefused, EngineUnreachable, unreachable
from ipv6console.client.place import Place
from ipv6console.client.token import authorization
from ipv6console.wire.codec import WireError, decode
from ipv6console.wire.frame import DeltaFrame, EventsFrame, MissedFrame, StateFrame
from ipv6console.wire.presence import Presence
from ipv6console.wire.problem import Problem

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

MAX_FRAME = 16 * 2**20
"""Bytes of the largest frame taken: a state document with a thousand mirrors is well below."""

JITTER = 0.2
"""Share of the interval by which a reconnect comes earlier or later, so that watchers do not come back all at once."""


@dataclass(frozen=True, slots=True)
class Connected:
    """The stream is open (again)."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The stream is lost; what was read before is stale. Try number `attempt` comes in `retry_in` seconds."""

    cause: str
    attempt: int
    retry_in: float


Frame = StateFrame | DeltaFrame | EventsFrame | MissedFrame
StateNews = Frame | Connected | Disconnected
EventNews = EventsFrame | Connected | Disconnected

_KINDS: dict[str, type[Frame]] = {
    "state": StateFrame,
    "delta": DeltaFrame,
    "events": EventsFrame,
    "missed": MissedFrame,
}


def parse_frame(text: str | bytes) -> Frame | None:
    """Return the frame in `text`, None for a kind this client does not know; raises WireError."""
    try:
        data = json.loads(text)
    except ValueError as error:
        raise WireError(f"a frame is JSON: {error}") from error
    if not isinstance(data, dict) or "type" not in data:
        raise WireError("a frame is an object with a type")
    kind = _KINDS.get(data["type"])
    return None if kind is None else decode(kind, data)


def events_path(since: int | None) -> str:
    """Return the path of the event stream that begins after id `since`, or now."""
    return "/events" if since is None else f"/events?since={since}"


def state_path(presence: Presence | None) -> str:
    """Return the path of the state stream, watched by somebody who introduces himself, or by nobody in particular."""
    if presence is None:
        return "/stream"
    read_only = "true" if presence.read_only else "false"
    return "/stream?" + urlencode({"name": presence.name, "kind": presence.kind.value, "read_only": read_only})


@asynccontextmanager
async def open_stream(
    place: Place,
    path: str,
    timeout: float,  # noqa: ASYNC109 - seconds to open, not to live
    token: str | None = None,
) -> AsyncIterator[AsyncIterator[Frame]]:
    """Open one WebSocket; the iterator ends in EngineUnreachable when the connection does.

    Raises EngineUnreachable, and EngineRefused when the engine declines the stream.
    """
    connection = await _connect(place, path, timeout, token)
    try:
        yield _frames(place, connection)
    finally:
        try:
            await connection.close()
        except BaseException:
            # Cancelled while the engine had not said goodbye yet: nobody else would ever close the socket.
            connection.transport.abort()
            raise


async def _connect(place: Place, path: str, open_timeout: float, token: str | None) -> ClientConnection:
    from websockets.asyncio.client import connect  # noqa: PLC0415 - 80 ms only watchers need
    from websockets.exceptions import InvalidHandshake, InvalidStatus  # noqa: PLC0415 - as above

    class Straight(connect):
        def process_redirect(self, exc: Exception) -> Exception | str:
            return exc  # a redirect would show the token to whoever it leads to

    options: dict[str, Any] = {
        "additional_headers": authorization(token),
        "compression": None,
        "logger": _quiet_logger(),
        "max_size": MAX_FRAME,
        "open_timeout": open_timeout,
        "proxy": None,
    }
    if place.socket:
        options |= {"unix": True, "path": place.socket}
    try:
        return await Straight(place.stream_url(path), **options)
    except InvalidStatus as error:
        raise EngineRefused(_declined(error.response.status_code, error.response.body)) from error
    except (OSError, InvalidHandshake) as error:
        raise unreachable(str(place), str(error) or type(error).__name__, error) from error


def _quiet_logger() -> logging.Logger:
    """Return the logger of the WebSocket library, which at DEBUG would write the token down with the headers."""
    logger = logging.getLogger("ipv6console.client.stream")
    logger.setLevel(logging.INFO)
    return logger


def _declined(status: int, body: bytes | bytearray | None) -> Problem:
    try:
        return decode(Problem, json.loads(body or b""))
    except ValueError:
        return Problem(
            type="about:blank",
            title=f"HTTP {status}",
            status=status,
            detail="the stream was declined",
            next="check that the URL or socket belongs to an ipv6console engine and that you may read it",
        )


async def _frames(place: Place, connection: ClientConnection) -> AsyncIterator[Frame]:
    from websockets.exceptions import ConnectionClosed  # noqa: PLC0415 - 80 ms only watchers need

    while True:
        try:
            text = await connection.recv()
        except ConnectionClosed as error:
            raise EngineUnreachable(str(place), f"the stream ended: {error}") from error
        frame = parse_frame(text)
        if frame is not None:
            yield frame


class Follower:
    """Reconnects `interval` seconds (± JITTER) after a loss, up to `attempts` times in a row; None never gives up.

    An engine that declines with 503, because it is stopping or has too many connections, is one that is lost.
    """

    def __init__(
        self,
        place: Place,
        timeout: float,
        *,
        attempts: int | None,
        interval: float,
        token: str | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        import asyncio  # noqa: PLC0415 - only watchers need it

        self._place = place
        self._timeout = timeout
        self._attempts = attempts
        self._interval = interval
        self._token = token
        self._sleep = sleep or asyncio.sleep
        self._failures = 0

    async def state(self, presence: Presence | None = None) -> AsyncGenerator[StateNews, None]:
        """Yield the frames of /stream, with Connected and Disconnected where they belong."""
        while True:
            async with aclosing(self._connection(state_path(presence))) as news:
                async for item in news:
                    yield item

    async def events(self, since: int | None) -> AsyncGenerator[EventNews, None]:
        """Yield every event above `since` once (None: what comes from now on).

        After a gap the stream is opened anew, which replays what is missing.
        """
        last = since
        while True:
            async with aclosing(self._connection(events_path(last))) as news:
                async for item in news:
                    if isinstance(item, MissedFrame):
                        break
                    if isinstance(item, Connected | Disconnected):
                        yield item
                    elif isinstance(item, EventsFrame) and item.events:
                        last = item.events[-1].id
                        yield item

    async def _connection(self, path: str) -> AsyncGenerator[StateNews, None]:
        """Yield what one connection brings, and after its loss a Disconnected and the pause."""
        try:
            async with open_stream(self._place, path, self._timeout, self._token) as frames:
                self._failures = 0
                yield Connected()
                async for frame in frames:
                    yield frame
        except (EngineUnreachable, EngineRefused) as error:
            if isinstance(error, EngineRefused) and error.status != HTTPStatus.SERVICE_UNAVAILABLE:
                raise
            self._failures += 1
            if self._attempts is not None and self._failures > self._attempts:
                raise
            cause = error.detail if isinstance(error, EngineRefused) else error.cause
            retry_in = self._interval * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, hides nothing
            yield Disconnected(cause, self._failures, retry_in)
            await self._sleep(retry_in)
