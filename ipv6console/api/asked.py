"""A request on the hot path: what was asked, and what stands for it until it is answered."""

from __future__ import annotations

import asyncio
from typing import NamedTuple, cast

from uvicorn._types import HTTPScope

from ipv6console.api.turn import Turn

_MOST, _LONGEST = 32, 2 << 10
_END = b"\r\n\r\n"
_POST = ord("P")


class Asked(NamedTuple):
    """A request but for its body, which has `length` bytes: what it comes to, and its head.

    It is `lasting` when whoever says the same again is to be answered the same way.
    """

    turn: Turn
    length: int
    lasting: bool
    scope: HTTPScope
    url: bytes


class Heads:
    """Heads of requests that were answered on one connection, by their bytes: the same ones ask for the same."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[bytes, Asked] = {}

    def find(self, data: bytes) -> tuple[Asked, bytes] | None:
        """Return what `data` asks and its body, if it is one whole request with a head that is known."""
        if data[0] == _POST:
            end = data.find(_END) + len(_END)
            asked, body = self._known.get(data[:end]), data[end:]
        else:
            asked, body = self._known.get(data), b""
        return (asked, body) if asked is not None and len(body) == asked.length else None

    def learn(self, data: bytes, asked: Asked) -> None:
        """Remember the head of `data`, one whole request that was parsed."""
        head = data[: len(data) - asked.length]
        if len(head) <= _LONGEST and head.find(_END) == len(head) - len(_END) and head[:1] in b"GP":
            if len(self._known) >= _MOST:
                self._known.clear()
            # Of the rest of the scope nobody asks again, and ten thousand connections may keep it.
            scope = cast("HTTPScope", {"method": asked.scope["method"], "path": asked.scope["path"]})
            self._known[head] = asked._replace(scope=scope)


class _Nobody:
    """Waits for nothing."""

    def set(self) -> None:
        """Wake nobody."""


_NOBODY = _Nobody()


class Busy:
    """Stands where uvicorn keeps the request under way; what uvicorn does to that one has to work on this one."""

    # On the class, and on one of them only if they are ever true: it is made for every request.
    more_body = response_started = response_complete = disconnected = False
    message_event: asyncio.Event | _Nobody = _NOBODY

    def __init__(self, asked: Asked, *, keep_alive: bool) -> None:
        self.asked = asked
        self.keep_alive = keep_alive
