"""Plain netlink sockets: one that asks the kernel for a table, one that hears what changes (netlink(7))."""

from __future__ import annotations

import errno
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import suppress

_NETLINK_ROUTE = 0
_ERROR, _DONE = 2, 3
_DUMP = 0x301
"""NLM_F_REQUEST and NLM_F_DUMP."""
_INTERRUPTED = 0x10
"""NLM_F_DUMP_INTR: the table changed while it was told, so what was told may not fit together."""
_AGAIN = 8
_PATIENCE = 5.0
_CHUNK = 1 << 17
_SO_RCVBUFFORCE = 33
_GROUPS = 0x1 | 0x4 | 0x100 | 0x400
"""RTMGRP_LINK, RTMGRP_NEIGH, RTMGRP_IPV6_IFADDR and RTMGRP_IPV6_ROUTE."""
_HEADER = struct.Struct("=IHHII")
_CODE = struct.Struct("=i")

Message = tuple[int, bytes]
"""Type (RTM_…) and body, without the header."""


class Questions:
    """Asks the kernel for whole tables, one after the other; `asked` counts them."""

    def __init__(self) -> None:
        self.asked = 0
        self._socket: socket.socket | None = None

    def table(self, kind: int, body: bytes) -> list[bytes]:
        """Return the bodies of all rows that the request `kind` with `body` is answered with; raises OSError."""
        for _ in range(_AGAIN):
            self.asked += 1
            try:
                rows = self._ask(kind, body)
            except OSError:
                self.close()
                raise
            if rows is not None:
                return rows
        raise OSError(errno.EAGAIN, "the kernel's tables change faster than they can be read")

    def close(self) -> None:
        """Close the socket; the next question opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _ask(self, kind: int, body: bytes) -> list[bytes] | None:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE)
            self._socket.settimeout(_PATIENCE)
            self._socket.bind((0, 0))
        number = self.asked & 0xFFFFFFFF
        self._socket.sendto(_HEADER.pack(_HEADER.size + len(body), kind, _DUMP, number, 0) + body, (0, 0))
        rows: list[bytes] = []
        whole = True
        while True:
            for answer, flags, of, content in _parted(self._socket.recv(_CHUNK)):
                if of != number:
                    continue
                whole = whole and not flags & _INTERRUPTED
                if answer in (_ERROR, _DONE):
                    code = -_CODE.unpack_from(content)[0] if len(content) >= _CODE.size else 0
                    if code > 0:
                        raise OSError(code, os.strerror(code))
                    return rows if whole else None
                rows.append(content)


class Hearing:
    """Hears of every change of links, IPv6 addresses, routes and neighbours from the moment it is made."""

    def __init__(self, receive_buffer: int) -> None:
        """Take the size in bytes of the buffer in which the kernel queues messages."""
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, _NETLINK_ROUTE)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        with suppress(PermissionError):  # without CAP_NET_ADMIN the largest ordinary buffer has to do
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, receive_buffer)
        self._socket.bind((0, _GROUPS))

    def fileno(self) -> int:
        """Return the descriptor that is readable when there is something to hear."""
        return self._socket.fileno()

    def take(self) -> tuple[list[Message], bool]:
        """Return all messages that have come, without waiting, and whether some were lost."""
        heard: list[Message] = []
        lost = False
        while True:
            try:
                data = self._socket.recv(_CHUNK)
            except BlockingIOError:
                return heard, lost
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                lost = True
                continue
            heard.extend((kind, content) for kind, _, _, content in _parted(data))

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


def _parted(data: bytes) -> Iterator[tuple[int, int, int, bytes]]:
    """Yield type, flags, number and body of each message in one datagram."""
    place = 0
    while place + _HEADER.size <= len(data):
        size, kind, flags, number, _ = _HEADER.unpack_from(data, place)
        if size < _HEADER.size:
            return
        yield kind, flags, number, data[place + _HEADER.size : place + size]
        place += (size + 3) & ~3
