"""The hot path: picks and reports answered in the HTTP protocol itself, without the framework's cost for each request.

It stands on parts of uvicorn that are nobody's contract. `hot_protocol` looks whether they are as they were when this was
written, and says so when they are not; the framework then answers everything, with the same bytes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from functools import partial
from http.client import INTERNAL_SERVER_ERROR
from typing import Any, cast

import uvicorn
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ipv6console.api.access import Access, unmapped
from ipv6console.api.asked import Asked, Busy, Heads
from ipv6console.api.parting import farewell
from ipv6console.api.protocol import Http
from ipv6console.api.refusal import response_to
from ipv6console.api.turn import READERS
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.decision import Decision
from ipv6console.engine.errors import Refusal
from ipv6console.engine.leasing import Leasing
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


class HotHttp(Http):
    """Answers what READERS can read; everything else, and every mistake, goes to the framework untouched.

    The head of a request that was answered here is remembered: one that has the same bytes says the same, and is not parsed.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        state = config.app.state  # type: ignore[union-attr]  # ours, see server.run
        self._leasing: Leasing = state.engine.leasing
        self._access: Access = state.access
        self._traffic: Traffic = state.engine.traffic
        self._stop: asyncio.Event = state.stop
        self._asked: Asked | None = None
        self._body = b""
        self._admitted: dict[tuple[tuple[bytes, bytes], ...], Caller] = {}
        self._heads = Heads()
        self._learnt: Asked | None = None
        self._messages = 0
        self._parsed = True
        self._rests = False
        self._rests_since: float | None = None
        self._common: Headers | None = None
        self._begun = b""

    def data_received(self, data: bytes) -> None:
        """Answer what was said before in the same words, else parse."""
        if self._rests and (found := self._heads.find(data)) and self._decide(*found, keep_alive=True):
            return
        self._rests = False
        whole, self._messages, self._learnt = self._parsed, 0, None
        super().data_received(data)
        if self._learnt is not None and whole and self._messages == 1:
            self._heads.learn(data, self._learnt)

    def on_message_begin(self) -> None:
        """Note that a request is arriving."""
        self._parsed = False
        self._messages += 1
        super().on_message_begin()

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
        self.say_last_words()
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
        self._rests = self._parsed
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

    def shutdown(self) -> None:
        """Close once nothing is owed; whoever is owed an answer when the grace is over is told so."""
        super().shutdown()
        busy: object = self.cycle
        if isinstance(busy, Busy) and not busy.response_complete:
            self._run(self._part(busy))

    def on_headers_complete(self) -> None:
        """Take the request when it is one of ours, else hand it on."""
        self._asked = self._plain()
        if self._asked is None:
            self._traffic.framework += 1
            super().on_headers_complete()
            return
        self._body = b""
        self.head_is_here()

    def on_body(self, body: bytes) -> None:
        """Collect a small body."""
        if self._asked is None:
            super().on_body(body)
            return
        self._body += body
        if len(self._body) > _LONGEST_BODY:
            self._hand_on()

    def on_message_complete(self) -> None:
        """Answer the request, or hand it on when it is not as plain as it looked."""
        self._parsed = True
        asked = self._asked
        if asked is None:
            super().on_message_complete()
            return
        keep_alive = self.parser.should_keep_alive()
        if not self._decide(asked, self._body, keep_alive=keep_alive):
            self._hand_on()
            super().on_message_complete()
            return
        self.body_is_here()
        if keep_alive and asked.lasting:
            self._learnt = asked

    def _decide(self, asked: Asked, body: bytes, *, keep_alive: bool) -> bool:
        """Do what is asked and answer when it is durable; False when the framework has to look at the body."""
        busy = Busy(asked, keep_alive=keep_alive)
        # What needs no commit is not answered in the middle of what was received either: more may have come with it.
        try:
            decision = asked.turn.decide(body)
            if decision is None:
                return False
            if decision.changes:
                self._leasing.carry_out(decision, partial(self._settled, busy, decision))
            else:
                self.loop.call_soon(self._settled, busy, decision, None)
        except Exception as error:  # noqa: BLE001 - every error is an answer, as it is in the framework
            self.loop.call_soon(self._fail, busy, error)
        self.cycle = busy  # type: ignore[assignment]  # see Busy
        self._rests_since, self._rests = None, False
        if self.leaving:
            self._run(self._part(busy))
        return True

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        task.add_done_callback(self.tasks.discard)
        self.tasks.add(task)

    def _plain(self) -> Asked | None:
        if self.url[:3] not in _FIRST or not self._idle or self.pipeline:
            return None
        path, _, query = self.url.partition(b"?")
        method = self.parser.get_method()
        reader = READERS.get((method, path))
        if reader is None or b"#" in query or self.expect_100_continue or self.parser.should_upgrade():
            return None
        if self.parser.get_http_version() != "1.1":
            return None
        length = self._plain_length(method)
        caller = None if length is None else self._admit()
        turn = None if caller is None else reader(self._leasing, caller, query)
        if turn is None or length is None or caller is None:
            return None
        self.scope["path"], self.scope["method"] = path.decode("ascii"), method.decode("ascii")
        # A token may be revoked between two requests.
        return Asked(turn, length, caller.token is None and not turn.waits, self.scope, self.url)

    def _plain_length(self, method: bytes) -> int | None:
        """Return the length of the body when it is known and small and the body, if there is one, JSON; else None."""
        length = kind = None
        for name, value in self.headers:
            if name == b"content-length":
                if length is not None:
                    return None
                length = value
            elif name == b"content-type":
                if kind is not None:
                    return None
                kind = value
            elif name == b"transfer-encoding":
                return None
        if method != b"POST":
            return 0 if length in (None, b"0") else None
        if kind != _JSON or length is None or not length.isdigit() or int(length) > _LONGEST_BODY:
            return None
        return int(length)

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
        self._asked = None
        self._traffic.framework += 1
        super().on_headers_complete()
        if self._body:
            super().on_body(self._body)

    def _settled(self, busy: Busy, decision: Decision, refusal: Refusal | None) -> None:
        if refusal is not None:
            self._fail(busy, refusal)
        elif busy.disconnected:
            self._leasing.give_up(decision)
        elif busy.asked.turn.waits and not decision.leases:
            self._run(self._let_wait(busy))
        elif self.flow.write_paused:
            self._run(self._send_later(busy, decision))
        else:
            self._send(busy, 200, None, busy.asked.turn.render(decision))

    async def _send_later(self, busy: Busy, decision: Decision) -> None:
        """Answer once the caller has taken what it was sent before."""
        try:
            await self.flow.drain()
        except asyncio.CancelledError:
            self._leasing.give_up(decision)
            raise
        self._settled(busy, decision, None)

    def _fail(self, busy: Busy, error: Exception) -> None:
        if busy.disconnected:
            return
        response = response_to(error, busy.asked.scope)
        if response.status_code == INTERNAL_SERVER_ERROR:
            _log.error("the hot path ended a request with", exc_info=error)
            busy.keep_alive = False
        self._send(busy, response.status_code, response.raw_headers, bytes(response.body))

    async def _part(self, busy: Busy) -> None:
        """Stay until the answer is sent; told to leave before that, say that the server ends."""
        busy.message_event = answered = asyncio.Event()
        try:
            await answered.wait()
        except asyncio.CancelledError:
            if self._stop.is_set() and not (busy.disconnected or busy.response_complete):
                busy.keep_alive = False
                response = farewell()
                self._send(busy, response.status_code, response.raw_headers, bytes(response.body))
                busy.disconnected = True
            raise

    def _send(self, busy: Busy, status: int, headers: Headers | None, body: bytes) -> None:
        """Send an answer; with None as headers those of a document."""
        self._traffic.hot += 1
        common = self.server_state.default_headers
        if common is not self._common:
            # They change with the date, once a second.
            self._common, self._begun = common, STATUS_LINE[200] + _lines(common)
        told = busy.keep_alive
        if headers is None:
            head = b"%scontent-length: %d\r\ncontent-type: application/json\r\n" % (self._begun, len(body))
        else:
            told = told or any(name == b"connection" for name, _ in headers)
            head = STATUS_LINE[status] + _lines(common) + _lines(headers)
        self.transport.write(b"%s%s%s" % (head, b"\r\n" if told else b"connection: close\r\n\r\n", body))
        busy.response_complete = True
        busy.message_event.set()
        if not busy.keep_alive:
            self.transport.close()
        self.on_response_complete()

    async def _let_wait(self, busy: Busy) -> None:
        """Let the framework have a request for which there is nothing yet: it knows when its caller hangs up."""
        self._traffic.framework += 1
        path, _, query = busy.asked.url.partition(b"?")
        scope = busy.asked.scope
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
