"""The hot path: picks and reports answered in the HTTP protocol itself, without the framework's cost for each request.

It stands on parts of uvicorn that are nobody's contract. `hot_protocol` looks whether they are as they were when this was
written, and says so when they are not; the framework then answers everything, with the same bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from http.client import INTERNAL_SERVER_ERROR
from typing import Any, cast

import uvicorn
from uvicorn._types import HTTPScope
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ipv6console.api.access import Access, unmapped
from ipv6console.api.attendance import give_back
from ipv6console.api.document import render
from ipv6console.api.parting import farewell
from ipv6console.api.protocol import Http
from ipv6console.api.refusal import response_to
from ipv6console.api.turn import READERS, Reader, Turn
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.engine import Engine
from ipv6console.engine.errors import Refusal
from ipv6console.engine.traffic import Traffic

_log = logging.getLogger(__name__)

KNOWN = "0.54."
"""The releases of uvicorn this was written for."""

_NEEDED = (
    "on_headers_complete", "on_body", "on_message_complete", "on_response_complete", "_start_asgi_task",
    "_unset_keepalive_if_required", "timeout_keep_alive_handler",
)  # fmt: skip
_LONGEST_BODY = 64 << 10
_MOST_ADMITTED = 16
_FIRST = (b"/pi", b"/re")
_JSON = b"application/json"

Headers = list[tuple[bytes, bytes]]


class _Nobody:
    """Waits for nothing."""

    def set(self) -> None:
        """Wake nobody."""


class _Busy:
    """Stands where uvicorn keeps the request under way; what uvicorn does to that one has to work on this one."""

    def __init__(self, scope: HTTPScope, url: bytes, *, keep_alive: bool) -> None:
        self.scope = scope
        self.url = url
        self.keep_alive = keep_alive
        self.more_body = False
        self.response_started = self.response_complete = False
        self.disconnected = False
        self.message_event = _Nobody()


class HotHttp(Http):
    """Answers what READERS can read; everything else, and every mistake, goes to the framework untouched."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        state = config.app.state  # type: ignore[union-attr]  # ours, see server.run
        self._engine: Engine = state.engine
        self._access: Access = state.access
        self._traffic: Traffic = state.engine.traffic
        self._stop: asyncio.Event = state.stop
        self._reader: Reader | None = None
        self._caller: Caller | None = None
        self._query = b""
        self._body = b""
        self._admitted: dict[tuple[tuple[bytes, bytes], ...], Caller] = {}
        self._rests_since: float | None = None
        self._common: Headers | None = None
        self._begun = b""

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for no further request."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def on_response_complete(self) -> None:
        """Go on with a request that was sent ahead, or rest; leave when the server ends.

        There is one timer for all rests: to make one costs a tenth of a pick.
        """
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self.leaving:
            self.transport.close()
            return
        self._rests_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._rest(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close a connection that has rested for long enough."""
        self.timeout_keep_alive_task = None
        if self._rests_since is None:
            # A request is under way; the timer is set anew when it is answered.
            return
        left = self._rests_since + self.timeout_keep_alive - self.loop.time()
        if left > 0.0:
            self._rest(left)
        else:
            super().timeout_keep_alive_handler()

    def _rest(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def _unset_keepalive_if_required(self) -> None:
        self._rests_since = None

    def on_headers_complete(self) -> None:
        """Take the request when it is one of ours, else hand it on."""
        self._reader = self._plain_reader()
        if self._reader is None:
            self._traffic.framework += 1
            super().on_headers_complete()
            return
        self._body = b""
        self.head_is_here()

    def on_body(self, body: bytes) -> None:
        """Collect a small body."""
        if self._reader is None:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > _LONGEST_BODY:
            self._hand_on()

    def on_message_complete(self) -> None:
        """Answer the request, or hand it on when it is not as plain as it looked."""
        if self._reader is None:
            super().on_message_complete()
            return
        assert self._caller is not None  # noqa: S101 - set with the reader
        turn = self._reader(self._engine, self._caller, self._query, self._body)
        if turn is None:
            self._hand_on()
            super().on_message_complete()
            return
        self.body_is_here()
        busy = _Busy(self.scope, self.url, keep_alive=self.parser.should_keep_alive())
        self.cycle = cast("RequestResponseCycle", busy)
        self._run(self._answer(busy, turn))

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _plain_reader(self) -> Reader | None:
        if self.url[:3] not in _FIRST or not self._idle or self.pipeline:
            return None
        path, _, query = self.url.partition(b"?")
        reader = READERS.get((self.parser.get_method(), path))
        if reader is None or self.expect_100_continue or self.parser.should_upgrade():
            return None
        if self.parser.get_http_version() != "1.1" or not self._plain_body():
            return None
        self._caller = self._admit()
        if self._caller is None:
            return None
        self._query = query
        self.scope["path"], self.scope["method"] = path.decode("ascii"), self.parser.get_method().decode("ascii")
        return reader

    def _plain_body(self) -> bool:
        """Return whether the body, if there is one, is of a known small length and JSON."""
        post = self.parser.get_method() == b"POST"
        length = kind = None
        for name, value in self.headers:
            if name == b"content-length":
                if length is not None:
                    return False
                length = value
            elif name == b"content-type":
                if kind is not None:
                    return False
                kind = value
            elif name == b"transfer-encoding":
                return False
        if not post:
            return length in (None, b"0")
        return kind == _JSON and length is not None and length.isdigit() and int(length) <= _LONGEST_BODY

    def _admit(self) -> Caller | None:
        """Return the caller if it may scrape; refusals are the framework's to word."""
        key = tuple(self.headers)
        known = self._admitted.get(key)
        if known is not None:
            return known
        client = None if self.client is None else (unmapped(self.client[0]), self.client[1])
        scope = {"headers": self.headers, "state": self.app_state, "client": client, "server": self.server}
        try:
            caller = self._access.admit(scope)
        except Refusal:
            return None
        if Scope.SCRAPE not in caller.scopes:
            return None
        if caller.token is None:
            # A token may be revoked between two requests; where one calls from stays what it is.
            if len(self._admitted) >= _MOST_ADMITTED:
                self._admitted.clear()
            self._admitted[key] = caller
        return caller

    def _hand_on(self) -> None:
        """Let the framework have the request, from its head on."""
        self._reader = None
        self._traffic.framework += 1
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)

    async def _answer(self, busy: _Busy, turn: Turn) -> None:
        try:
            reply = await turn.answer
        except asyncio.CancelledError:
            if self._stop.is_set() and not busy.disconnected:
                busy.keep_alive = False
                response = farewell()
                self._send(busy, response.status_code, response.raw_headers, bytes(response.body))
            raise
        except Exception as error:  # noqa: BLE001 - every error is an answer, as it is in the framework
            response = response_to(error, busy.scope)
            if response.status_code == INTERNAL_SERVER_ERROR:
                _log.exception("the hot path ended a request with")
                busy.keep_alive = False
            status, body = response.status_code, bytes(response.body)
            headers: Headers | None = response.raw_headers
        else:
            if busy.disconnected:
                await give_back(self._engine, reply)
                return
            if turn.waits and not reply.success:
                await self._let_wait(busy)
                return
            body = render(reply)
            status, headers = 200, None
        if self.flow.write_paused and not busy.disconnected:
            await self.flow.drain()
        if busy.disconnected:
            return
        self._send(busy, status, headers, body)

    def _send(self, busy: _Busy, status: int, headers: Headers | None, body: bytes) -> None:
        """Send an answer; with None as headers those of a document."""
        self._traffic.hot += 1
        told = busy.keep_alive
        if headers is None:
            head = b"%scontent-length: %d\r\ncontent-type: application/json\r\n" % (self._start(), len(body))
        else:
            told = told or any(name == b"connection" for name, _ in headers)
            head = STATUS_LINE[status] + _lines(self.server_state.default_headers) + _lines(headers)
        self.transport.write(b"%s%s%s" % (head, b"\r\n" if told else b"connection: close\r\n\r\n", body))
        busy.response_complete = True
        if not busy.keep_alive:
            self.transport.close()
        self.on_response_complete()

    def _start(self) -> bytes:
        """Return how every document's answer begins; the date changes once a second, and the server's headers with it."""
        common = self.server_state.default_headers
        if common is not self._common:
            self._common, self._begun = common, STATUS_LINE[200] + _lines(common)
        return self._begun

    async def _let_wait(self, busy: _Busy) -> None:
        """Let the framework have a request for which there is nothing yet: it knows when its caller hangs up."""
        self._traffic.framework += 1
        path, _, query = busy.url.partition(b"?")
        scope = busy.scope
        scope["raw_path"], scope["query_string"] = path, query
        cycle = RequestResponseCycle(
            scope=scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=busy.keep_alive,
            on_response=self.on_response_complete,
        )
        cycle.more_body = False
        cycle.message_event.set()
        cycle.disconnected = busy.disconnected
        if self.cycle is cast("RequestResponseCycle", busy):
            self.cycle = cycle
        busy.response_complete = True
        await cycle.run_asgi(self.app)


def _lines(headers: Headers) -> bytes:
    return b"".join([b"%s: %s\r\n" % header for header in headers])


def hot_protocol(*, wanted: bool) -> type[Http]:
    """Return the protocol to serve with: the hot one where it is wanted and uvicorn is as it is known."""
    if not wanted:
        return Http
    missing = [name for name in _NEEDED if not hasattr(HttpToolsProtocol, name)]
    if missing or not uvicorn.__version__.startswith(KNOWN):
        _log.warning(
            "picks and reports go the slow way: uvicorn is %s%s, and the hot path knows %sx; install that, "
            "or set hot_path = false in [engine] to be told no more",
            uvicorn.__version__,
            f" without {', '.join(missing)}" if missing else "",
            KNOWN,
        )
        return Http
    return HotHttp
