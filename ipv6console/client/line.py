"""Line: this process's connections to an engine, which its sessions share, so that a new session need not connect."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import httpx

from ipv6console.client.engine import IPv6Client, open_transport
from ipv6console.client.place import Place

_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=20, keepalive_expiry=30.0)
"""As many connections as wait in line at a time; what is idle for longer than this the engine might be closing."""

_IDLE_LINES = 4
"""Lines of which no session is left that are kept for the next one."""


class SessionClient(IPv6Client):
    """An IPv6Client on the line to its engine; closing it leaves the line's connections to the next session."""

    def _open(self) -> httpx.BaseTransport:
        return _Share(self.place)


class _Key(NamedTuple):
    """Who is connected to what: an engine asks a Unix socket for process and user, and 127.0.0.1 is one to a namespace."""

    process: int
    user: int
    group: int
    network: int
    place: Place


class _Line:
    def __init__(self, transport: httpx.BaseTransport) -> None:
        self.transport = transport
        self.users = 0


class _Lines:
    """The lines of this process, the one taken last at the end."""

    def __init__(self, connect: Callable[[Place], httpx.BaseTransport]) -> None:
        self._connect = connect
        # The collector may end a forgotten session in the middle of this, so `leave` does no more than count.
        self._lock = threading.RLock()
        self._lines: dict[_Key, _Line] = {}

    def take(self, key: _Key) -> _Line:
        with self._lock:
            line = self._lines.pop(key, None) or _Line(self._connect(key.place))
            self._lines[key] = line
            line.users += 1
            idle = [other for other, kept in self._lines.items() if not kept.users and other.process == key.process]
            for other in idle[:-_IDLE_LINES]:
                self._lines.pop(other).transport.close()
            return line

    def leave(self, line: _Line) -> None:
        with self._lock:
            line.users -= 1

    def close(self) -> None:
        """Close what is left at the interpreter's exit; in a fork the connections are the parent's."""
        for key, line in self._lines.items():
            if key.process == os.getpid():
                line.transport.close()

    def forked(self) -> None:
        """Forget the parent's lock, which another thread of it may have held; its lines stay open and unused."""
        self._lock = threading.RLock()


class _Share(httpx.BaseTransport):
    """One session's share in a line."""

    def __init__(self, place: Place) -> None:
        self._line: _Line | None = _lines.take(_key(place))

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request over a connection that is free, or a new one."""
        if self._line is None:
            raise httpx.ConnectError("the session has left its line to the engine")
        return self._line.transport.handle_request(request)

    def close(self) -> None:
        """Leave the line to others."""
        line, self._line = self._line, None
        if line is not None:
            _lines.leave(line)


def _key(place: Place) -> _Key:
    network = 0 if place.socket else Path("/proc/thread-self/ns/net").stat().st_ino
    return _Key(os.getpid(), os.geteuid(), os.getegid(), network, place)


_lines = _Lines(lambda place: open_transport(place, _LIMITS))
os.register_at_fork(after_in_child=_lines.forked)
atexit.register(_lines.close)
