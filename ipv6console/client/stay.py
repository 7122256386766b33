"""Stay: the time a session spends on one lease."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Generic, TypeVar

from ipv6console.client.errors import LeaseLost
from ipv6console.client.hold import Ending, Hold

D = TypeVar("D")


class Stay(Generic[D]):
    """One lease of a session and its `door`, through which alone its traffic goes.

    `users` counts requests on their way and responses not closed yet, `uses` all requests so far. `ending` is the verdict
    it is given back with when the last user leaves; `ended` says that somebody is giving it back.
    """

    def __init__(self, hold: Hold, door: D) -> None:
        self.hold = hold
        self.door = door
        self.users = 0
        self.uses = 0
        self.ending: Ending | None = None
        self.ended = False

    def enter(self) -> None:
        """Count one more request."""
        self.users += 1
        self.uses += 1

    def leave(self, ending: Ending | None) -> bool:
        """Count one user less; return whether the lease is to be given back now, by the caller."""
        self.users -= 1
        self.retire(ending)
        return self.vacant()

    def retire(self, ending: Ending | None) -> None:
        """Take in no more requests; a ban said later wins over a good word said earlier."""
        if ending is not None and (self.ending is None or ending.status == "bad"):
            self.ending = ending

    def evict(self) -> bool:
        """Count nobody as a user any more; return whether the lease is to be given back now, by the caller."""
        self.users = 0
        self.retire(Ending())
        return self.vacant()

    def vacant(self) -> bool:
        """Return whether the lease is to be given back now, by the caller; True only once."""
        if self.ending is None or self.users or self.ended:
            return False
        self.ended = True
        return True


_present: ContextVar[Stay[Any] | None] = ContextVar("ipv6console_stay", default=None)


@contextmanager
def through(stay: Stay[Any]) -> Iterator[None]:
    """Let what this thread or task sends meanwhile go through `stay`, whatever request it is: redirects, sign-ins."""
    before = _present.set(stay)
    try:
        yield
    finally:
        _present.reset(before)


def present_stay() -> Stay[Any]:
    """Return the lease that this thread or task sends through; raises LeaseLost when there is none."""
    stay = _present.get()
    if stay is None:
        raise LeaseLost(None, "this request did not come through the session")
    return stay
