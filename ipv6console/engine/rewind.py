"""The last half hour of the state document, a second apart, for those who come too late to have seen it."""

from __future__ import annotations

import asyncio
import pickle
import zlib
from bisect import bisect_right
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from ipv6console.engine.errors import NotFound
from ipv6console.wire.rewind import RewindSpan
from ipv6console.wire.state import State

STEP = 1.0
"""Seconds between two kept states."""

KEPT = 1_800
MOST_BYTES = 32 * 2**20


class _Moment(NamedTuple):
    at: float
    packed: bytes


class Rewind:
    """Keeps up to KEPT states, packed, in at most `most_bytes` of memory; `now` builds the present one."""

    def __init__(self, now: Callable[[], State], *, most_bytes: int = MOST_BYTES) -> None:
        self._now = now
        self._most_bytes = most_bytes
        self._bytes = 0
        self._moments: deque[_Moment] = deque()

    async def run(self) -> None:
        """Keep a state every STEP seconds, until cancelled."""
        while True:
            self.keep(self._now())
            await asyncio.sleep(STEP)

    def keep(self, state: State) -> None:
        """Keep one state; the oldest ones make room."""
        # The fastest level: a state repeats itself so much that the best one saves little more.
        packed = zlib.compress(pickle.dumps(state, pickle.HIGHEST_PROTOCOL), 1)
        self._moments.append(_Moment(state.at, packed))
        self._bytes += len(packed)
        while len(self._moments) > KEPT or (self._bytes > self._most_bytes and len(self._moments) > 1):
            self._bytes -= len(self._moments.popleft().packed)

    @property
    def span(self) -> RewindSpan:
        """How far back it goes."""
        oldest, newest = (self._moments[0].at, self._moments[-1].at) if self._moments else (None, None)
        return RewindSpan(oldest=oldest, newest=newest, kept=len(self._moments))

    def at(self, moment: float) -> State | None:
        """Return the state as it was at `moment` (unix seconds): the last one kept by then, None when none is."""
        place = bisect_right(self._moments, moment, key=lambda kept: kept.at)
        if place == 0:
            return None
        state: State = pickle.loads(zlib.decompress(self._moments[place - 1].packed))  # noqa: S301 - our own bytes
        return state

    def past(self, moment: float) -> State:
        """Return the state as it was at `moment` (unix seconds); raises NotFound."""
        state = self.at(moment)
        if state is None:
            oldest = self.span.oldest
            since = "nothing is kept yet" if oldest is None else f"states are kept from {oldest:.0f} on"
            raise NotFound(
                f"no state of {moment:.0f} is kept: {since}", next="see GET /rewind for how far back it goes"
            )
        return state
