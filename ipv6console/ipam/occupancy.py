"""Which addresses of a line are occupied: disjoint intervals, counted, so that the n-th free address is found in O(log n)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator
from itertools import pairwise

from ipv6console.ipam.gap import aligned, roomiest

LOAD = 512
"""What a chunk has to bear after a split; it is twice that at most, and a quarter at least while it has neighbours."""

WIDE = 8
"""What an interval of several numbers is to bear, for one number being 1: a search in a chunk asks each of them."""


class Occupancy:
    """Disjoint intervals of the numbers 0 to 2^bits - 1.

    Their firsts lie in order in chunks (the list of lists that sorted containers are made of), and a Fenwick tree over
    the chunks counts what they cover. What covers one number costs a pointer; wider intervals keep their last beside.
    """

    __slots__ = ("_chunks", "_rooms", "_starts", "_sums", "_top", "_weights", "_wide", "_wides", "free")

    def __init__(self, bits: int) -> None:
        self._top = (1 << bits) - 1
        self.free = 1 << bits
        self._wide: dict[int, int] = {}
        self._wides: list[int] = []
        self._chunks: list[list[int]] = []
        self._starts: list[int] = []
        self._weights: list[int] = []
        self._rooms: list[int] = []
        self._sums: list[int] = [0]

    def load(self, intervals: Iterable[tuple[int, int]]) -> None:
        """Hold these disjoint intervals, given in any order, and nothing else."""
        ordered = sorted(intervals)
        self._wide = {first: last for first, last in ordered if last > first}
        self._wides = sorted(self._wide)
        firsts = [first for first, _ in ordered]
        self._chunks = [firsts[at : at + LOAD] for at in range(0, len(firsts), LOAD)]
        self._chunks = [part for chunk in self._chunks for part in self._parts(chunk)]
        self._starts = [chunk[0] for chunk in self._chunks]
        self._weights = [self._weigh(chunk) for chunk in self._chunks]
        self._rooms = [self._top + 1] * len(self._chunks)
        self.free = self._top + 1 - sum(self._weights)
        self._count()

    def is_free(self, first: int, last: int) -> bool:
        """Return whether nothing from `first` to `last` is occupied."""
        number = bisect_right(self._starts, last) - 1
        if number < 0:
            return True
        chunk = self._chunks[number]
        nearest = chunk[bisect_right(chunk, last) - 1]
        return self._wide.get(nearest, nearest) < first

    def add(self, first: int, last: int) -> None:
        """Occupy what is free."""
        size = last - first + 1
        self.free -= size
        if size > 1:
            self._wide[first] = last
            insort(self._wides, first)
        if not self._chunks:
            self._chunks, self._starts, self._weights = [[first]], [first], [size]
            self._rooms = [self._top + 1]
            self._count()
            return
        number = bisect_right(self._starts, first) - 1
        if number < 0:
            number = 0
            self._starts[0] = first
        chunk = self._chunks[number]
        insort(chunk, first)
        if len(chunk) > 2 * LOAD or (size > 1 and self._burden(chunk) > 2 * LOAD):
            self._regroup(number, number + 1)
        else:
            self._weigh_more(number, size)

    def remove(self, first: int) -> None:
        """Free the interval that begins at `first`."""
        last = self._wide.pop(first, first)
        size = last - first + 1
        self.free += size
        if size > 1:
            del self._wides[bisect_left(self._wides, first)]
        number = bisect_right(self._starts, first) - 1
        chunk = self._chunks[number]
        del chunk[bisect_left(chunk, first)]
        if not chunk or (len(self._chunks) > 1 and len(chunk) < LOAD // 4 and self._burden(chunk) < LOAD // 4):
            before = max(number - 1, 0)
            self._regroup(before, before + 2)
        else:
            self._starts[number] = chunk[0]
            self._weigh_more(number, -size)
            self._widen(number - 1, number + 1)

    def nth_free(self, n: int) -> int:
        """Return the free number that has `n` free ones below it; there are more than `n`."""
        starts, sums, count = self._starts, self._sums, len(self._chunks)
        if not count or starts[0] > n:
            return n
        number = used = 0
        step = 1 << (count.bit_length() - 1)
        while step:
            further = number + step
            if further < count:
                total = used + sums[further]
                if starts[further] - total <= n:
                    number, used = further, total
            step >>= 1
        return n + used + self._below(number, n + used)

    def rank(self, number: int) -> int:
        """Return how many numbers below this one are free."""
        at = bisect_right(self._starts, number) - 1
        if at < 0:
            return number
        chunk = self._chunks[at]
        passed = bisect_right(chunk, number)
        used = self._prefix(at) + passed
        wides = self._wides
        for place in range(bisect_left(wides, chunk[0]), bisect_right(wides, number)):
            used += self._wide[wides[place]] - wides[place]
        nearest = chunk[passed - 1]
        last = self._wide.get(nearest, nearest)
        return number - used + (last - number + 1 if last >= number else 0)

    def between(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """Yield the intervals (first, last) that have a number in common with this one, in order; nothing changes meanwhile."""
        number = max(bisect_right(self._starts, first) - 1, 0)
        for chunk in self._chunks[number : bisect_right(self._starts, last)]:
            for begin in chunk[max(bisect_right(chunk, first) - 1, 0) : bisect_right(chunk, last)]:
                end = self._wide.get(begin, begin)
                if end >= first:
                    yield begin, end

    def room(self, size: int, first: int, last: int) -> int | None:
        """Return the lowest multiple of `size`, a power of two, from which as many numbers are free, all of `first` to `last`.

        Chunks whose gaps are all known to be too small are passed over whole.
        """
        below = self.rank(first)
        if below >= self.free:
            return None
        lowest = self.nth_free(below)
        number = max(bisect_right(self._starts, lowest) - 1, 0)
        while number < len(self._chunks) and self._starts[number] <= last:
            if self._rooms[number] >= size:
                found = self._search(number, size, max(first, lowest), last)
                if found is not None:
                    return found
            number += 1
        if not self._chunks or lowest < self._starts[0]:
            return aligned(size, lowest, min(last, self._starts[0] - 1 if self._chunks else self._top))
        return None

    def _search(self, number: int, size: int, first: int, last: int) -> int | None:
        widest, begin = 0, self._starts[number] if number else 0
        chunk = self._chunks[number]
        for following in (*chunk, self._starts[number + 1] if number + 1 < len(self._starts) else self._top + 1):
            if following - begin >= size:
                found = aligned(size, max(begin, first), min(following - 1, last))
                if found is not None:
                    return found
            if following - begin > widest:
                widest = max(widest, roomiest(begin, following - 1))
            begin = self._wide.get(following, following) + 1
        self._rooms[number] = widest
        return None

    def _below(self, number: int, reached: int) -> int:
        """Return what the intervals of a chunk occupy below the free number searched; `reached` is n and all chunks before."""
        chunk, wide, wides = self._chunks[number], self._wide, self._wides
        low, high, extra = 0, len(chunk), 0
        if self._weights[number] != high:
            for place in range(bisect_left(wides, chunk[0]), bisect_right(wides, chunk[-1])):
                first = wides[place]
                at = bisect_left(chunk, first, low)
                if first - at - extra > reached:
                    high = at
                    break
                low = at + 1
                extra += wide[first] - first
        reached += extra
        while low < high:
            middle = (low + high) >> 1
            if chunk[middle] - middle > reached:
                high = middle
            else:
                low = middle + 1
        return low + extra

    def _weigh(self, chunk: list[int]) -> int:
        wides = self._wides
        inner = wides[bisect_left(wides, chunk[0]) : bisect_right(wides, chunk[-1])]
        return len(chunk) + sum(self._wide[first] - first for first in inner)

    def _burden(self, chunk: list[int]) -> int:
        wides = bisect_right(self._wides, chunk[-1]) - bisect_left(self._wides, chunk[0])
        return len(chunk) + (WIDE - 1) * wides

    def _weigh_more(self, number: int, size: int) -> None:
        self._weights[number] += size
        sums, at = self._sums, number + 1
        while at < len(sums):
            sums[at] += size
            at += at & -at

    def _prefix(self, number: int) -> int:
        total, sums = 0, self._sums
        while number:
            total += sums[number]
            number &= number - 1
        return total

    def _regroup(self, begin: int, end: int) -> None:
        """Divide what the chunks from `begin` to `end` hold into as few as may be."""
        chunks = self._parts([first for chunk in self._chunks[begin:end] for first in chunk])
        self._chunks[begin:end] = chunks
        self._starts[begin:end] = [chunk[0] for chunk in chunks]
        self._weights[begin:end] = [self._weigh(chunk) for chunk in chunks]
        self._rooms[begin:end] = [self._top + 1] * len(chunks)
        self._count()

    def _parts(self, held: list[int]) -> list[list[int]]:
        """Return a chunk divided into chunks that bear about LOAD each."""
        if not held:
            return []
        parts = min(len(held), max(1, (self._burden(held) + LOAD // 2) // LOAD))
        cuts = [len(held) * part // parts for part in range(parts + 1)]
        return [held[low:high] for low, high in pairwise(cuts)]

    def _widen(self, begin: int, end: int) -> None:
        """Say that gaps of these chunks may have grown."""
        for number in range(max(begin, 0), min(end, len(self._rooms))):
            self._rooms[number] = self._top + 1

    def _count(self) -> None:
        sums = [0, *self._weights]
        for at in range(1, len(sums)):
            parent = at + (at & -at)
            if parent < len(sums):
                sums[parent] += sums[at]
        self._sums = sums
