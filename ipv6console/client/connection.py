"""Connections to an engine: plain HTTP/1.1 without any I/O, and where they wait for the next request.

While it waits a connection belongs to nobody: to no thread, no event loop and no session. No lock guards them, because the
collector may end a forgotten session, which then gives its lease back, at any moment and on any thread.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import h11
import httpx

_MOST_IDLE = 20
_LONGEST_IDLE = 30.0
"""Seconds; what is idle for longer than this the engine might be closing."""

_LARGEST_HEAD = 100 * 1024


class Connection:
    """One connected socket, which is not blocking while it is idle, and the request that is under way on it."""

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LARGEST_HEAD)
        self._head: h11.Response | None = None
        self._body = bytearray()
        self._idle_until = 0.0

    def ask(self, request: httpx.Request) -> bytes:
        """Return what to send; raises httpx.LocalProtocolError."""
        head = h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw)
        events: list[h11.Event] = [head, h11.EndOfMessage()]
        if body := request.read():
            events.insert(1, h11.Data(data=body))
        with _httpx_errors():
            return b"".join(self._protocol.send(event) or b"" for event in events)

    def hear(self, data: bytes) -> httpx.Response | None:
        """Take in what came, b"" at the end; return the answer when it is whole. Raises httpx.RemoteProtocolError."""
        if not data and self._protocol.their_state is h11.SEND_RESPONSE:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        with _httpx_errors():
            self._protocol.receive_data(data)
            while (event := self._protocol.next_event()) is not h11.NEED_DATA:
                if isinstance(event, h11.Response):
                    self._head = event
                elif isinstance(event, h11.Data):
                    self._body += event.data
                elif isinstance(event, h11.EndOfMessage):
                    return self._answer()
        return None

    def rest(self) -> bool:
        """Get ready for another request; return False when there can be none."""
        protocol = self._protocol
        if not (protocol.our_state is h11.DONE is protocol.their_state) or protocol.trailing_data[0]:
            return False
        protocol.start_next_cycle()
        self.socket.setblocking(False)
        self._idle_until = time.monotonic() + _LONGEST_IDLE
        return True

    def usable(self) -> bool:
        """Return whether an idle connection may be asked; one that has something to say was closed by its peer."""
        if time.monotonic() >= self._idle_until:
            return False
        try:
            self.socket.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def cut(self) -> None:
        """Let whoever waits for an answer see the end."""
        with suppress(OSError):  # the peer may have closed it first
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket, without a word to other processes that have it too."""
        self.socket.close()

    def _answer(self) -> httpx.Response:
        head, body = self._head, bytes(self._body)
        self._head, self._body = None, bytearray()
        if head is None:
            raise httpx.RemoteProtocolError("an answer without a status came")
        return httpx.Response(head.status_code, headers=head.headers.raw_items(), content=body)


class Connections:
    """All connections to one engine, for any thread, event loop and fork; each is used by one request at a time."""

    def __init__(self) -> None:
        self._process = os.getpid()
        self._idle: deque[Connection] = deque()
        self._busy: set[Connection] = set()
        self._closed = False

    def take(self) -> Connection | None:
        """Return an idle connection whose peer is still there, None when a new one is needed."""
        self._leave_the_parents()
        while (connection := _popped(self._idle)) is not None:
            if connection.usable():
                self._busy.add(connection)
                return connection
            connection.close()
        return None

    def add(self, connection: Connection) -> Connection:
        """Take note of a new connection that is in use; return it."""
        self._busy.add(connection)
        return connection

    def put(self, connection: Connection) -> None:
        """Keep a connection whose request was answered for the next one, if it can be."""
        self._busy.discard(connection)
        if self._closed or len(self._idle) >= _MOST_IDLE or not connection.rest():
            connection.close()
            return
        self._idle.append(connection)
        if self._closed:
            self._close_idle()

    def drop(self, connection: Connection) -> None:
        """Close a connection whose request was not answered."""
        self._busy.discard(connection)
        connection.close()

    def close(self) -> None:
        """Close the idle ones, cut those in use, and keep none from now on."""
        self._leave_the_parents()
        self._closed = True
        self._close_idle()
        for connection in tuple(self._busy):
            connection.cut()

    def _close_idle(self) -> None:
        while (connection := _popped(self._idle)) is not None:
            connection.close()

    def _leave_the_parents(self) -> None:
        """Use none of a parent's connections in its fork: each would hear the other's answers."""
        if self._process != os.getpid():
            self._process = os.getpid()
            self._busy = set()
            self._close_idle()


def _popped(idle: deque[Connection]) -> Connection | None:
    """Return the one used last; another thread may be faster at any moment."""
    try:
        return idle.pop()
    except IndexError:
        return None


@contextmanager
def _httpx_errors() -> Iterator[None]:
    try:
        yield
    except h11.RemoteProtocolError as error:
        raise httpx.RemoteProtocolError(str(error)) from error
    except h11.LocalProtocolError as error:
        raise httpx.LocalProtocolError(str(error)) from error
