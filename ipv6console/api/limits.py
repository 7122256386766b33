"""How much one caller may ask of the server, in bytes and seconds."""

from __future__ import annotations

import resource
from dataclasses import dataclass

IMPORT = "/import"


_OWN_FILES = 512
"""Database, netlink, checks and what is read from /proc."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of one connection; sizes in bytes, times in seconds.

    `body` bounds the body of every request but an operator's import, which `imported` bounds.
    `head_seconds` and `body_seconds` bound slow senders, `send_seconds` a watcher that stopped reading, `grace` the
    time running requests get when the server stops. `connections` may be open at once; 0 is as many as the process may
    have files, less those the engine needs itself.
    """

    body: int = 1 << 20
    imported: int = 64 << 20
    head: int = 16 << 10
    message: int = 64 << 10
    head_seconds: float = 10.0
    body_seconds: float = 30.0
    send_seconds: float = 10.0
    queue: int = 32
    keep_alive: int = 75
    ping_interval: float = 30.0
    pong_timeout: float = 10.0
    close_timeout: float = 10.0
    grace: int = 3
    connections: int = 0

    def most_connections(self) -> int:
        """Return how many connections may be open at once (getrlimit(2))."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        return self.connections or max(files - _OWN_FILES, files // 2)

    def bound(self, path: str) -> int:
        """Return how many bytes the body of a request for `path` may have."""
        return self.imported if path == IMPORT else self.body


LIMITS = Limits()
