"""When addresses are due: bindings that expire and rests that are over, both by their address."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush

Due = tuple[float, int, int]
"""When (unix seconds), family, address."""

SPARE = 1_024
"""Entries nobody waits for any more that are never cleared away."""


class Agenda:
    """A heap whose entries are not removed when they have become void, but passed over, and cleared when they are too many.

    `holds` says whether something is still due then.
    """

    __slots__ = ("_heap", "_holds", "_void")

    def __init__(self, holds: Callable[[Due], bool]) -> None:
        self._heap: list[Due] = []
        self._void = 0
        self._holds = holds

    def add(self, at: float, family: int, address: int) -> None:
        """Make an address due."""
        heappush(self._heap, (at, family, address))

    def load(self, entries: list[Due]) -> None:
        """Hold these, and nothing else."""
        heapify(entries)
        self._heap, self._void = entries, 0

    def void(self) -> None:
        """Say that one entry is not due any more."""
        self._void += 1
        if self._void > SPARE and self._void > len(self._heap) // 2:
            self.load([entry for entry in set(self._heap) if self._holds(entry)])

    def next(self) -> float | None:
        """Return when the next is due."""
        while self._heap and not self._holds(self._heap[0]):
            heappop(self._heap)
            self._void = max(self._void - 1, 0)
        return self._heap[0][0] if self._heap else None

    def take(self, now: float) -> Due | None:
        """Remove and return the one that is due and was so first, None when none is."""
        at = self.next()
        return heappop(self._heap) if at is not None and at <= now else None
