"""Whose turn it is: the order in which a mirror hands its rows out."""

from __future__ import annotations

from array import array

from ipv6console.pool.ban import Bans
from ipv6console.pool.fifo import RowQueue
from ipv6console.pool.table import AddressTable
from ipv6console.pool.tally import Tally


class Turn:
    """Rows never picked come first, as the table has them; then those released, the longest ago first.

    Rows of a prefix that is not `active` (shared with the pool) are parked until it is again.
    """

    __slots__ = ("_active", "_claimed", "_cursor", "_gaps", "_parked", "_parked_spare", "_table", "released")

    def __init__(self, table: AddressTable, active: dict[int, int]) -> None:
        self._table = table
        self._active = active
        self._cursor = 0
        # Both made when needed: most mirrors of many have neither.
        self._parked: dict[int, array[int]] | None = None
        self._parked_spare: dict[int, array[int]] | None = None
        self._claimed: set[int] | None = None
        # Ends and beginnings of runs of rows, the first run last. One by one they could be all of a large table, for every mirror.
        self._gaps: array[int] | None = None
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
            self._put_back(row)
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
        gaps = array("I")
        for below in (*sorted(touched, reverse=True), -1):
            if below + 1 < row:
                gaps.extend((row, below + 1))
            row = below
        self._gaps = gaps or None

    def _fresh(self) -> int | None:
        table = self._table
        while (row := table.next_live(self._cursor)) is not None:
            self._cursor = row + 1
            if self._claimed and row in self._claimed:
                self._claimed.discard(row)
            elif not self._park(row):
                return row
        self._cursor = len(table)
        return None

    def _longest_idle(self) -> int | None:
        table = self._table
        while (row := self._earlier()) is not None:
            if not self._park(row):
                return row
        while (row := self.released.pop()) is not None:
            if table.alive(row) and not self._park(row):
                return row
        return None

    def _earlier(self) -> int | None:
        """Remove and return the first live row of the gaps."""
        while self._gaps:
            row = self._table.next_live(self._gaps[-1])
            if row is not None and row < self._gaps[-2]:
                self._gaps[-1] = row + 1
                return row
            del self._gaps[-2:]
        return None

    def _put_back(self, row: int) -> None:
        """Put back the row that `_longest_idle` has just returned, in front."""
        if self._gaps:
            self._gaps[-1] = row
        else:
            self.released.unpop()

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
