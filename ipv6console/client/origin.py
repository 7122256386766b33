"""Origin: the process that a session belongs to."""

from __future__ import annotations

import os

from ipv6console.client.errors import LeaseLost


class Origin:
    """The process that made it. A fork has copies of its leases and connections, but no renewer, and no right to them."""

    def __init__(self) -> None:
        self._process = os.getpid()

    @property
    def here(self) -> bool:
        """Return whether this still is that process."""
        return os.getpid() == self._process

    def require(self, addr: str | None = None) -> None:
        """Raise LeaseLost in a fork: its parent may give `addr` back at any moment, and somebody else send from it."""
        if not self.here:
            raise LeaseLost(addr, "the session belongs to another process, of which this is a fork", _NEXT)


_NEXT = "make a session in each process"
