"""Addresses in columns: as rows, a million of them would take seconds to read back."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from itertools import starmap
from operator import eq
from typing import overload

from ipv6console.pool.change import AddressAdded

_LOW = (1 << 64) - 1


class AddressColumns(Sequence[AddressAdded]):
    """A sequence of AddressAdded that holds no objects: ids, prefix ids, both halves of the addresses, times."""

    __slots__ = ("highs", "ids", "lows", "prefix_ids", "times")

    def __init__(self) -> None:
        self.ids = array("I")
        self.prefix_ids = array("I")
        self.highs = array("Q")
        self.lows = array("Q")
        self.times = array("d")

    @classmethod
    def of(cls, rows: Sequence[AddressAdded]) -> AddressColumns:
        """Return the rows as columns."""
        if isinstance(rows, AddressColumns):
            return rows
        columns = cls()
        packed = (row.address.to_bytes(16, "big") for row in rows)
        columns.extend([row.id for row in rows], [row.prefix_id for row in rows], packed, [row[3] for row in rows])
        return columns

    def extend(
        self, ids: Iterable[int], prefix_ids: Iterable[int], packed: Iterable[bytes], times: Iterable[float]
    ) -> None:
        """Add rows, given in columns; addresses are `packed` in 16 bytes, as on the wire."""
        self.ids.extend(array("I", ids))
        self.prefix_ids.extend(array("I", prefix_ids))
        self.times.extend(array("d", times))
        halves = array("Q", b"".join(packed))
        if sys.byteorder == "little":
            halves.byteswap()
        self.highs.extend(halves[0::2])
        self.lows.extend(halves[1::2])

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.ids)

    @overload
    def __getitem__(self, place: int) -> AddressAdded: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[AddressAdded]: ...
    def __getitem__(self, place: int | slice) -> AddressAdded | Sequence[AddressAdded]:
        """Return one row, or several."""
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        address = self.highs[place] << 64 | self.lows[place]
        return AddressAdded(self.ids[place], self.prefix_ids[place], address, self.times[place])

    def __eq__(self, other: object) -> bool:
        """Return whether the other sequence has the same rows."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(starmap(eq, zip(self, other, strict=True)))

    __hash__ = None  # type: ignore[assignment] # as of a list: it can be changed

    def __repr__(self) -> str:
        """Return the rows as people read them."""
        return f"AddressColumns({list(self)!r})"
