"""Rows that some hosts refuse and others may still be served with, in the order they were released."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable

_PARKED = -1
_SLACK = 64


class Spare:
    """A queue that every host reads for itself, passing over what it refuses.

    A row has one place in a log; leaving it, or taking a new one, leaves a stale entry behind. What a host has passed over
    it does not look at again: a row whose hosts change takes a new place. So each place costs each host one look.
    """

    __slots__ = ("_log", "_passed", "_place")

    def __init__(self) -> None:
        self._log = array("I")
        self._place: dict[int, int] = {}
        self._passed: dict[str, int] = {}

    def __contains__(self, row: int) -> bool:
        return row in self._place

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._place)

    def push(self, row: int) -> None:
        """Give the row the last place."""
        if len(self._log) > 2 * len(self._place) + _SLACK:
            self._compact()
        self._place[row] = len(self._log)
        self._log.append(row)

    def park(self, row: int) -> None:
        """Keep the row without a place, so that no host gets it."""
        self._place[row] = _PARKED

    def unpark(self, row: int) -> None:
        """Give the row a place again if it is parked."""
        if self._place.get(row) == _PARKED:
            self.push(row)

    def discard(self, row: int) -> None:
        """Forget the row if it is here."""
        self._place.pop(row, None)

    def first(self, host: str, refused: Callable[[int], bool]) -> int | None:
        """Return the row released least recently that `host` has not `refused`, leaving it in its place."""
        place = start = self._passed.get(host, 0)
        found = None
        while place < len(self._log):
            row = self._log[place]
            if self._place.get(row) == place and not refused(row):
                found = row
                break
            place += 1
        if place > start:
            self._passed[host] = place
        return found

    def _compact(self) -> None:
        kept = [place for place, row in enumerate(self._log) if self._place.get(row) == place]
        self._log = array("I", [self._log[place] for place in kept])
        self._place.update({row: place for place, row in enumerate(self._log)})
        passed = ((host, bisect_left(kept, place)) for host, place in self._passed.items())
        self._passed = {host: place for host, place in passed if place}
