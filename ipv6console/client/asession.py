"""AsyncIPv6Session: an httpx.AsyncClient whose traffic leaves from a leased address, or not at all."""

from __future__ import annotations

import os
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from functools import partial
from typing import TYPE_CHECKING, Any, Self

import httpx

from ipv6console.client.hold import (
    ENDINGS,
    STATUSES,
    Clock,
    Ending,
    Hold,
    Terms,
    boottime,
    require_status,
    split_options,
)
from ipv6console.client.line import AsyncSessionClient
from ipv6console.client.request import DEFAULT_DBNAME
from ipv6console.client.rotation import Rotate, rotation_from
from ipv6console.client.stay import Stay, present_stay, through
from ipv6console.client.transport import AsyncLeasedTransport
from ipv6console.client.visit import HttpxVisit
from ipv6console.wire.reply import Reply

if TYPE_CHECKING:
    from ipv6console.client.alessor import AsyncLessor
    from ipv6console.client.atenancy import AsyncTenancy
    from ipv6console.client.engine import AsyncIPv6Client


class AsyncIPv6Session(httpx.AsyncClient):
    """An httpx.AsyncClient on a lease of mirror `dbname`, for asyncio and trio; options and errors as in IPv6Session.

    `async with` takes the lease (without it the first request does) and gives it back at the end. One that is forgotten
    without `aclose` is renewed no more and runs until its TTL. A task that is cancelled while it waits in line ends when the
    engine has answered, within `adapt_retry_interval` seconds, lest a lease be forgotten.
    """

    def __init__(
        self,
        dbname: str = DEFAULT_DBNAME,
        *,
        url: str | None = None,
        socket: str | os.PathLike[str] | None = None,
        token: str | None = None,
        token_file: str | os.PathLike[str] | None = None,
        ttl: float = 3_600.0,
        adapt_retry_interval: float = 5.0,
        adapt_max_retries: int | None = 15,
        holder: str | None = None,
        target: str | None = None,
        rotate: Rotate = None,
        rotate_on_status: Collection[int] | None = None,
        rotate_on: Collection[type[Exception]] = (),
        retries: int = 0,
        clock: Clock = boottime,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        **options: Any,
    ) -> None:
        from ipv6console.client.alessor import AsyncLessor  # noqa: PLC0415 - needs anyio, which httpx also loads late
        from ipv6console.client.atenancy import AsyncTenancy  # noqa: PLC0415 - as above

        transport_options, httpx_options = split_options(options)
        terms = Terms(
            dbname=dbname,
            ttl=ttl,
            holder=holder,
            interval=adapt_retry_interval,
            retries=adapt_max_retries,
            target=target,
        )
        rotation = rotation_from(rotate, rotate_on_status, rotate_on, retries)
        engine = AsyncSessionClient(url, socket, token=token, token_file=token_file)
        lessor = AsyncLessor(engine, terms, clock, sleep)
        self._tenancy = AsyncTenancy(lessor, rotation, partial(_door, transport_options))
        super().__init__(transport=_SessionTransport(self._tenancy, lessor, engine), trust_env=False, **httpx_options)

    @property
    def addr(self) -> str:
        """The leased address; raises LeaseLost when there is none, so that nothing is bound to nothing."""
        return self._tenancy.addr

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        try:
            await self._tenancy.occupy()
        except BaseException:
            await self.aclose()
            raise
        return self

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        """Send a request and its redirects from one leased address, as httpx.AsyncClient.send does."""
        if self.is_closed:
            raise RuntimeError("this session has been closed; it sends nothing")
        visit = HttpxVisit(self._tenancy.rotation, request)
        while True:
            stay = await self._tenancy.enter()
            visit.begin()
            try:
                with through(stay):
                    response = await super().send(request, **options)
            except BaseException as error:
                await self._tenancy.leave(stay, visit.failed(error))
                if not visit.again:
                    raise
                continue
            ending = visit.answered(response)
            if not (visit.again or response.is_closed):
                response.stream = _Stream(response.stream, self, stay, ending)
                return response
            try:
                await response.aclose()
            finally:
                await self._tenancy.leave(stay, ending)
            if not visit.again:
                return response

    async def adapt(self, status: str = "idle", *, target: str | None = None, reason: str | None = None) -> str:
        """Give the present address back (`status` "bad" if it was banned) and lease another; return the new one.

        The old connections are closed first. Raises what taking a lease raises; the session then holds none, or, when
        giving back failed, one it no longer sends from and gives back with the next `adapt` or at the end.
        """
        require_status(status, ENDINGS)
        return await self._tenancy.move(Ending(status=status, target=target, reason=reason))

    async def report(self, status: str, *, target: str | None = None, reason: str | None = None) -> Reply:
        """Tell the engine how the address did: "idle" or "bad" end the lease, "using" does not.

        After the end the next request, or `adapt`, leases another address. Raises LeaseLost when the engine says that
        the lease had ended before.
        """
        require_status(status, STATUSES)
        return await self._tenancy.report(status, target, reason)

    async def renew(self, ttl: float | None = None) -> float:
        """Let the lease run for `ttl` seconds from now (default: as long as it was taken for); return the seconds.

        The session does so by itself. Raises LeaseLost when the engine says that it has ended.
        """
        return await self._tenancy.renew(ttl)


class _SessionTransport(httpx.AsyncBaseTransport):
    """Sends each request through the lease that `send` chose for it."""

    def __init__(
        self, tenancy: AsyncTenancy[AsyncLeasedTransport], lessor: AsyncLessor, engine: AsyncIPv6Client
    ) -> None:
        self._tenancy = tenancy
        self._engine = engine
        weakref.finalize(self, lessor.abandon)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        transport: AsyncLeasedTransport = present_stay().door
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        if not self._tenancy.origin.here:
            return  # a forked child's copy; the lease is the parent's
        try:
            await self._tenancy.close()
        finally:
            await self._engine.aclose()


class _Stream(httpx.AsyncByteStream):
    """A response's body; the address is left when it is closed. It keeps the session alive until then."""

    def __init__(
        self, stream: Any, session: AsyncIPv6Session, stay: Stay[AsyncLeasedTransport], ending: Ending | None
    ) -> None:
        self._stream = stream
        self._session = session
        self._leave = session._tenancy.leaving(self, stay, ending)  # noqa: SLF001 - a part of the session

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._stream:
            yield part

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            await self._leave()


def _door(options: dict[str, Any], hold: Hold) -> AsyncLeasedTransport:
    return AsyncLeasedTransport(hold.addr, guard=hold.require, **options)
