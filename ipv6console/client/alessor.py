"""AsyncLessor: leases of one mirror at one engine, taken, kept alive and given back."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import anyio

from ipv6console.client.arenewer import AsyncRenewer
from ipv6console.client.errors import EngineRefused, EngineUnreachable, PoolEmpty
from ipv6console.client.hold import Clock, Ending, Hold, Terms, closed, hold_from, in_line
from ipv6console.client.shield import shielded
from ipv6console.wire.reply import PickReply, Reply

if TYPE_CHECKING:
    from ipv6console.client.engine import AsyncIPv6Client

logger = logging.getLogger("ipv6console.client")


class AsyncLessor:
    """What an async session or `client.lease()` does with the engine."""

    def __init__(
        self, engine: AsyncIPv6Client, terms: Terms, clock: Clock, sleep: Callable[[float], Awaitable[None]] | None
    ) -> None:
        self.terms = terms
        self._engine = engine
        self._clock = clock
        self._sleep = sleep or anyio.sleep
        self._renewer = AsyncRenewer(self.renew, clock)
        self._owed: list[tuple[Hold, Ending]] = []
        self._renewing = anyio.Lock()
        self._waits = True

    async def take(self, taken: Callable[[Hold], None]) -> None:
        """Lease an address, waiting as the terms say; raises PoolEmpty, EngineUnreachable and EngineRefused.

        `taken` gets it before a cancellation can, so that no lease is forgotten. After `wait_no_more` it raises
        LeaseLost when the try under way fails.
        """
        if self._owed:
            await shielded(self.settle())
        detail = None
        tries = 0
        for pause in self.terms.pauses():
            asked_at = self._clock()
            empty = await shielded(self._try(pause, asked_at, taken))
            tries += 1
            if empty is None:
                return
            if not self._waits:
                raise closed()
            detail = empty.detail
            rest = (pause or 0.0) - (self._clock() - asked_at)
            if rest > 0:  # the engine has a reason not to let it wait
                await self._sleep(rest)
        raise PoolEmpty(self.terms.dbname, tries, detail)

    def wait_no_more(self) -> None:
        """Let nobody wait in line any longer than for the try that is under way."""
        self._waits = False

    async def renew(self, hold: Hold, ttl: float | None = None) -> float:
        """Let a lease run on; return its seconds. Raises LeaseLost, EngineUnreachable and EngineRefused."""
        # One at a time: of two answers that overtake each other the longer one would win, though the engine did that first.
        async with self._renewing:
            asked_at = self._clock()
            try:
                reply = await self._engine.renew(hold.lease, self.terms.ttl if ttl is None else ttl)
            except EngineRefused as refused:
                if refused.status == 404:
                    raise hold.lose(refused.detail) from refused
                raise
            hold.extend(reply.ttl, asked_at)
        return reply.ttl

    def renewed(self, hold: Hold) -> None:
        """Take note that the time of a lease was changed by hand."""
        self._renewer.keep(hold)

    async def report(self, hold: Hold, status: str, target: str | None = None, reason: str | None = None) -> Reply:
        """Tell the engine how an address did; the lease may end with it."""
        return await self._engine.report(
            hold.addr, status, self.terms.dbname, lease=hold.lease, target=target, reason=reason
        )

    async def end(self, hold: Hold, ending: Ending) -> Reply:
        """Give a lease back whose traffic has stopped; raises EngineUnreachable and EngineRefused, and keeps it then."""
        hold.lose("it was given back")
        reply = await self.report(hold, ending.status, ending.target, ending.reason)
        self._renewer.drop(hold)
        if not reply.success:
            logger.info("the lease on %s had ended before it was given back: %s", hold.addr, reply.detail)
        return reply

    async def end_quietly(self, hold: Hold, ending: Ending) -> None:
        """Give a lease back when nobody can be told of a failure; it is tried again with the next lease and at the end."""
        if not hold.origin.here:
            return  # a forked child's copy; the lease is the parent's
        try:
            await self.end(hold, ending)
        except (EngineUnreachable, EngineRefused) as error:
            self._renewer.drop(hold)
            self._owed.append((hold, ending))
            logger.warning(
                "the lease on %s was not given back and runs until its TTL, unless a later try succeeds: %s",
                hold.addr,
                error,
            )

    async def settle(self) -> None:
        """Give back what could not be given back before; what has run out needs nothing."""
        owed, self._owed = self._owed, []
        for hold, ending in owed:
            if not hold.ended():
                await self.end_quietly(hold, ending)

    async def stop(self) -> None:
        """Renew nothing any more; leases not given back run until their TTL."""
        await self._renewer.stop()

    def abandon(self) -> None:
        """Renew nothing any more, from whatever thread; leases run until their TTL."""
        self._renewer.abandon()

    async def _try(self, pause: float | None, asked_at: float, taken: Callable[[Hold], None]) -> PickReply | None:
        """Ask once; return the answer of an empty mirror, None when `taken` has a lease."""
        reply = await self._engine.pick(
            self.terms.dbname,
            ttl=self.terms.ttl,
            holder=self.terms.holder,
            wait=in_line(pause),
            target=self.terms.target,
        )
        hold = hold_from(reply, asked_at, self._clock)
        if hold is None:
            return reply
        try:
            self._renewer.keep(hold)
            taken(hold)
        except BaseException:
            await self.end_quietly(hold, Ending())
            raise
        return None
