"""Connections from a leased address: freebind, then bind, then connect; IPv6 only, and only while the lease lasts.

The two backends plug into httpcore's pools (httpcore.NetworkBackend, httpcore.AsyncNetworkBackend).
"""

from __future__ import annotations

import errno
import os
import select
import socket
import ssl
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from ipaddress import AddressValueError, IPv6Address
from typing import Any

import anyio
import anyio.abc
import anyio.streams.tls
import httpcore

from ipv6console.client.destination import Destination, allowed, refuse_ipv4_literal, refuse_ipv4_only
from ipv6console.freebind import bound_socket

Guard = Callable[[], None]
"""Called before every connect and every write; raises (no OSError) when the lease no longer allows them."""


_PIECE = 65_536
"""Bytes written at once: what a lease that ends meanwhile may still let out."""


def always() -> None:
    """The guard of connections that need no lease."""


def proper_source(source: str) -> str:
    """Return `source`, an address of one's own; raises ValueError for what would let the kernel choose another."""
    try:
        address = IPv6Address(source)
    except AddressValueError as error:
        raise ValueError(f"{source!r} is no IPv6 address to send from") from error
    if address.is_unspecified or address.is_multicast or address.ipv4_mapped:
        raise ValueError(f"{source!r} is no address of one's own to send from; lease one")
    return str(address)


def connected(
    host: str,
    port: int,
    ends_at: float | None,
    *,
    source: str,
    guard: Guard,
    options: Iterable[httpcore.SOCKET_OPTION] | None = None,
) -> socket.socket:
    """Return a socket bound to `source` and connected to the first address of `host` that answers.

    `ends_at` is a time of time.monotonic; a silent address leaves the others their share of what is left until then.
    Raises NoIPv6Address, what `guard` raises, and OSError.
    """
    failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
    destinations = _resolved(host, port)
    for tried, destination in enumerate(destinations):
        guard()
        sock = _prepared(source, options)
        try:
            sock.settimeout(_share(ends_at, len(destinations) - tried))
            sock.connect(destination)
            guard()  # TLS, which may come next, writes by itself
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure


def _share(ends_at: float | None, untried: int) -> float | None:
    """Return the seconds that one of so many addresses may take to answer."""
    return None if ends_at is None else max((ends_at - time.monotonic()) / untried, 0.001)


def _resolved(host: str, port: int) -> list[Destination]:
    refuse_ipv4_literal(host)
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET6, socket.SOCK_STREAM)
    except socket.gaierror as error:
        refuse_ipv4_only(host, _ipv4_of(host), error)
        raise
    return allowed(host, found)


class LeasedBackend(httpcore.NetworkBackend):
    """Connects from `source`, an IPv6 address (ValueError); `guard` raises when that is not allowed any more."""

    def __init__(self, source: str, guard: Guard) -> None:
        self._source = proper_source(source)
        self._guard = guard

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that answers; raises NoIPv6Address and httpcore's ConnectError."""
        del local_address
        ends_at = None if timeout is None else time.monotonic() + timeout
        with _as(httpcore.ConnectTimeout, httpcore.ConnectError):
            sock = connected(host, port, ends_at, source=self._source, guard=self._guard, options=socket_options)
            return LeasedStream(sock, self._guard)


class AsyncLeasedBackend(httpcore.AsyncNetworkBackend):
    """The same on asyncio and trio."""

    def __init__(self, source: str, guard: Guard) -> None:
        self._source = proper_source(source)
        self._guard = guard

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Connect to the first address of `host` that answers; raises NoIPv6Address and httpcore's ConnectError."""
        del local_address
        ends_at = None if timeout is None else time.monotonic() + timeout
        with _as(httpcore.ConnectTimeout, httpcore.ConnectError), anyio.fail_after(timeout):
            sock = await self._connected(host, port, ends_at, socket_options)
            try:
                stream = await anyio.abc.SocketStream.from_socket(sock)
            except BaseException:
                sock.close()
                raise
            return AsyncLeasedStream(stream, self._guard)

    async def _connected(
        self, host: str, port: int, ends_at: float | None, options: Iterable[httpcore.SOCKET_OPTION] | None
    ) -> socket.socket:
        failure = OSError(errno.EADDRNOTAVAIL, os.strerror(errno.EADDRNOTAVAIL))
        destinations = await self._resolved(host, port)
        for tried, destination in enumerate(destinations):
            self._guard()
            sock = _prepared(self._source, options)
            try:
                with anyio.fail_after(_share(ends_at, len(destinations) - tried)):
                    await _connect(sock, destination)
            except OSError as error:
                sock.close()
                failure = error
            except BaseException:
                sock.close()
                raise
            else:
                return sock
        raise failure

    async def _resolved(self, host: str, port: int) -> list[Destination]:
        refuse_ipv4_literal(host)
        try:
            found = await anyio.getaddrinfo(host, port, family=socket.AF_INET6, type=socket.SOCK_STREAM)
        except socket.gaierror as error:
            refuse_ipv4_only(host, await anyio.to_thread.run_sync(_ipv4_of, host), error)
            raise
        return allowed(host, found)

    async def sleep(self, seconds: float) -> None:
        """Pause between the pool's own connect retries."""
        await anyio.sleep(seconds)


