"""Whose turn it is: the order in which a mirror hands its rows out."""

from __future__ import annotations

from array import array
from itertools import chain

from ipv6console.pool.ban import Bans
from ipv6console.pool.fifo import RowQueue
from ipv6console.pool.table import AddressTable
from ipv6console.pool.tally import Tally


class Turn:
    """Rows never picked come first, as the table has them; then those released, the longest ago first.

    Rows of a prefix that is not `active` (shared with the pool) are parked until it is again.
    """

    __slots__ = ("_active", "_claimed", "_cursor", "_parked", "_parked_spare", "_table", "released")

    def __init__(self, table: AddressTable, active: dict[int, int]) -> None:
        self._table = table
        self._active = active
        self._cursor = 0
        # Both made when needed: most mirrors of many have neither.
        self._parked: dict[int, array[int]] | None = None
        self._parked_spare: dict[int, array[int]] | None = None
        self._claimed: set[int] | None = None
        self.released = RowQueue()

    def next(self) -> int | None:
        """Remove and return the idle row whose turn it is."""
        if self._cursor < len(self._table):
            row = self._fresh()
            if row is not None:
                return row
        return self._longest_idle()

    def next_for(self, host: str, bans: Bans, tally: Tally) -> int | None:
        """Remove and return the row whose turn it is, idle or spare, of those that `host` does not ban."""
        row = self._fresh()
        if row is not None:
            return row
        spare = self._longest_spare(host, bans)
        row = self._longest_idle()
        if spare is None:
            return row
        if row is not None:
            if tally.last(row) <= tally.last(spare):
                return row
            self.released.unpop()
        bans.spare.discard(spare)
        return spare

    def claim(self, row: int) -> bool:
        """Take a row that was never picked out of the turn; False when it was."""
        if self._claimed is None:
            self._claimed = set()
        if row < self._cursor or row in self._claimed:
            return False
        self._claimed.add(row)
        return True

    def unpark(self, prefix_id: int, bans: Bans | None) -> None:
        """Bring back the rows of a prefix that is handed out again."""
        if self._parked is not None:
            self.released.extend(self._parked.pop(prefix_id, ()))
        if bans is not None and self._parked_spare is not None:
            for row in self._parked_spare.pop(prefix_id, ()):
                # It may have become idle meanwhile, and then it is in the other queue.
                bans.spare.unpark(row)

    def begin_at(self, row: int, touched: set[int]) -> None:
        """Take rows below `row` for picked before, and all of them but the `touched` ones for released."""
        self._cursor = row
        starts = chain([0], (number + 1 for number in sorted(touched)))
        ends = chain(sorted(touched), [row])
        self.released.extend(chain.from_iterable(map(range, starts, ends)))

    def _fresh(self) -> int | None:
        while self._cursor < len(self._table):
            row = self._cursor
            self._cursor = row + 1
            if self._claimed and row in self._claimed:
                self._claimed.discard(row)
            elif self._table.alive(row) and not self._park(row):
                return row
        return None

    def _longest_idle(self) -> int | None:
        table = self._table
        while (row := self.released.pop()) is not None:
            if table.alive(row) and not self._park(row):
                return row
        return None

    def _longest_spare(self, host: str, bans: Bans) -> int | None:
        while (row := bans.first(host)) is not None:
            prefix_id = self._table.prefix_id(row)
            if prefix_id in self._active:
                return row
            if self._parked_spare is None:
                self._parked_spare = {}
            self._parked_spare.setdefault(prefix_id, array("I")).append(row)
            bans.spare.park(row)
        return None

    def _park(self, row: int) -> bool:
        prefix_id = self._table.prefix_id(row)
        if prefix_id in self._active:
            return False
        if self._parked is None:
            self._parked = {}
        self._parked.setdefault(prefix_id, array("I")).append(row)
        return True
