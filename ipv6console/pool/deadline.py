"""Deadlines in one-second buckets: adding and discarding cost the same whatever their number."""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil

_ROW_BITS = 32
_ROW = (1 << _ROW_BITS) - 1


class Deadlines:
    """Rows of mirrors (by id) with a time (seconds) at which they are due; each has one deadline at a time."""

    __slots__ = ("_buckets", "_order")

    def __init__(self) -> None:
        self._buckets: dict[int, set[int]] = {}
        self._order: list[int] = []

    def add(self, mirror: int, row: int, at: float) -> None:
        """Make a row due at `at`, or within a second after it."""
        number = ceil(at)
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = {mirror << _ROW_BITS | row}
            heappush(self._order, number)
        else:
            bucket.add(mirror << _ROW_BITS | row)

    def discard(self, mirror: int, row: int, at: float) -> None:
        """Forget the deadline `add` was given."""
        bucket = self._buckets.get(ceil(at))
        if bucket is not None:
            bucket.discard(mirror << _ROW_BITS | row)

    def due(self, now: float) -> list[tuple[int, int]]:
        """Remove and return every (mirror, row) whose time has come, earliest bucket first."""
        keys: list[int] = []
        while self._order and self._order[0] <= now:
            keys.extend(sorted(self._buckets.pop(heappop(self._order))))
        return [(key >> _ROW_BITS, key & _ROW) for key in keys]
