"""Two httpx transports that speak plain HTTP/1.1 to the engine, over connections that any session may use next."""

from __future__ import annotations

import errno
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio
import httpx
from anyio.lowlevel import RunVar

from ipv6console.client.connection import Connection, Connections
from ipv6console.client.place import Place

_AGAIN = 0.01
"""Seconds between two tries to connect to a Unix socket whose queue is full, which connect(2) does not wait for."""

_PIECE = 65_536

_MOST_AT_ONCE = 100
"""Requests of one event loop under way: thousands of tasks have not as many files. Those that wait in line do not count,
for they would keep from the engine what ends their wait."""

_turns: RunVar[anyio.Semaphore] = RunVar("ipv6console_turns")

_Peer = tuple[int, Any]
"""An address family and an address of it."""


class PlainTransport(httpx.BaseTransport):
    """Sends each request to the engine at `place` over one of `connections`; an answer is read to its end at once.

    `close` ends the transport: it closes the connections, or leaves them to others. No request is ever sent twice.
    """

    def __init__(self, place: Place, connections: Connections, close: Callable[[], object]) -> None:
        self._place = place
        self._connections = connections
        self._close = close

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises httpx's TransportErrors."""
        timeouts = request.extensions.get("timeout", {})
        connection = self._connections.take() or self._connections.add(self._connected(timeouts.get("connect")))
        try:
            answer = _exchange(connection, request, timeouts)
        except BaseException:
            self._connections.drop(connection)
            raise
        self._connections.put(connection)
        return answer

    def close(self) -> None:
        """End it."""
        self._close()

    def _connected(self, seconds: float | None) -> Connection:
        ends_at = None if seconds is None else time.monotonic() + seconds
        failure = OSError("no address was found")
        with _as(httpx.ConnectTimeout, httpx.ConnectError):
            for peer in _peers(self._place):
                try:
                    return Connection(_reached(peer, ends_at))
                except TimeoutError:
                    raise
                except OSError as error:
                    failure = error
            raise failure


class AsyncPlainTransport(httpx.AsyncBaseTransport):
    """The same on asyncio and trio; a request whose extension `waits` is not true takes its turn."""

    def __init__(self, place: Place, connections: Connections, close: Callable[[], object]) -> None:
        self._place = place
        self._connections = connections
        self._close = close

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; raises httpx's TransportErrors."""
        timeouts = request.extensions.get("timeout", {})
        if request.extensions.get("waits"):
            return await self._sent(request, timeouts)
        turns = _turns_here()
        with _as(httpx.PoolTimeout, httpx.PoolTimeout), anyio.fail_after(timeouts.get("pool")):
            await turns.acquire()
        try:
            return await self._sent(request, timeouts)
        finally:
            turns.release()

    async def _sent(self, request: httpx.Request, timeouts: dict[str, float | None]) -> httpx.Response:
        connection = self._connections.take() or self._connections.add(await self._connected(timeouts.get("connect")))
        try:
            answer = await _exchange_async(connection, request, timeouts)
        except BaseException:
            self._connections.drop(connection)
            raise
        self._connections.put(connection)
        return answer

    async def aclose(self) -> None:
        """End it."""
        self._close()

    async def _connected(self, seconds: float | None) -> Connection:
        failure = OSError("no address was found")
        with _as(httpx.ConnectTimeout, httpx.ConnectError), anyio.fail_after(seconds):
            for peer in await _peers_async(self._place):
                try:
                    return Connection(await _reached_async(peer))
                except OSError as error:
                    failure = error
            raise failure


def _turns_here() -> anyio.Semaphore:
    try:
        return _turns.get()
    except LookupError:
        turns = anyio.Semaphore(_MOST_AT_ONCE, fast_acquire=True)
        _turns.set(turns)
        return turns


