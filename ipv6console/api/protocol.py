"""The HTTP and WebSocket protocols: uvicorn's, with the peer known and every wait bounded."""

from __future__ import annotations

import asyncio
import logging
from typing import Any, cast

from uvicorn._types import ASGI3Application, ASGISendEvent
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from uvicorn.server import ServerState

from ipv6console.api.limits import Limits
from ipv6console.api.peer import peer_of
from ipv6console.api.problem import TOO_SLOW, raw_answer
from ipv6console.wire.problem import Problem

_log = logging.getLogger(__name__)

_MALFORMED = Problem(
    type="malformed",
    title="This is not HTTP",
    status=400,
    detail="The request is not HTTP/1.1 as RFC 9112 has it.",
    next="Speak plain HTTP to this port: curl http://localhost, not https and nothing else.",
)
_LARGE_HEAD = Problem(
    type="headers-too-large",
    title="The headers are too large",
    status=431,
    detail="The request line and its headers are larger than this server reads.",
    next="Send less: 16 KiB in all; to open a WebSocket at most 100 headers of 4 KiB.",
)
_CROWDED = Problem(
    type="too-many-connections",
    title="Too many connections are open",
    status=503,
    detail="As many connections are open as the engine's limit of open files allows.",
    next="Close connections that are not needed, or raise the limit: ulimit -n, or LimitNOFILE= of the service.",
)
_FIRST_REQUEST = 0.3
"""Seconds that a connection without a request yet lives on when the server ends."""

_WEBSOCKET_HEADERS = 100
_WEBSOCKET_HEADER = 4096
_TOLD = 64
"""How many connections above the limit are told so; more are cut off, or the engine would run out of files."""


class _HeadTooLargeError(Exception):
    """Raised inside the parser to stop it."""


