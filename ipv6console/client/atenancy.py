"""AsyncTenancy: which leases a session lives on, and how it moves from one to the next."""

from __future__ import annotations

import weakref
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

import anyio

from ipv6console.client.alessor import AsyncLessor
from ipv6console.client.errors import LeaseLost
from ipv6console.client.hold import ENDINGS, Ending, Hold, closed
from ipv6console.client.origin import Origin
from ipv6console.client.rotation import Rotation
from ipv6console.client.shield import shielded
from ipv6console.client.stay import Stay
from ipv6console.wire.reply import Reply


class AsyncDoor(Protocol):
    """What sends from one leased address."""

    async def aclose(self) -> None:
        """Close every connection."""
        ...


D = TypeVar("D", bound=AsyncDoor)
_LEAVING = "the session was about to give it back"


class AsyncTenancy(Generic[D]):
    """At most one lease for new requests, and those that older requests have not left yet.

    Traffic stops before a lease is given back, because the engine may hand the address out again at once.
    """

    def __init__(self, lessor: AsyncLessor, rotation: Rotation, open_door: Callable[[Hold], D]) -> None:
        self.rotation = rotation
        self.origin = Origin()
        self._lessor = lessor
        self._open_door = open_door
        self._moving = anyio.Lock()
        self._stay: Stay[D] | None = None
        self._left: set[Stay[D]] = set()
        self._forgotten: deque[tuple[Stay[D], Ending | None]] = deque()
        self._closed = False

    @property
    def addr(self) -> str:
        """The address of the next request; raises LeaseLost when there is none."""
        return self._required().hold.addr

    async def occupy(self) -> None:
        """Take a lease if there is none."""
        self.origin.require()
        async with self._moving:
            if self._stay is None:
                await self._take()

    async def enter(self) -> Stay[D]:
        """Return the lease for one more request, after moving if it is time; `leave` must follow."""
        self.origin.require()
        while self._forgotten:
            await self.leave(*self._forgotten.popleft())
        while True:
            stay = self._stay
            if stay is not None and not self.rotation.due(stay.uses):
                stay.hold.require()
                stay.enter()
                return stay
            async with self._moving:
                if self._stay is not stay:
                    continue
                if stay is not None:
                    await self._retire(stay, Ending())
                await self._take()

    async def leave(self, stay: Stay[D], ending: Ending | None = None) -> None:
        """End one request; with `ending` the next one moves, and the last to leave gives the lease back."""
        vacant = stay.leave(ending)
        if stay.ending is not None:
            self._vacate(stay)
        if vacant:
            await self._give_back(stay)

    def leaving(self, body: object, stay: Stay[D], ending: Ending | None) -> Callable[[], Awaitable[None]]:
        """Return what ends a request whose `body` is still to be read, once; a forgotten body is ended by the next request."""
        forgotten = weakref.finalize(body, self._forgotten.append, (stay, ending))
        forgotten.atexit = False

        async def leave() -> None:
            if forgotten.detach():
                await self.leave(stay, ending)

        return leave

    async def move(self, ending: Ending) -> str:
        """Give the lease back, cutting what is on its way, and take another; return its address."""
        self.origin.require()
        async with self._moving:
            if self._stay is not None:
                await self._end(self._stay, ending)
            return (await self._take()).hold.addr

    async def report(self, status: str, target: str | None, reason: str | None) -> Reply:
        """Tell the engine how the address did."""
        self.origin.require()
        async with self._moving:
            stay = self._stay
            if stay is None:
                raise LeaseLost(None, "the session holds no lease")
            if status in ENDINGS:
                reply = await self._end(stay, Ending(status=status, target=target, reason=reason))
            else:
                reply = await self._lessor.report(stay.hold, status, target, reason)
            if not reply.success:
                raise stay.hold.lose(reply.detail or "the engine says that its lease has ended")
            return reply

    async def renew(self, ttl: float | None) -> float:
        """Let the lease run on; return its seconds."""
        self.origin.require()
        async with self._moving:
            hold = self._required().hold
            granted = await self._lessor.renew(hold, ttl)
            self._lessor.renewed(hold)
            return granted

    async def close(self) -> None:
        """Cut what is on its way and give everything back; an engine that does not take it lets it run out."""
        self._closed = True
        self._lessor.wait_no_more()
        await shielded(self._leave_all())

    async def _leave_all(self) -> None:
        async with self._moving:
            stays = {*self._left, *({self._stay} if self._stay else ())}
            self._stay = None
            vacant = [stay for stay in stays if stay.evict()]
            await self._lessor.stop()
            await self._lessor.settle()
            for stay in vacant:
                await self._return(stay)

    def _required(self) -> Stay[D]:
        stay = self._stay
        if stay is None:
            raise LeaseLost(None, "the session holds no lease")
        stay.hold.require()
        return stay

    async def _take(self) -> Stay[D]:
        if self._closed:
            raise closed()
        taken: list[Stay[D]] = []

        def move_in(hold: Hold) -> None:
            self._stay = Stay(hold, self._open_door(hold))
            taken.append(self._stay)

        await self._lessor.take(move_in)
        return taken[0]

    async def _retire(self, stay: Stay[D], ending: Ending) -> None:
        stay.retire(ending)
        self._vacate(stay)
        vacant = stay.vacant()
        if vacant:
            await self._give_back(stay)

    def _vacate(self, stay: Stay[D]) -> None:
        if self._stay is stay:
            self._stay = None
        if not stay.ended:
            self._left.add(stay)

    async def _give_back(self, stay: Stay[D]) -> None:
        # A cancelled task gives its lease back too; the engine client's own timeout bounds the wait.
        await shielded(self._return(stay))

    async def _return(self, stay: Stay[D]) -> None:
        stay.hold.lose(_LEAVING)
        try:
            await stay.door.aclose()
        finally:
            await self._lessor.end_quietly(stay.hold, stay.ending or Ending())
            self._left.discard(stay)

    async def _end(self, stay: Stay[D], ending: Ending) -> Reply:
        """Give the lease back at once; it stays the session's, closed for traffic, when that fails."""
        stay.ended = True
        stay.hold.lose(_LEAVING)
        try:
            await stay.door.aclose()
            reply = await self._lessor.end(stay.hold, ending)
        except BaseException:
            stay.ended = False
            raise
        self._stay = None
        return reply
