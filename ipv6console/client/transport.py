"""httpx transports whose every connection leaves from one leased address."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import httpx

from ipv6console.client.tls import shared_context

if TYPE_CHECKING:
    import httpcore

    from ipv6console.client.network import Guard

LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=20, keepalive_expiry=5.0)
"""What httpx uses when nothing is said."""


class _PoolTransport(httpx.BaseTransport):
    def __init__(self, pool: httpcore.ConnectionPool) -> None:
        self._pool = pool

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        with _httpx_errors():
            answer = self._pool.handle_request(_core_request(request))
        return _response(answer, _Body(answer))

    def close(self) -> None:
        """Close every connection."""
        with _httpx_errors():
            self._pool.close()


class LeasedTransport(_PoolTransport):
    """Sends from `source` only, over IPv6 only; `guard` is called before every connect and write and may raise.

    The other options mean what they mean in httpx.Client. Raises ValueError for a source that is no IPv6 address of
    one's own; requests raise httpx's exceptions, and NoIPv6Address.
    """

    def __init__(
        self,
        source: str,
        *,
        guard: Guard | None = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: Any = None,
        http1: bool = True,
        http2: bool = False,
        limits: httpx.Limits = LIMITS,
    ) -> None:
        import httpcore  # noqa: PLC0415 - importing the library must cost nothing but httpx, which also waits with this

        from ipv6console.client.network import LeasedBackend, always  # noqa: PLC0415 - needs httpcore

        self.source = source
        backend = LeasedBackend(source, guard or always)
        options = _pool_options(verify, cert, http1, http2, limits)
        super().__init__(httpcore.ConnectionPool(network_backend=backend, **options))


class _AsyncPoolTransport(httpx.AsyncBaseTransport):
    def __init__(self, pool: httpcore.AsyncConnectionPool) -> None:
        self._pool = pool

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request."""
        with _httpx_errors():
            answer = await self._pool.handle_async_request(_core_request(request))
        return _response(answer, _AsyncBody(answer))

    async def aclose(self) -> None:
        """Close every connection."""
        with _httpx_errors():
            await self._pool.aclose()


class AsyncLeasedTransport(_AsyncPoolTransport):
    """The same as LeasedTransport on asyncio and trio."""

    def __init__(
        self,
        source: str,
        *,
        guard: Guard | None = None,
        verify: ssl.SSLContext | str | bool = True,
        cert: Any = None,
        http1: bool = True,
        http2: bool = False,
        limits: httpx.Limits = LIMITS,
    ) -> None:
        import httpcore  # noqa: PLC0415 - importing the library must cost nothing but httpx, which also waits with this

        from ipv6console.client.network import AsyncLeasedBackend, always  # noqa: PLC0415 - needs httpcore

        self.source = source
        backend = AsyncLeasedBackend(source, guard or always)
        options = _pool_options(verify, cert, http1, http2, limits)
        super().__init__(httpcore.AsyncConnectionPool(network_backend=backend, **options))


class _Body(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _httpx_errors():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _httpx_errors():
            self._answer.close()


class _AsyncBody(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _httpx_errors():
            async for part in self._answer.aiter_stream():
                yield part

    async def aclose(self) -> None:
        with _httpx_errors():
            await self._answer.aclose()


def _pool_options(
    verify: ssl.SSLContext | str | bool,
    cert: Any,
    http1: bool,
    http2: bool,
    limits: httpx.Limits,
) -> dict[str, Any]:
    return {
        "ssl_context": shared_context(http2=http2, verify=verify, cert=cert),
        "http1": http1,
        "http2": http2,
        **_bounds(limits),
    }


def _bounds(limits: httpx.Limits) -> dict[str, Any]:
    return {
        "max_connections": limits.max_connections,
        "max_keepalive_connections": limits.max_keepalive_connections,
        "keepalive_expiry": limits.keepalive_expiry,
    }


def _core_request(request: httpx.Request) -> httpcore.Request:
    import httpcore  # noqa: PLC0415 - importing the library must cost nothing but httpx, which also waits with this

    url = request.url
    return httpcore.Request(
        method=request.method,
        url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
        headers=request.headers.raw,
        content=request.stream,
        extensions=request.extensions,
    )


def _response(answer: httpcore.Response, body: _Body | _AsyncBody) -> httpx.Response:
    return httpx.Response(
        status_code=answer.status, headers=answer.headers, stream=body, extensions=dict(answer.extensions)
    )


@contextmanager
def _httpx_errors() -> Iterator[None]:
    """Turn each error of httpcore into httpx's error of the same name; all others pass."""
    try:
        yield
    except Exception as error:
        for kind in type(error).__mro__:
            if kind.__module__ == "httpcore" and hasattr(httpx, kind.__name__):
                raise getattr(httpx, kind.__name__)(str(error)) from error
        raise
