"""Deadlines in one-second buckets: adding and discarding cost the same whatever their number."""

from __future__ import annotations

from heapq import heappop, heappush
from math import ceil


class Deadlines:
    """Keys with a time (seconds) at which they are due; a key has one deadline at a time."""

    __slots__ = ("_buckets", "_order")

    def __init__(self) -> None:
        self._buckets: dict[int, set[int]] = {}
        self._order: list[int] = []

    def add(self, key: int, at: float) -> None:
        """Make `key` due at `at`, or within a second after it."""
        number = ceil(at)
        bucket = self._buckets.get(number)
        if bucket is None:
            self._buckets[number] = {key}
            heappush(self._order, number)
        else:
            bucket.add(key)

    def discard(self, key: int, at: float) -> None:
        """Forget the deadline `add` was given."""
        number = ceil(at)
        bucket = self._buckets.get(number)
        if bucket is not None:
            bucket.discard(key)

    def due(self, now: float) -> list[int]:
        """Remove and return every key whose time has come, earliest bucket first."""
        keys: list[int] = []
        while self._order and self._order[0] <= now:
            keys.extend(sorted(self._buckets.pop(heappop(self._order))))
        return keys
