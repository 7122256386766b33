"""Tenancy: which leases a session lives on, and how it moves from one to the next."""

from __future__ import annotations

import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from ipv6console.client.errors import LeaseLost
from ipv6console.client.hold import ENDINGS, Ending, Hold, closed
from ipv6console.client.lessor import Lessor
from ipv6console.client.origin import Origin
from ipv6console.client.rotation import Rotation
from ipv6console.client.stay import Stay
from ipv6console.wire.reply import Reply


class Door(Protocol):
    """What sends from one leased address."""

    def close(self) -> None:
        """Close every connection."""
        ...


D = TypeVar("D", bound=Door)
_LEAVING = "the session was about to give it back"


class Tenancy(Generic[D]):
    """At most one lease for new requests, and those that older requests have not left yet.

    Traffic stops before a lease is given back, because the engine may hand the address out again at once.
    """

    def __init__(self, lessor: Lessor, rotation: Rotation, open_door: Callable[[Hold], D]) -> None:
        self.rotation = rotation
        self.origin = Origin()
        self._lessor = lessor
        self._open_door = open_door
        self._moving = threading.RLock()
        self._counting = threading.Lock()
        self._stay: Stay[D] | None = None
        self._left: set[Stay[D]] = set()
        self._forgotten: deque[tuple[Stay[D], Ending | None]] = deque()
        self._closed = False

    @property
    def addr(self) -> str:
        """The address of the next request; raises LeaseLost when there is none."""
        return self._required().hold.addr

    def occupy(self) -> None:
        """Take a lease if there is none."""
        self.origin.require()
        with self._moving:
            if self._stay is None:
                self._take()

    def enter(self) -> Stay[D]:
        """Return the lease for one more request, after moving if it is time; `leave` must follow."""
        self.origin.require()
        self._leave_forgotten()
        while True:
            with self._counting:
                stay = self._stay
                if stay is not None and not self.rotation.due(stay.uses):
                    stay.hold.require()
                    stay.enter()
                    return stay
            with self._moving:
                if self._stay is not stay:
                    continue
                if stay is not None:
                    self._retire(stay, Ending())
                self._take()

    def leave(self, stay: Stay[D], ending: Ending | None = None) -> None:
        """End one request; with `ending` the next one moves, and the last to leave gives the lease back."""
        with self._counting:
            vacant = stay.leave(ending)
            if stay.ending is not None:
                self._vacate(stay)
        if vacant:
            self._give_back(stay)

    def leaving(self, body: object, stay: Stay[D], ending: Ending | None) -> Callable[[], None]:
        """Return what ends a request whose `body` is still to be read, once; a forgotten body is ended by the next request.

        The collector may find it at any moment, also within a lock, so that nothing more can be done then.
        """
        forgotten = weakref.finalize(body, self._forgotten.append, (stay, ending))
        forgotten.atexit = False

        def leave() -> None:
            if forgotten.detach():
                self.leave(stay, ending)

        return leave

    def move(self, ending: Ending) -> str:
        """Give the lease back, cutting what is on its way, and take another; return its address."""
        self.origin.require()
        with self._moving:
            if self._stay is not None:
                self._end(self._stay, ending)
            return self._take().hold.addr

    def report(self, status: str, target: str | None, reason: str | None) -> Reply:
        """Tell the engine how the address did."""
        self.origin.require()
        with self._moving:
            stay = self._stay
            if stay is None:
                raise LeaseLost(None, "the session holds no lease")
            if status in ENDINGS:
                reply = self._end(stay, Ending(status=status, target=target, reason=reason))
            else:
                reply = self._lessor.report(stay.hold, status, target, reason)
            if not reply.success:
                raise stay.hold.lose(reply.detail or "the engine says that its lease has ended")
            return reply

    def renew(self, ttl: float | None) -> float:
        """Let the lease run on; return its seconds."""
        self.origin.require()
        with self._moving:
            hold = self._required().hold
            granted = self._lessor.renew(hold, ttl)
            self._lessor.renewed(hold)
            return granted

    def close(self) -> None:
        """Cut what is on its way and give everything back; an engine that does not take it lets it run out."""
        self._closed = True
        self._lessor.wait_no_more()
        with self._moving:
            with self._counting:
                stays = {*self._left, *({self._stay} if self._stay else ())}
                self._stay = None
                vacant = [stay for stay in stays if stay.evict()]
            self._lessor.stop()
            self._lessor.settle()
            for stay in vacant:
                self._give_back(stay)

    def _leave_forgotten(self) -> None:
        while True:
            try:
                stay, ending = self._forgotten.popleft()
            except IndexError:  # asking first would not do: another thread may be faster
                return
            self.leave(stay, ending)

    def _required(self) -> Stay[D]:
        stay = self._stay
        if stay is None:
            raise LeaseLost(None, "the session holds no lease")
        stay.hold.require()
        return stay

    def _take(self) -> Stay[D]:
        if self._closed:
            raise closed()
        hold = self._lessor.take()
        try:
            stay = Stay(hold, self._open_door(hold))
        except BaseException:
            self._lessor.end_quietly(hold, Ending())
            raise
        self._stay = stay
        return stay

    def _retire(self, stay: Stay[D], ending: Ending) -> None:
        with self._counting:
            stay.retire(ending)
            self._vacate(stay)
            vacant = stay.vacant()
        if vacant:
            self._give_back(stay)

    def _vacate(self, stay: Stay[D]) -> None:
        if self._stay is stay:
            self._stay = None
        if not stay.ended:
            self._left.add(stay)

    def _give_back(self, stay: Stay[D]) -> None:
        stay.hold.lose(_LEAVING)
        try:
            stay.door.close()
        finally:
            self._lessor.end_quietly(stay.hold, stay.ending or Ending())
            with self._counting:
                self._left.discard(stay)

    def _end(self, stay: Stay[D], ending: Ending) -> Reply:
        """Give the lease back at once; it stays the session's, closed for traffic, when that fails."""
        with self._counting:
            stay.ended = True
        stay.hold.lose(_LEAVING)
        try:
            stay.door.close()
            reply = self._lessor.end(stay.hold, ending)
        except BaseException:
            stay.ended = False
            raise
        self._stay = None
        return reply