class Http(HttpToolsProtocol):
    """Puts the peer's credentials and `abort` into the request's state; bounds the head and slow senders."""

    leaving = False
    """Whether the server ends and the next answer is the last."""
    _last_words: Problem | None = None
    _running: RequestResponseCycle | None = None

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits: Limits = config.app.state.limits  # type: ignore[union-attr]  # ours, see server.run
        self._head = 0
        self._in_head = False
        self._refusal = _MALFORMED
        self._deadline: asyncio.TimerHandle | None = None
        self._wanted: float | None = None
        self._parsing = False
        self._changed = False
        self._crowded = False

    @property
    def _idle(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None until the first request
        return cycle is None or cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn narrows it
        """Learn who connected."""
        # A copy: the server shares one dict among all connections.
        self.app_state = {
            **self.app_state,
            "peer": peer_of(transport.get_extra_info("socket")),
            "abort": transport.abort,
        }
        super().connection_made(transport)
        most = self._limits.most_connections()
        self._crowded = len(self.connections) > most
        if len(self.connections) > most + _TOLD:
            transport.abort()
            return
        self._expect(self._limits.head_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the deadline, and tell whoever works on an answer."""
        self._expect(None)
        self._nobody_listens()
        super().connection_lost(exc)

    def eof_received(self) -> None:
        """Tell whoever works on an answer: what is written between this and the loss of the connection is an error."""
        self._nobody_listens()
        super().eof_received()

    def shutdown(self) -> None:
        """Close, once nothing is owed: whose connection was just made has a request on its way, and gets its answer."""
        if cast("RequestResponseCycle | None", self.cycle) is not None or self.leaving:
            super().shutdown()
            return
        self.leaving = True
        self.loop.call_later(_FIRST_REQUEST, self._leave)

    def on_response_complete(self) -> None:
        """Close after the answer when the server ends, or when nothing sensible came after what was answered."""
        self.say_last_words()
        super().on_response_complete()
        if self.leaving and not self.transport.is_closing():
            self.transport.close()

    def say_last_words(self) -> None:
        """Give the refusal that waited for the answers before it, once it is its turn, and close."""
        if self._last_words is not None and not self.pipeline and not self.transport.is_closing():
            self.transport.write(raw_answer(self._last_words))
            self.transport.close()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        self._running = cycle
        super()._start_asgi_task(cycle, app)

    def _nobody_listens(self) -> None:
        # uvicorn tells the newest request alone, which may be waiting for its turn.
        for cycle in (self._running, cast("RequestResponseCycle | None", self.cycle)):
            if cycle is not None and not cycle.response_complete:
                cycle.disconnected = True
                cycle.message_event.set()

    def _leave(self) -> None:
        if not self.transport.is_closing():
            super().shutdown()

    def data_received(self, data: bytes) -> None:
        """Parse, within the bounds."""
        if self._crowded:
            # Now, and not when it connected: a peer that is still sending would miss the answer.
            self._refuse(_CROWDED)
            return
        if self._last_words is not None:
            # Nothing more is taken from a connection that has been refused.
            return
        self._parsing = True
        if self._deadline is None and self._idle:
            self._expect(self._limits.head_seconds)
        super().data_received(data)
        self._parsing = False
        self._await()
        if self._in_head and not self.transport.is_closing():
            self._head += len(data)
            if self._head > self._limits.head:
                self._refuse(_LARGE_HEAD)

    def on_message_begin(self) -> None:
        """Start counting a request's head."""
        super().on_message_begin()
        self._head = 0
        self._in_head = True
        self._expect(self._limits.head_seconds)

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request line."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self._count(len(name) + len(value) + 4)
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start waiting for the body."""
        self.head_is_here()
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Stop waiting: the request is here."""
        self.body_is_here()
        super().on_message_complete()

    def head_is_here(self) -> None:
        """Wait for the body from now on."""
        self._in_head = False
        self._expect(self._limits.body_seconds)

    def body_is_here(self) -> None:
        """Wait for nothing more."""
        self._expect(None)

    def handle_websocket_upgrade(self) -> None:
        """Hand over to the WebSocket protocol, which has bounds of its own for headers and no answer for them."""
        self._expect(None)
        if (
            len(self.headers) > _WEBSOCKET_HEADERS
            or any(len(name) + len(value) > _WEBSOCKET_HEADER for name, value in self.headers)
            or len(self.url) > _WEBSOCKET_HEADER
        ):
            self._refuse(_LARGE_HEAD)
            return
        super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refused."""
        self._refuse(self._refusal)

    def _count(self, size: int) -> None:
        self._head += size
        if self._head > self._limits.head:
            self._refusal = _LARGE_HEAD
            raise _HeadTooLargeError

    def _refuse(self, problem: Problem) -> None:
        self._expect(None)
        if self.transport.is_closing():
            return
        if self.pipeline and self.pipeline[0][0].more_body:
            # The one that is refused: its head was well, and it waits for those before it.
            self.pipeline.popleft()
            self._last_words = problem
        elif self._idle or self._unanswered():
            self.transport.write(raw_answer(problem))
            self.transport.close()
        elif self.pipeline or not self.cycle.more_body:
            self._last_words = problem
        else:
            # Its own answer has begun, and nothing that is said now would be understood.
            self._nobody_listens()
            self.transport.close()

    def _unanswered(self) -> bool:
        """Return whether the next answer is due to the request that is arriving; the application will not give it then."""
        cycle: RequestResponseCycle | None = self.cycle
        if cycle is None or cycle.response_started or not cycle.more_body:
            return False
        cycle.disconnected = True
        cycle.message_event.set()
        return True

    def _expect(self, seconds: float | None) -> None:
        self._wanted, self._changed = seconds, True
        if not self._parsing:
            self._await()

    def _await(self) -> None:
        # Once for all that came at one time: most requests come whole, and need no timer at all.
        if not self._changed:
            return
        self._changed = False
        if self._deadline is not None:
            self._deadline.cancel()
        self._deadline = None if self._wanted is None else self.loop.call_later(self._wanted, self._too_slow)

    def _too_slow(self) -> None:
        self._deadline = None
        _log.info("closed a connection whose request did not arrive in time")
        self._refuse(TOO_SLOW)


class Stream(WebSocketsSansIOProtocol):
    """Closes within `close_timeout`; a peer that answers no ping is cut off, not waited for."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        limits: Limits = config.app.state.limits  # type: ignore[union-attr]  # ours, see server.run
        self.close_timeout = limits.close_timeout

    async def send(self, message: ASGISendEvent) -> None:
        """Send; a handshake that was refused is complete, too, and no error to log."""
        await super().send(message)
        if self.initial_response is not None and self.close_sent:
            self.handshake_complete = True

    def keepalive_timeout(self) -> None:
        """End the connection; one with unsent bytes would wait for them for as long as TCP does."""
        super().keepalive_timeout()
        if self.transport.get_write_buffer_size():
            self.transport.abort()
