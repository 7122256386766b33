"""AsyncTenancy: taking, keeping and giving back the lease of one AsyncIPv6Session."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any

import anyio
import httpx

from ipv6console.client.engine import AsyncIPv6Client
from ipv6console.client.errors import EngineRefused, EngineUnreachable, PoolEmpty
from ipv6console.client.hold import ENDINGS, Book, Hold, Terms, hold_from
from ipv6console.client.transport import AsyncLeasedTransport
from ipv6console.wire.reply import Reply

logger = logging.getLogger("ipv6console.client")


class AsyncTenancy(httpx.AsyncBaseTransport):
    """The session's transport: stands in front of the one that is bound to the present lease, if there is one.

    Traffic stops before a lease is given back, because the engine may hand the address out again at once.
    """

    def __init__(
        self,
        engine: AsyncIPv6Client,
        terms: Terms,
        book: Book,
        sleep: Callable[[float], Awaitable[None]] | None,
        options: dict[str, Any],
    ) -> None:
        self.book = book
        self._engine = engine
        self._terms = terms
        self._sleep = sleep or anyio.sleep
        self._options = options
        self._lock = anyio.Lock()
        self._transport: AsyncLeasedTransport | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request from the leased address."""
        transport = await self.occupy()
        return await transport.handle_async_request(request)

    async def aclose(self) -> None:
        """Give the lease back; an engine that does not take it lets it run out."""
        # A cancelled task gives its lease back too; the engine client's own timeout bounds the wait.
        with anyio.CancelScope(shield=True):
            async with self._lock:
                await self._leave()

    async def _leave(self) -> None:
        try:
            if self.book.hold is not None:
                await self._end(self.book.hold)
        except (EngineUnreachable, EngineRefused) as error:
            logger.warning("a lease was not given back and runs until its TTL: %s", error)
        finally:
            await self._engine.aclose()

    async def occupy(self) -> AsyncLeasedTransport:
        """Return the transport of the present lease, taking one if the session has none; raises LeaseLost if it ended."""
        transport = self._transport
        if transport is None:
            async with self._lock:
                transport = self._transport or await self._take()
        self.book.require()
        return transport

    async def move(self, status: str, target: str | None, reason: str | None) -> str:
        """Give the lease back, take another, return its address."""
        async with self._lock:
            if self.book.hold is not None:
                await self._end(self.book.hold, status, target, reason)
            return (await self._take()).source

    async def report(self, status: str, target: str | None, reason: str | None) -> Reply:
        """Tell the engine how the address did."""
        async with self._lock:
            hold = self.book.hold or self.book.require()
            if status in ENDINGS:
                reply = await self._end(hold, status, target, reason)
            else:
                reply = await self._say(hold, status, target, reason)
            if not reply.success:
                raise self.book.lose(hold, reply.detail or "the engine says that its lease has ended")
            return reply

    async def renew(self, ttl: float | None) -> float:
        """Let the lease run on; return its seconds."""
        async with self._lock:
            hold = self.book.require()
            asked_at = self.book.now()
            try:
                reply = await self._engine.renew(hold.lease, ttl or self._terms.ttl)
            except EngineRefused as refused:
                if refused.status == 404:
                    raise self.book.lose(hold, refused.detail) from refused
                raise
            self.book.extend(reply, asked_at)
            return reply.ttl

    async def _take(self) -> AsyncLeasedTransport:
        if self.book.hold is not None:  # one that could not be given back must not be forgotten
            self.book.require()
        detail = None
        for pause in self._terms.pauses():
            asked_at = self.book.now()
            with anyio.CancelScope(shield=True):  # a lease granted to a cancelled task must be known to be given back
                reply = await self._engine.pick(self._terms.dbname, ttl=self._terms.ttl, holder=self._terms.holder)
            hold = hold_from(reply, asked_at)
            if hold is not None:
                self.book.open(hold)
                self._transport = AsyncLeasedTransport(hold.addr, guard=self.book.guard(hold), **self._options)
                return self._transport
            detail = reply.detail
            if pause is not None:
                await self._sleep(pause)
        raise PoolEmpty(self._terms.dbname, self._terms.retries + 1, detail)

    async def _end(
        self, hold: Hold, status: str = "idle", target: str | None = None, reason: str | None = None
    ) -> Reply:
        """Stop the traffic, then give the lease back; one that had ended already needs nothing."""
        self.book.lose(hold, "the session was about to give it back")
        transport, self._transport = self._transport, None
        if transport is not None:
            await transport.aclose()
        reply = await self._say(hold, status, target, reason)
        self.book.close()
        if not reply.success:
            logger.info("the lease on %s had ended before it was given back: %s", hold.addr, reply.detail)
        return reply

    async def _say(self, hold: Hold, status: str, target: str | None, reason: str | None) -> Reply:
        return await self._engine.report(
            hold.addr, status, self._terms.dbname, lease=hold.lease, target=target, reason=reason
        )
