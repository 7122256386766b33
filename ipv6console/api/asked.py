"""A request on the hot path: what was asked, and what stands for it until it is answered."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from uvicorn._types import HTTPScope

from ipv6console.api.turn import Turn


class Asked(NamedTuple):
    """A request but for its body, which has `length` bytes: what it comes to, and its head.

    It is `lasting` when whoever says the same again is to be answered the same way.
    """

    turn: Turn
    length: int
    lasting: bool
    scope: HTTPScope
    url: bytes


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
