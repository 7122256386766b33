"""IPv6Client and AsyncIPv6Client: the engine's endpoints as methods that return wire documents."""

from __future__ import annotations

import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from math import ceil, inf
from typing import Any, Self, TypeVar, cast
from urllib.parse import urlencode

import httpx

from ipv6console.client import request as requests
from ipv6console.client.endpoints import Endpoints
from ipv6console.client.errors import EngineRefused, unreachable
from ipv6console.client.hold import LONGEST_WAIT, Ending, Hold, Terms, boottime
from ipv6console.client.lease import Lease
from ipv6console.client.place import Place, find_place
from ipv6console.client.request import EngineRequest
from ipv6console.client.stream import EventNews, Follower, Frame, StateNews, events_path, open_stream, state_path
from ipv6console.client.tls import shared_context
from ipv6console.client.token import authorization, find_token
from ipv6console.wire.codec import decode
from ipv6console.wire.presence import Presence
from ipv6console.wire.problem import Problem

T = TypeVar("T")
SHORT_WAIT = 5.0
"""Seconds an async pick waits at most: a cancelled one is waited for, lest the lease it brings be forgotten."""

SLOW_TIMEOUT = 120.0
"""Seconds a request that makes the engine do network checks may take."""


class IPv6Client(Endpoints):
    """A client of the engine; may be shared by threads and forks. Calls use neither a leased source nor a proxy.

    `url` or `socket` names the engine, else it is looked for (`find_place`); `timeout` in seconds. `token`, or the file
    named by `token_file` or IPV6CONSOLE_TOKEN_FILE, holds the bearer token it shows. Every method raises
    EngineUnreachable when nothing answers, and EngineRefused with the engine's problem document.
    """

    def __init__(
        self,
        url: str | None = None,
        socket: str | os.PathLike[str] | None = None,
        timeout: float = 10.0,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self.place = find_place(url, socket)
        self.timeout = timeout
        self._token = find_token(token, token_file)
        self._transport = self._open()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections to the engine."""
        self._closed = True
        self._transport.close()

    def _open(self) -> httpx.BaseTransport:
        if self.place.secure:
            return httpx.HTTPTransport(verify=shared_context(http2=False), trust_env=False)
        from ipv6console.client.connection import Connections  # noqa: PLC0415 - needs h11, which httpx also loads late
        from ipv6console.client.plain import PlainTransport  # noqa: PLC0415 - needs anyio

        connections = Connections()
        return PlainTransport(self.place, connections, connections.close)

    @contextmanager
    def lease(
        self,
        dbname: str = requests.DEFAULT_DBNAME,
        *,
        ttl: float = 3_600.0,
        holder: str | None = None,
        wait: float = 75.0,
        target: str | None = None,
    ) -> Iterator[Lease]:
        """Lease an address for the length of a `with`, renewed by itself, waiting in line up to `wait` seconds.

        With `target`, the host it is to visit, it may be one that only other hosts ban. Raises PoolEmpty, EngineUnreachable and EngineRefused.
        """
        from ipv6console.client.lessor import Lessor  # noqa: PLC0415 - only those who lease need it

        lessor = Lessor(
            self, _terms(dbname, ttl, holder, target, wait=wait, at_once=LONGEST_WAIT), boottime, time.sleep
        )
        try:
            hold = lessor.take()
            lease = Lease(hold)
            try:
                yield lease
            finally:
                lessor.end_quietly(hold, lease.ending)
        finally:
            lessor.stop()

    def send(self, request: EngineRequest[T]) -> T:
        """Send a described request and return its reply."""
        _require_open(self._closed)
        try:
            response = self._transport.handle_request(_asked(request, self.place, self._token, self.timeout))
            try:
                response.read()
            finally:
                response.close()
        except httpx.HTTPError as error:
            raise unreachable(str(self.place), _cause(error, request, self.timeout), error) from error
        return _reply(request, response)


class AsyncIPv6Client(Endpoints):
    """The same for asyncio and trio, with the engine's streams (asyncio only, through websockets)."""

    def __init__(
        self,
        url: str | None = None,
        socket: str | os.PathLike[str] | None = None,
        timeout: float = 10.0,
        *,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
    ) -> None:
        self.place = find_place(url, socket)
        self.timeout = timeout
        self._token = find_token(token, token_file)
        self._transport = self._open()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connections to the engine."""
        self._closed = True
        await self._transport.aclose()

    def _open(self) -> httpx.AsyncBaseTransport:
        if self.place.secure:
            return httpx.AsyncHTTPTransport(verify=shared_context(http2=False), trust_env=False)
        from ipv6console.client.connection import Connections  # noqa: PLC0415 - needs h11, which httpx also loads late
        from ipv6console.client.plain import AsyncPlainTransport  # noqa: PLC0415 - needs anyio

        connections = Connections()
        return AsyncPlainTransport(self.place, connections, connections.close)

    @asynccontextmanager
    async def lease(
        self,
        dbname: str = requests.DEFAULT_DBNAME,
        *,
        ttl: float = 3_600.0,
        holder: str | None = None,
        wait: float = 75.0,
        target: str | None = None,
    ) -> AsyncIterator[Lease]:
        """Lease an address for the length of an `async with`, as IPv6Client.lease does.

        Cancelled while it waits, it ends within 5 seconds.
        """
        from ipv6console.client.alessor import AsyncLessor  # noqa: PLC0415 - needs anyio, which httpx also loads late
        from ipv6console.client.shield import shielded  # noqa: PLC0415 - as above

        lessor = AsyncLessor(self, _terms(dbname, ttl, holder, target, wait=wait, at_once=SHORT_WAIT), boottime, None)
        holds: list[Hold] = []
        leases: list[Lease] = []

        async def give_back() -> None:
            await lessor.stop()
            for hold in holds:
                await lessor.end_quietly(hold, leases[0].ending if leases else Ending())

        try:
            await lessor.take(holds.append)
            leases.append(Lease(holds[0]))
            yield leases[0]
        finally:
            await shielded(give_back())

    async def send(self, request: EngineRequest[T]) -> T:
        """Send a described request and return its reply."""
        _require_open(self._closed)
        try:
            asked = _asked(request, self.place, self._token, self.timeout)
            response = await self._transport.handle_async_request(asked)
            try:
                await response.aread()
            finally:
                await response.aclose()
        except httpx.HTTPError as error:
            raise unreachable(str(self.place), _cause(error, request, self.timeout), error) from error
        return _reply(request, response)

    def stream(self, presence: Presence | None = None) -> AbstractAsyncContextManager[AsyncIterator[Frame]]:
        """Open /stream once: the document, then its deltas. The frames end with the connection (EngineUnreachable).

        `presence` is what other watchers are shown of this one.
        """
        return open_stream(self.place, state_path(presence), self.timeout, self._token)

    def event_stream(self, since: int | None = None) -> AbstractAsyncContextManager[AsyncIterator[Frame]]:
        """Open /events once: kept events with an id above `since` if given, then new ones as they come."""
        return open_stream(self.place, events_path(since), self.timeout, self._token)

    def follow_state(
        self, *, attempts: int | None = 10, interval: float = 3.0, presence: Presence | None = None
    ) -> AsyncGenerator[StateNews, None]:
        """Follow /stream over lost connections; `attempts` None never gives up. Yields Connected and Disconnected too.

        Leave the loop through contextlib.aclosing, or the connection stays until the collector finds it. Raises
        EngineUnreachable after that many failures in a row, `interval` seconds (with jitter) apart.
        """
        return Follower(self.place, self.timeout, attempts=attempts, interval=interval, token=self._token).state(
            presence
        )

    def follow_events(
        self, since: int | None = None, *, attempts: int | None = 10, interval: float = 3.0
    ) -> AsyncGenerator[EventNews, None]:
        """Follow the events after id `since` (or from now on) over lost connections, otherwise as `follow_state`."""
        return Follower(self.place, self.timeout, attempts=attempts, interval=interval, token=self._token).events(since)


def _terms(dbname: str, ttl: float, holder: str | None, target: str | None, *, wait: float, at_once: float) -> Terms:
    """Return the terms for waiting `wait` seconds, no more than `at_once` of them in one request; raises ValueError."""
    if not 0 <= wait < inf:
        raise ValueError(f"wait is {wait!r}; it takes a number of seconds from 0 on")
    retries = ceil(wait / at_once)
    interval = wait / max(retries, 1)
    return Terms(dbname=dbname, ttl=ttl, holder=holder, interval=interval, retries=retries, target=target)


def _require_open(closed: bool) -> None:
    if closed:
        raise RuntimeError("this client has been closed; make another")


def _asked(request: EngineRequest[Any], place: Place, token: str | None, timeout: float) -> httpx.Request:
    """Return what goes to the transport itself: httpx's client adds cookies, redirects and 0.4 ms to each call."""
    query = f"?{urlencode(request.params)}" if request.params else ""
    return httpx.Request(
        request.method,
        f"{place.url}{request.path}{query}",
        json=request.json,
        headers={"User-Agent": "ipv6console", "Accept": "application/json", **authorization(token)},
        extensions={
            "timeout": httpx.Timeout(timeout, read=_patience(request, timeout)).as_dict(),
            "waits": request.wait > 0 or request.slow,
        },
    )


def _patience(request: EngineRequest[Any], timeout: float) -> float:
    """Return the seconds the answer may take."""
    return max(timeout, SLOW_TIMEOUT) if request.slow else timeout + request.wait


def _cause(error: httpx.HTTPError, request: EngineRequest[Any], timeout: float) -> str:
    if isinstance(error, httpx.ReadTimeout):
        return f"no answer within {_patience(request, timeout):g} s"
    if isinstance(error, httpx.TimeoutException):
        return f"no answer within {timeout:g} s"
    return str(error) or type(error).__name__


def _reply(request: EngineRequest[T], response: httpx.Response) -> T:
    if not response.is_success:
        raise EngineRefused(_problem(response))
    if request.reply is str:
        return cast("T", response.text)
    try:
        return decode(request.reply, response.json())
    except ValueError as error:
        raise EngineRefused(_misunderstood(request, response, error)) from error


def _problem(response: httpx.Response) -> Problem:
    try:
        return decode(Problem, response.json())
    except ValueError:
        return Problem(
            type="about:blank",
            title=f"HTTP {response.status_code} {httpx.codes.get_reason_phrase(response.status_code)}".strip(),
            status=response.status_code,
            detail=response.text[:200] or "no explanation was given",
            next="check that the URL or socket belongs to an ipv6console engine",
        )


def _misunderstood(request: EngineRequest[Any], response: httpx.Response, error: ValueError) -> Problem:
    return Problem(
        type="about:blank",
        title="The answer is not understood",
        status=response.status_code,
        detail=f"{request.method} {request.path}: {error}",
        next="check that the URL or socket belongs to an ipv6console engine of about this version",
    )