def _exchange(connection: Connection, request: httpx.Request, timeouts: dict[str, float | None]) -> httpx.Response:
    sock = connection.socket
    said = connection.ask(request)
    with _as(httpx.WriteTimeout, httpx.WriteError):
        sock.settimeout(timeouts.get("write"))
        with suppress(BrokenPipeError, ConnectionResetError):  # it may have answered before it closed
            sock.sendall(said)
    with _as(httpx.ReadTimeout, httpx.ReadError):
        sock.settimeout(timeouts.get("read"))
        while (answer := connection.hear(sock.recv(_PIECE))) is None:
            pass
    return answer


async def _exchange_async(
    connection: Connection, request: httpx.Request, timeouts: dict[str, float | None]
) -> httpx.Response:
    sock = connection.socket
    rest = memoryview(connection.ask(request))
    with _as(httpx.WriteTimeout, httpx.WriteError), anyio.fail_after(timeouts.get("write")):
        while rest:
            try:
                rest = rest[sock.send(rest) :]
            except BlockingIOError:
                await anyio.wait_writable(sock)
            except (BrokenPipeError, ConnectionResetError):
                break  # it may have answered before it closed
    answer = None
    while answer is None:
        with _as(httpx.ReadTimeout, httpx.ReadError), anyio.fail_after(timeouts.get("read")):
            answer = connection.hear(await _received(sock))
    return answer


async def _received(sock: socket.socket) -> bytes:
    while True:
        # Waiting first: an answer is never there at once, and a task that never waits could not be cancelled.
        await anyio.wait_readable(sock)
        try:
            return sock.recv(_PIECE)
        except BlockingIOError:
            continue


def _peers(place: Place) -> list[_Peer]:
    if place.socket:
        return [(socket.AF_UNIX, place.socket)]
    return _found(socket.getaddrinfo(*_host(place), type=socket.SOCK_STREAM))


async def _peers_async(place: Place) -> list[_Peer]:
    if place.socket:
        return _peers(place)
    try:  # an address needs no search, and no thread for it
        return _found(socket.getaddrinfo(*_host(place), type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))
    except socket.gaierror:
        return _found(await anyio.getaddrinfo(*_host(place), type=socket.SOCK_STREAM))


def _host(place: Place) -> tuple[str, int]:
    url = httpx.URL(place.url)
    return url.raw_host.decode("ascii"), url.port or 80


def _found(entries: list[Any]) -> list[_Peer]:
    return [(entry[0], entry[4]) for entry in entries]


def _reached(peer: _Peer, ends_at: float | None) -> socket.socket:
    family, address = peer
    with _opened(family) as sock:
        while True:
            sock.settimeout(_left(ends_at))
            try:
                sock.connect(address)
            except BlockingIOError:
                time.sleep(_AGAIN)
            else:
                return sock


def _left(ends_at: float | None) -> float | None:
    """Return the seconds that are left; raises TimeoutError when none are."""
    if ends_at is None:
        return None
    left = ends_at - time.monotonic()
    if left <= 0:
        raise TimeoutError(errno.ETIMEDOUT, os.strerror(errno.ETIMEDOUT))
    return left


async def _reached_async(peer: _Peer) -> socket.socket:
    family, address = peer
    with _opened(family) as sock:
        sock.setblocking(False)
        while (failed := await _connect(sock, address)) == errno.EAGAIN:  # noqa: ASYNC110 - connect(2) has nothing to wait on
            await anyio.sleep(_AGAIN)
        if failed:
            raise OSError(failed, os.strerror(failed))
        return sock


async def _connect(sock: socket.socket, address: Any) -> int:
    failed = sock.connect_ex(address)
    if failed == errno.EINPROGRESS:
        await anyio.wait_writable(sock)
        failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    return failed


@contextmanager
def _opened(family: int) -> Iterator[socket.socket]:
    """Yield a new socket, which is closed when connecting it fails."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield sock
    except BaseException:
        sock.close()
        raise


@contextmanager
def _as(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Turn the errors of sockets into httpx's."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error) or "timed out") from error
    except OSError as error:
        raise failure(str(error) or type(error).__name__) from error
