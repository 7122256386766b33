"""Addresses in columns: as rows, a million of them would take seconds to read back."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import compress, starmap
from operator import eq
from struct import Struct
from typing import overload

from ipv6console.pool.change import AddressAdded

_LOW = (1 << 64) - 1
_HEAD = Struct("<II")
_NET = Struct("<QI")
_MOST_PACKED = 1 << 16

Net = tuple[int, int]
"""The upper half of addresses, and the id of the prefix they are of."""


class AddressColumns(Sequence[AddressAdded]):
    """A sequence of AddressAdded that holds no objects: ids, lower halves, times, and places in the list of `nets`."""

    __slots__ = ("_places", "ids", "lows", "nets", "owners", "times")

    def __init__(self) -> None:
        self.ids = array("I")
        self.owners = array("I")
        self.lows = array("Q")
        self.times = array("d")
        self.nets: list[Net] = []
        self._places: dict[Net, int] = {}

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
        halves = array("Q", b"".join(packed))
        if sys.byteorder == "little":
            halves.byteswap()
        nets = list(zip(halves[0::2], prefix_ids, strict=True))
        places = {net: self._place(net) for net in dict.fromkeys(nets)}
        self.ids.extend(array("I", ids))
        self.owners.extend(array("I", map(places.__getitem__, nets)))
        self.lows.extend(halves[1::2])
        self.times.extend(array("d", times))

    def pack(self) -> bytes:
        """Return the rows, 65,536 at most, in one piece for `unpack`, about 22 bytes each."""
        if len(self) > _MOST_PACKED:
            raise ValueError(f"{len(self)} rows are more than one piece holds")
        columns = (self.ids, array("H", self.owners), self.lows, self.times)
        return b"".join(
            (
                _HEAD.pack(len(self), len(self.nets)),
                *(_NET.pack(*net) for net in self.nets),
                *(_little(column) for column in columns),
            )
        )

    def unpack(self, piece: bytes) -> None:
        """Add the rows of what `pack` returned; raises ValueError for anything else."""
        data = memoryview(piece)
        if len(data) < _HEAD.size:
            raise ValueError("that is no piece of packed addresses")
        count, nets = _HEAD.unpack_from(data)
        place = _HEAD.size + nets * _NET.size
        if len(data) != place + count * 22:
            raise ValueError(f"{count} addresses in {nets} networks do not take {len(data)} bytes")
        places = [self._place(net) for net in _NET.iter_unpack(data[_HEAD.size : place])]
        ids, owners, lows, times = array("I"), array("H"), array("Q"), array("d")
        for column in (ids, owners, lows, times):
            end = place + count * column.itemsize
            column.frombytes(data[place:end])
            if sys.byteorder == "big":
                column.byteswap()
            place = end
        if owners and max(owners) >= len(places):
            raise ValueError("an address is in a network that is not listed")
        self.ids.extend(ids)
        # Most pieces are of one network.
        self.owners.extend(array("I", places * count if len(places) == 1 else map(places.__getitem__, owners)))
        self.lows.extend(lows)
        self.times.extend(times)

    def without(self, left: Mapping[int, int]) -> AddressColumns:
        """Return the rows but those of a prefix id in `left` with an id below the one it gives."""
        below = [left.get(prefix_id, 0) for _, prefix_id in self.nets]
        stays = [row >= below[owner] for row, owner in zip(self.ids, self.owners, strict=True)]
        others = AddressColumns()
        others.nets, others._places = list(self.nets), dict(self._places)
        others.ids = array("I", compress(self.ids, stays))
        others.owners = array("I", compress(self.owners, stays))
        others.lows = array("Q", compress(self.lows, stays))
        others.times = array("d", compress(self.times, stays))
        return others

    def census(self) -> Iterable[tuple[int, int]]:
        """Return how many rows each of `nets` has, by its place."""
        # Most are of one network.
        return ((0, len(self)),) if len(self.nets) == 1 else Counter(self.owners).items()

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
        high, prefix_id = self.nets[self.owners[place]]
        return AddressAdded(self.ids[place], prefix_id, high << 64 | self.lows[place], self.times[place])

    def __eq__(self, other: object) -> bool:
        """Return whether the other sequence has the same rows."""
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(starmap(eq, zip(self, other, strict=True)))

    __hash__ = None  # type: ignore[assignment] # as of a list: it can be changed

    def __repr__(self) -> str:
        """Return the rows as people read them."""
        return f"AddressColumns({list(self)!r})"

    def _place(self, net: Net) -> int:
        place = self._places.get(net)
        if place is None:
            place = self._places[net] = len(self.nets)
            self.nets.append(net)
        return place


def _little(column: array[int] | array[float]) -> bytes:
    if sys.byteorder == "big":
        column = column[:]
        column.byteswap()
    return column.tobytes()
