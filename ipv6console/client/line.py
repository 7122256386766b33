"""Line: this process's connections to an engine, which its sessions share, so that a new session need not connect."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from typing import NamedTuple

import httpx

from ipv6console.client.engine import AsyncIPv6Client, IPv6Client
from ipv6console.client.place import Place

_IDLE_LINES = 4
"""Lines of which no session is left that are kept for the next one."""


class SessionClient(IPv6Client):
    """An IPv6Client on the line to its engine; closing it leaves the line's connections to the next session.

    Another thread that is giving a lease back meanwhile may still use it. An engine behind TLS is not shared.
    """

    def _open(self) -> httpx.BaseTransport:
        if self.place.secure:
            return super()._open()
        from ipv6console.client.plain import PlainTransport  # noqa: PLC0415 - as in IPv6Client

        line = _lines.take(_key(self.place))
        return PlainTransport(self.place, line.connections, _leaving(self, line))

    def close(self) -> None:
        """Leave the line."""
        self._transport.close()


class AsyncSessionClient(AsyncIPv6Client):
    """The same for async sessions, whatever the event loop: a connection that is idle belongs to none."""

    def _open(self) -> httpx.AsyncBaseTransport:
        if self.place.secure:
            return super()._open()
        from ipv6console.client.plain import AsyncPlainTransport  # noqa: PLC0415 - as in AsyncIPv6Client

        line = _lines.take(_key(self.place))
        return AsyncPlainTransport(self.place, line.connections, _leaving(self, line))

    async def aclose(self) -> None:
        """Leave the line."""
        await self._transport.aclose()


class _Key(NamedTuple):
    """Who is connected to what: an engine asks a Unix socket for process and user, and 127.0.0.1 is one to a namespace."""

    process: int
    user: int
    group: int
    network: int
    place: Place


class _Line:
    def __init__(self) -> None:
        from ipv6console.client.connection import Connections  # noqa: PLC0415 - as in IPv6Client

        self.connections = Connections()
        self.users = 0


class _Lines:
    """The lines of this process, the one taken last at the end."""

    def __init__(self) -> None:
        # The collector may end a forgotten session in the middle of this, so `leave` does no more than count.
        self._lock = threading.RLock()
        self._lines: dict[_Key, _Line] = {}

    def take(self, key: _Key) -> _Line:
        with self._lock:
            line = self._lines.pop(key, None) or _Line()
            self._lines[key] = line
            line.users += 1
            idle = [other for other, kept in self._lines.items() if not kept.users and other.process == key.process]
            for other in idle[:-_IDLE_LINES]:
                self._lines.pop(other).connections.close()
            return line

    def leave(self, line: _Line) -> None:
        with self._lock:
            line.users -= 1

    def close(self) -> None:
        """Close what is left at the interpreter's exit."""
        for line in tuple(self._lines.values()):
            line.connections.close()

    def forked(self) -> None:
        """Forget the parent's lock, which another thread of it may have held; its lines stay open and unused."""
        self._lock = threading.RLock()


def _leaving(client: object, line: _Line) -> weakref.finalize[[_Line], object]:
    """Return what leaves the line, once; whoever is forgotten leaves it, too."""
    leave = weakref.finalize(client, _lines.leave, line)
    leave.atexit = False
    return leave


def _key(place: Place) -> _Key:
    network = 0 if place.socket else Path("/proc/thread-self/ns/net").stat().st_ino
    return _Key(os.getpid(), os.geteuid(), os.getegid(), network, place)


_lines = _Lines()
os.register_at_fork(after_in_child=_lines.forked)
# Not by atexit: finalizers run in their own order, the last made first, and sessions give their leases back in one.
weakref.finalize(SessionClient, _lines.close)
