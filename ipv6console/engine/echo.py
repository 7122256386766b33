"""One HTTP(S) request from one source address, to a URL that answers with the caller's address as text."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urlsplit

import httptools

from ipv6console.engine.tls import Connection, Resumption
from ipv6console.freebind import bound_socket
from ipv6console.pool.address import InvalidAddress, format_address, parse_ipv6

_BODY_LIMIT = 4_096
_RESOLVED_FOR = 60.0


class EchoFailed(Exception):
    """No usable answer; `reached` tells a server that answered wrongly from no connection at all."""

    def __init__(self, reason: str, *, reached: bool) -> None:
        super().__init__(reason)
        self.reached = reached


@dataclass(frozen=True, slots=True)
class _Target:
    host: str
    port: int
    tls: bool
    request: bytes


class Echo:
    """Asks echo URLs; one TLS context for all of them, name resolutions kept for a minute."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._tls: Resumption | None = None
        self._targets: dict[str, _Target] = {}
        self._resolved: dict[str, tuple[float, str]] = {}

    async def ask(self, url: str, source: int | None) -> int:
        """Return the address `url` saw; `source` None leaves the choice to the kernel. Raises EchoFailed."""
        try:
            async with asyncio.timeout(self._timeout):
                answer = await self._exchange(self._target(url), source)
        except TimeoutError:
            raise EchoFailed(f"no answer within {self._timeout:g} s", reached=False) from None
        except (OSError, ssl.SSLError, asyncio.IncompleteReadError) as error:
            raise EchoFailed(str(error) or type(error).__name__, reached=False) from error
        except httptools.HttpParserError as error:
            raise EchoFailed(f"not an HTTP answer: {error}", reached=True) from error
        except ValueError as error:
            # A port out of range, or a name that is none for the DNS.
            raise EchoFailed(f"the URL cannot be asked: {error}", reached=False) from error
        if answer.status != 200:
            raise EchoFailed(f"HTTP {answer.status}", reached=True)
        try:
            return parse_ipv6(answer.body.decode("ascii", "replace").strip())
        except InvalidAddress as error:
            raise EchoFailed(f"the answer is no IPv6 address: {error}", reached=True) from error

    async def _exchange(self, target: _Target, source: int | None) -> _Answer:
        loop = asyncio.get_running_loop()
        peer = await self._resolve(target.host)
        sock = socket.socket(socket.AF_INET6) if source is None else bound_socket(format_address(source))
        with sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, (peer, target.port, 0, 0))
            context = self._context() if target.tls else None
            if context is None:
                await loop.sock_sendall(sock, target.request)
                return await _read(partial(loop.sock_recv, sock, _BODY_LIMIT))
            try:
                return await _read_secure(sock, target, context)
            except BaseException:
                # Were it the resumed session that the server minds, every check would fail by it.
                context.forget(target.host)
                raise

    async def _resolve(self, host: str) -> str:
        kept = self._resolved.get(host)
        if kept is not None and kept[0] > time.monotonic():
            return kept[1]
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, None, family=socket.AF_INET6, type=socket.SOCK_STREAM)
        address = str(found[0][4][0])
        self._resolved[host] = (time.monotonic() + _RESOLVED_FOR, address)
        return address

    def _context(self) -> Resumption:
        if self._tls is None:
            self._tls = Resumption()
        return self._tls

    def _target(self, url: str) -> _Target:
        target = self._targets.get(url)
        if target is None:
            parts = urlsplit(url)
            host = parts.hostname or ""
            tls = parts.scheme == "https"
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            request = (
                f"GET {path} HTTP/1.1\r\nHost: {parts.netloc.rpartition('@')[2]}\r\n"
                "User-Agent: curl/8 (ipv6console)\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
            )
            target = _Target(host, parts.port or (443 if tls else 80), tls, request.encode())
            self._targets[url] = target
        return target


class _Answer:
    """Collects what httptools' response parser calls back with."""

    def __init__(self) -> None:
        self.status = 0
        self.body = b""
        self.complete = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        self._parser.feed_data(data)
        self.status = self._parser.get_status_code()
        if len(self.body) > _BODY_LIMIT:
            self.complete = True

    def on_body(self, body: bytes) -> None:
        self.body += body

    def on_message_complete(self) -> None:
        self.complete = True


async def _read(receive: Callable[[], Awaitable[bytes]]) -> _Answer:
    answer = _Answer()
    while not answer.complete:
        data = await receive()
        if not data:
            if answer.status:
                break
            raise ConnectionResetError("closed without an answer")
        answer.feed(data)
    return answer


async def _read_secure(sock: socket.socket, target: _Target, context: Resumption) -> _Answer:
    connection = Connection(sock, context, target.host)
    await connection.shake_hands()
    await connection.send(target.request)
    answer = await _read(connection.receive)
    context.keep(target.host, connection.tls)
    return answer
