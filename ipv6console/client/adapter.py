"""Transport adapters for requests whose connections leave from one leased address, or over one family of IP.

Everything hangs on the adapter's own urllib3 pools: nothing outside the session that mounts it is changed.
"""

from __future__ import annotations

import socket
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

from ipv6console.client.network import Guard, always, connected, proper_source

Connect = Callable[[str, int, "float | None"], socket.socket]
"""Returns a connected socket for host, port and timeout in seconds; raises OSError."""


class BoundAdapter(HTTPAdapter):
    """An adapter whose connections are made by `connect`; `guard` is called before everything that is sent.

    It takes no proxy (TypeError), which would send from its own address. The other options are HTTPAdapter's.
    """

    def __init__(self, connect: Connect, guard: Guard = always, **options: Any) -> None:
        self._connect = connect
        self._guard = guard
        self._sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self._noting = threading.Lock()  # a set that grows in one thread cannot be gone through in another
        super().__init__(**options)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        """Make the pools, as requests asks for them."""
        super().init_poolmanager(connections, maxsize, block, **options)
        manager: PoolManager = self.poolmanager
        manager.pool_classes_by_scheme = _pools(self._connect, self._guard, self._note)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        """Send one request."""
        refuse_proxies(request.url, args[4] if len(args) > 4 else options.get("proxies"))
        return super().send(request, *args, **options)

    def close(self) -> None:
        """Close every connection, also those from which something is being read."""
        super().close()
        with self._noting:
            sockets = tuple(self._sockets)
        for sock in sockets:
            with suppress(OSError):  # the peer may have closed it first
                socket.socket.shutdown(sock, socket.SHUT_RDWR)

    def _note(self, sock: socket.socket) -> None:
        with self._noting:
            self._sockets.add(sock)


def when_read(response: requests.Response, leave: Callable[[], None]) -> None:
    """Call `leave` when the connection that `response` came over is free again: it was read to its end, or closed."""
    connection = getattr(response.raw, "connection", None)
    if isinstance(connection, _Borrowed) and not response.raw.closed and response.raw.length_remaining != 0:
        connection.when_back(leave)
    else:
        leave()


def leased_adapter(source: str, guard: Guard = always, **options: Any) -> BoundAdapter:
    """Return an adapter that sends from `source` over IPv6 only, with freebind set before the bind; raises ValueError."""
    source = proper_source(source)

    def connect(host: str, port: int, timeout: float | None) -> socket.socket:
        ends_at = None if timeout is None else time.monotonic() + timeout
        return connected(host.strip("[]"), port, ends_at, source=source, guard=guard)

    return BoundAdapter(connect, guard, **options)


def family_adapter(family: socket.AddressFamily) -> BoundAdapter:
    """Return an adapter that connects over `family` only, from whatever source the system chooses."""

    def connect(host: str, port: int, timeout: float | None) -> socket.socket:
        failure = OSError("no address was found")
        for *kind, _name, address in socket.getaddrinfo(host.strip("[]"), port, family, socket.SOCK_STREAM):
            sock = socket.socket(*kind)
            try:
                sock.settimeout(timeout)
                sock.connect(address)
            except OSError as error:
                sock.close()
                failure = error
            else:
                return sock
        raise failure

    return BoundAdapter(connect)


def refuse_proxies(url: str | None, proxies: Mapping[str, str] | None) -> None:
    """Raise TypeError when a request to `url` would go through one of `proxies`."""
    if select_proxy(url or "", dict(proxies or {})):
        raise TypeError("a leased address takes no proxies: a proxy sends from its own address; use a plain session")


class _Borrowed:
    """A connection that tells when it goes back to its pool."""

    _leave: Callable[[], None] | None = None

    def when_back(self, leave: Callable[[], None]) -> None:
        self._leave = leave

    def go_back(self) -> None:
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()


class _PlainPool(HTTPConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        if isinstance(conn, _Borrowed):
            conn.go_back()
        super()._put_conn(conn)


class _SecurePool(HTTPSConnectionPool):
    def _put_conn(self, conn: Any) -> None:
        if isinstance(conn, _Borrowed):
            conn.go_back()
        super()._put_conn(conn)


def _pools(
    connect: Connect, guard: Guard, note: Callable[[socket.socket], None]
) -> dict[str, type[HTTPConnectionPool]]:
    class Plain(_Borrowed, HTTPConnection):
        def _new_conn(self) -> socket.socket:
            return _opened(self, connect)

        def connect(self) -> None:
            super().connect()
            note(self.sock)

        def send(self, data: Any) -> None:
            guard()
            super().send(data)

    class Secure(_Borrowed, HTTPSConnection):
        def _new_conn(self) -> socket.socket:
            return _opened(self, connect)

        def connect(self) -> None:
            super().connect()
            note(self.sock)

        def send(self, data: Any) -> None:
            guard()
            super().send(data)

    class PlainPool(_PlainPool):
        ConnectionCls = Plain

    class SecurePool(_SecurePool):
        ConnectionCls = Secure

    return {"http": PlainPool, "https": SecurePool}


def _opened(connection: HTTPConnection, connect: Connect) -> socket.socket:
    """Connect, with the errors urllib3 knows."""
    timeout = connection.timeout if isinstance(connection.timeout, int | float) else None
    try:
        sock = connect(connection.host, connection.port, timeout)
    except socket.gaierror as error:
        raise NameResolutionError(connection.host, connection, error) from error
    except TimeoutError as error:
        raise ConnectTimeoutError(connection, f"connecting to {connection.host} timed out") from error
    except OSError as error:
        raise NewConnectionError(connection, f"cannot connect: {error}") from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock
