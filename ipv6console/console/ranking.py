"""Many keys in order, a few of which change all the time: adding, removing and counting through cost next to nothing."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator
from itertools import accumulate

_FULL = 1_024
_FILL = 512


class Ranking:
    """Distinct integers in ascending order, in chunks that split when they are full.

    Adding and removing cost one bisection and the move of at most a chunk; a place is found by the chunks' offsets,
    which are summed up again only after a change.
    """

    def __init__(self, chunks: Iterable[list[int]] = ()) -> None:
        """Take over sorted `chunks`, in order; they are not copied."""
        self._chunks: list[list[int]] = []
        for chunk in chunks:
            self._chunks += [chunk] if len(chunk) <= _FULL else [
                chunk[start : start + _FILL] for start in range(0, len(chunk), _FILL)
            ]  # fmt: skip
        self._chunks = [chunk for chunk in self._chunks if chunk]
        self._last = [chunk[-1] for chunk in self._chunks]
        self._starts: list[int] | None = None
        self._length = sum(map(len, self._chunks))

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[int]:
        for chunk in self._chunks:
            yield from chunk

    def __getitem__(self, index: int) -> int:
        """Return the key at a place; raises IndexError beyond the ends."""
        if not 0 <= index < self._length:
            raise IndexError(index)
        starts = self._offsets()
        number = bisect_left(starts, index + 1) - 1
        return self._chunks[number][index - starts[number]]

    def add(self, key: int) -> None:
        """Put a key in its place."""
        if not self._chunks:
            self._chunks, self._last = [[key]], [key]
        else:
            number = min(bisect_left(self._last, key), len(self._chunks) - 1)
            chunk = self._chunks[number]
            insort(chunk, key)
            self._last[number] = chunk[-1]
            if len(chunk) > _FULL:
                self._chunks[number : number + 1] = [chunk[:_FILL], chunk[_FILL:]]
                self._last[number : number + 1] = [chunk[_FILL - 1], chunk[-1]]
        self._length += 1
        self._starts = None

    def remove(self, key: int) -> None:
        """Take a key out; raises KeyError when it is not there."""
        number = bisect_left(self._last, key)
        chunk = self._chunks[number] if number < len(self._chunks) else []
        index = bisect_left(chunk, key)
        if index == len(chunk) or chunk[index] != key:
            raise KeyError(key)
        del chunk[index]
        if chunk:
            self._last[number] = chunk[-1]
        else:
            del self._chunks[number], self._last[number]
        self._length -= 1
        self._starts = None

    def place(self, key: int) -> int:
        """Return how many keys come before `key`, whether or not it is there itself."""
        number = bisect_left(self._last, key)
        if number == len(self._chunks):
            return self._length
        return self._offsets()[number] + bisect_left(self._chunks[number], key)

    def _offsets(self) -> list[int]:
        if self._starts is None:
            self._starts = list(accumulate(map(len, self._chunks[:-1]), initial=0))
        return self._starts
