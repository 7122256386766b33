"""The addresses that pass a filter, in an order, kept so while the pool changes; big changes come in small steps."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass

from ipv6console.console.query import Query
from ipv6console.console.ranking import Ranking
from ipv6console.console.stock import Stock, Usage
from ipv6console.wire.address import AddressRow

_ADDRESS_BITS, _SLOT_BITS = 128, 28
_LOW = _ADDRESS_BITS + _SLOT_BITS
_SLOT = (1 << _SLOT_BITS) - 1
_TOP = (1 << 60) - 1
_LAST = 1 << 61
_MILLI = 1_000
_STEP = 400
_SAMPLE = 2_048
_PER_CHUNK = 512

Value = Callable[[Stock, int], int]


def _time(seconds: float) -> int:
    return _LAST if math.isnan(seconds) else int(seconds * _MILLI)


def _state(stock: Stock, slot: int) -> int:
    usage = stock.usage[slot]
    assert usage is not None  # noqa: S101 - only slots that hold an address are ranked
    return _rank(usage)


def _rank(usage: Usage) -> int:
    """Order by what needs an eye: bad in most mirrors first, then leased in most, then idle."""
    return (1_000 - min(999, len(usage.bad_in))) * 1_000 - min(999, len(usage.leased_in))


VALUES: dict[str, Value] = {
    "address": lambda stock, slot: 0,
    "state": _state,
    "verified": lambda stock, slot: _time(stock.verified_at[slot]),
    "used": lambda stock, slot: _time(stock.used_at[slot]),
    "uses": lambda stock, slot: stock.uses[slot],
    "retry": lambda stock, slot: _time(stock.retry_at[slot]),
}
"""What addresses can be put in order by; what there is none of (never used, not bad) comes last in both directions."""


@dataclass(frozen=True, slots=True)
class Order:
    """By which column, and whether the greatest comes first."""

    column: str = "address"
    descending: bool = False

    def key(self, stock: Stock, slot: int) -> int:
        """Return what the address in `slot` is ranked by; it holds the slot in its lowest bits, so no two are equal."""
        address = stock.address[slot]
        value = VALUES[self.column](stock, slot)
        if self.descending:
            if self.column == "address":
                address ^= (1 << _ADDRESS_BITS) - 1
            elif value != _LAST:
                value = _TOP - value
        return value << _LOW | address << _SLOT_BITS | slot


class Listing:
    """Stock, filter and order together. `version` grows with whatever can change what is listed."""

    def __init__(self) -> None:
        self.stock = Stock()
        self.order = Order()
        self.query = Query()
        self.version = 0
        self._ranking = Ranking()
        self._keys: list[int | None] = []
        self._touched: set[int] | None = None

    def __len__(self) -> int:
        return len(self._ranking)

    @property
    def rearranging(self) -> bool:
        """Whether a new order or filter is on its way; what is listed is still the one before."""
        return self._touched is not None

    def slot(self, index: int) -> int:
        """Return which slot is listed at a place."""
        return self._ranking[index] & _SLOT

    def place(self, slot: int) -> int | None:
        """Return at which place a slot is listed, None when it is not."""
        key = self._keys[slot] if slot < len(self._keys) else None
        return None if key is None else self._ranking.place(key)

    def listed(self) -> Iterator[int]:
        """Yield the slots listed, in order."""
        return (key & _SLOT for key in self._ranking)

    def put(self, row: AddressRow) -> int:
        """Take in a row, new or changed, and return its slot."""
        slot = self.stock.put(row)
        self._rank(slot)
        return slot

    def drop(self, address: int) -> None:
        """Forget an address."""
        slot = self.stock.drop(address)
        if slot is not None:
            self._rank(slot)

    def _rank(self, slot: int) -> None:
        """Put a slot where it belongs now."""
        self.version += 1
        if self._touched is not None:
            self._touched.add(slot)
        self._keys += [None] * (slot + 1 - len(self._keys))
        before = self._keys[slot]
        after = self._key(slot)
        if before == after:
            return
        if before is not None:
            self._ranking.remove(before)
        if after is not None:
            self._ranking.add(after)
        self._keys[slot] = after

    def _key(self, slot: int) -> int | None:
        if self.stock.usage[slot] is None or not self.query.passes(self.stock, slot):
            return None
        return self.order.key(self.stock, slot)

    def rearrange(self, query: Query, order: Order) -> Generator[float, None, None]:
        """List by another filter or order: take one step after the other, each of about a millisecond.

        Yields the share that is done. Rows may come and go between the steps; what is listed changes with the last
        one. Beginning anew drops one that is under way, and so does closing the iterator.
        """
        touched: set[int] = set()
        self._touched = touched
        try:
            yield from self._arranged(query, order, touched)
        finally:
            if self._touched is touched:
                self._touched = None

    def _arranged(self, query: Query, order: Order, touched: set[int]) -> Generator[float, None, None]:
        stock, width = self.stock, self.stock.width
        pivots = self._pivots(order, width)
        yield 0.0
        chunks: list[list[int]] = [[] for _ in range(len(pivots) + 1)]
        keys: list[int | None] = [None] * width
        for start in range(0, width, _STEP):
            for slot in range(start, min(width, start + _STEP)):
                if stock.usage[slot] is not None and query.passes(stock, slot):
                    key = keys[slot] = order.key(stock, slot)
                    chunks[bisect_left(pivots, key)].append(key)
            yield 0.9 * start / width
        for number, chunk in enumerate(chunks):
            chunk.sort()
            if number % 4 == 3:
                yield 0.9 + 0.1 * number / len(chunks)
        self.query, self.order = query, order
        self._keys, self._ranking = keys, Ranking(chunks)
        self._touched = None
        for slot in touched:
            self._rank(slot)
        self.version += 1
        yield 1.0

    def _pivots(self, order: Order, width: int) -> list[int]:
        """Return keys that part all others into chunks of about equal length, from a sample."""
        every = max(1, width // _SAMPLE)
        usage = self.stock.usage
        sample = sorted(order.key(self.stock, slot) for slot in range(0, width, every) if usage[slot] is not None)
        number = width // _PER_CHUNK
        return [sample[len(sample) * place // number] for place in range(1, number)] if sample else []