class LeasedStream(httpcore.NetworkStream):
    """One blocking connection; every write asks the guard first."""

    def __init__(self, sock: socket.socket, guard: Guard) -> None:
        self._socket = sock
        self._guard = guard

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return what has come, b"" at the end."""
        with _as(httpcore.ReadTimeout, httpcore.ReadError):
            self._socket.settimeout(timeout)
            return self._socket.recv(max_bytes)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of `buffer`."""
        rest = memoryview(buffer)
        while rest:
            self._guard()
            with _as(httpcore.WriteTimeout, httpcore.WriteError):
                self._socket.settimeout(timeout)
                rest = rest[self._socket.send(rest) :]

    def close(self) -> None:
        """Close the connection, also for a thread that is reading from it."""
        with suppress(OSError):  # the peer may have closed it first
            socket.socket.shutdown(self._socket, socket.SHUT_RDWR)
        self._socket.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Return this connection inside TLS; it is closed when the handshake fails."""
        with _as(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._guard()
                self._socket.settimeout(timeout)
                wrapped = ssl_context.wrap_socket(self._socket, server_hostname=server_hostname)
            except BaseException:
                self.close()
                raise
        return LeasedStream(wrapped, self._guard)

    def get_extra_info(self, info: str) -> Any:
        """Return httpcore's extras: ssl_object, client_addr, server_addr, socket, is_readable."""
        if info == "ssl_object":
            return self._socket if isinstance(self._socket, ssl.SSLSocket) else None
        return _about(self._socket, info)


class AsyncLeasedStream(httpcore.AsyncNetworkStream):
    """One connection on asyncio or trio; every write asks the guard first."""

    def __init__(self, stream: anyio.abc.ByteStream, guard: Guard) -> None:
        self._stream = stream
        self._guard = guard

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's interface
        """Return what has come, b"" at the end."""
        with _as(httpcore.ReadTimeout, httpcore.ReadError), anyio.fail_after(timeout):
            try:
                return await self._stream.receive(max_bytes)
            except anyio.EndOfStream:
                return b""

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's interface
        """Send all of `buffer`."""
        with _as(httpcore.WriteTimeout, httpcore.WriteError), anyio.fail_after(timeout):
            for start in range(0, len(buffer), _PIECE):
                self._guard()
                await self._stream.send(buffer[start : start + _PIECE])

    async def aclose(self) -> None:
        """Close the connection."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
    ) -> httpcore.AsyncNetworkStream:
        """Return this connection inside TLS; it is closed when the handshake fails."""
        with _as(httpcore.ConnectTimeout, httpcore.ConnectError):
            try:
                self._guard()
                with anyio.fail_after(timeout):
                    wrapped = await anyio.streams.tls.TLSStream.wrap(
                        self._stream,
                        hostname=server_hostname,
                        ssl_context=ssl_context,
                        standard_compatible=False,
                        server_side=False,
                    )
            except BaseException:
                await self.aclose()
                raise
        return AsyncLeasedStream(wrapped, self._guard)

    def get_extra_info(self, info: str) -> Any:
        """Return httpcore's extras: ssl_object, client_addr, server_addr, socket, is_readable."""
        if info == "ssl_object":
            return self._stream.extra(anyio.streams.tls.TLSAttribute.ssl_object, None)  # noqa: S610 - anyio's extra, not Django's
        return _about(self._stream.extra(anyio.abc.SocketAttribute.raw_socket), info)  # noqa: S610 - anyio's extra, not Django's


def _prepared(source: str, options: Iterable[httpcore.SOCKET_OPTION] | None) -> socket.socket:
    sock = bound_socket(source)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for option in options or ():
        sock.setsockopt(*option)
    return sock


async def _connect(sock: socket.socket, destination: Destination) -> None:
    sock.setblocking(False)
    failed = sock.connect_ex(destination)
    if failed == errno.EINPROGRESS:
        await anyio.wait_writable(sock)
        failed = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if failed:
        raise OSError(failed, os.strerror(failed))


def _ipv4_of(host: str) -> str | None:
    """Return an IPv4 address of `host`, to tell a host without IPv6 from a name that does not resolve."""
    try:
        return str(socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)[0][4][0])
    except socket.gaierror:
        return None


def _about(sock: Any, info: str) -> Any:
    if info == "client_addr":
        return sock.getsockname()
    if info == "server_addr":
        return sock.getpeername()
    if info == "socket":
        return sock
    if info == "is_readable":
        return _is_readable(sock)
    return None


def _is_readable(sock: Any) -> bool:
    """Return whether an idle connection has something to read, which means that its peer closed it."""
    descriptor = sock.fileno()
    if descriptor < 0:
        return True
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    return bool(poll.poll(0))


@contextmanager
def _as(timeout: type[Exception], failure: type[Exception]) -> Iterator[None]:
    """Turn the errors of sockets and streams into those httpcore's pools know."""
    try:
        yield
    except TimeoutError as error:
        raise timeout(str(error) or "timed out") from error
    except (OSError, anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream) as error:
        raise failure(str(error) or type(error).__name__) from error
