"""A queue of row numbers in four bytes each."""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Iterator

_CHUNK = 1024


class RowQueue:
    """First in, first out, over chunks of unsigned 32-bit integers."""

    __slots__ = ("_chunks", "_head", "_position", "_tail")

    def __init__(self) -> None:
        self._head = self._tail = array("I")
        self._position = 0
        self._chunks: deque[array[int]] | None = None  # made when needed: most mirrors never fill one chunk

    def push(self, row: int) -> None:
        """Add `row` at the end."""
        if len(self._tail) >= _CHUNK:
            self._grow()
        self._tail.append(row)

    def extend(self, rows: Iterable[int]) -> None:
        """Add `rows` at the end."""
        fresh = array("I", rows)
        place = 0
        while place < len(fresh):
            if len(self._tail) >= _CHUNK:
                self._grow()
            room = _CHUNK - len(self._tail)
            self._tail.extend(fresh[place : place + room])
            place += room

    def pop(self) -> int | None:
        """Remove and return the first row, None when there is none."""
        if self._position >= len(self._head):
            if not self._chunks:
                if self._position:
                    self._head = self._tail = array("I")
                    self._position = 0
                return None
            self._head = self._chunks.popleft()
            self._position = 0
        row = self._head[self._position]
        self._position += 1
        return row

    def unpop(self) -> None:
        """Put back the row that `pop` has just returned, in front."""
        self._position -= 1

    def __iter__(self) -> Iterator[int]:
        yield from self._head[self._position :]
        yield from (row for chunk in self._chunks or () for row in chunk)

    def _grow(self) -> None:
        fresh = array("I")
        if self._chunks is None:
            self._chunks = deque()
        self._chunks.append(fresh)
        self._tail = fresh
