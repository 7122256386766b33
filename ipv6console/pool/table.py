"""The addresses of the pool in compact arrays, one row an address, shared by every mirror."""

from __future__ import annotations

import sys
from array import array
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from ipv6console.pool.columns import AddressColumns
from ipv6console.pool.trail import Trail

_NET_BITS = 64
_LOW = (1 << 64) - 1
_GOLDEN = 0x9E37_79B9_7F4A_7C15
_NARROW = (1 << 16) - 1
_FULL = (3, 4)
"""Of so many parts of the index so many are used before it is doubled."""
_FEW = 256
_PIECE = 1 << 16
_RUN = 16
"""How many rows have to follow each other, on average, for taking them up run by run to be faster than one by one."""


class Census(NamedTuple):
    """How many rows ever came to a network, and how many went: two that are equal are of the same rows."""

    came: int
    went: int

    @property
    def live(self) -> int:
        """How many are there."""
        return self.came - self.went


class AddressTable:
    """Append-only rows; a row that left the pool stays, dead, so that mirrors can skip it without being told.

    Any IPv6 address is a /64 (an index into a list of those in use) and 64 low bits, whatever its prefix's length.
    `trail` tells which rows changed lately, in a mirror too. The index by address is made when it is first asked for, or before.
    """

    __slots__ = (
        "_came",
        "_entered",
        "_index",
        "_live",
        "_low",
        "_mask",
        "_net",
        "_net_index",
        "_nets",
        "_shift",
        "_verified",
        "_went",
        "live",
        "trail",
    )

    def __init__(self) -> None:
        self._low = array("Q")
        self._net = array("H")  # wider once there are more /64s than that numbers
        self._verified = array("I")
        self._live = bytearray()
        self._nets: list[tuple[int, int]] = []
        # Of each of them, how many rows ever came and how many went again.
        self._came = array("I")
        self._went = array("I")
        self._net_index: dict[tuple[int, int], int] = {}
        self.live = 0
        self.trail = Trail()
        self._entered = 0
        self._make_index()

    def __len__(self) -> int:
        """Return the number of rows, dead ones included."""
        return len(self._low)

    def append(self, address: int, prefix_id: int, verified_at: float) -> int:
        """Add a live row and return its number; the address must not be live already."""
        row, net = len(self._low), self._number((address >> 64, prefix_id))
        self._low.append(address & _LOW)
        self._net.append(net)
        self._verified.append(int(verified_at))
        self._live.append(1)
        self._came[net] += 1
        self.live += 1
        if self.trail.on:
            self.trail.touch(row)
        return row

    def extend(self, columns: AddressColumns) -> None:
        """Add live rows under the numbers they have, ascending and above all that are here; gaps are dead rows."""
        if not columns:
            return
        numbers = [self._number(net) for net in columns.nets]
        for place, came in columns.census():
            self._came[numbers[place]] += came
        code = self._net.typecode
        nets = array(code, numbers * len(columns) if len(numbers) == 1 else map(numbers.__getitem__, columns.owners))
        times = array("I", map(int, columns.times))
        ids, self.live = columns.ids, self.live + len(columns)
        whole = ids[-1] + 1 - ids[0] == len(ids)
        breaks = [] if whole else [place for place, (one, two) in enumerate(pairwise(ids), 1) if two - one > 1]
        if len(breaks) * _RUN > len(ids):
            self.pad(ids[-1] + 1)
            for place, row in enumerate(ids):
                self._low[row], self._net[row], self._verified[row] = columns.lows[place], nets[place], times[place]
                self._live[row] = 1
            return
        for start, end in pairwise((0, *breaks, len(ids))):
            self.pad(ids[start])
            self._low.extend(columns.lows[start:end])
            self._net.extend(nets[start:end])
            self._verified.extend(times[start:end])
            self._live.extend(b"\1" * (end - start))

    def pad(self, rows: int) -> None:
        """Add dead rows until there are `rows`, for gaps in a restored numbering."""
        missing = rows - len(self._low)
        if missing > 0:
            if not self._nets:
                self._number((0, 0))
            self._low.extend(array("Q", bytes(8 * missing)))
            self._net.extend(array(self._net.typecode, bytes(self._net.itemsize * missing)))
            self._verified.extend(array("I", bytes(4 * missing)))
            self._live.extend(bytes(missing))

    def kill(self, row: int) -> None:
        """Mark a live row dead."""
        self._live[row] = 0
        self._went[self._net[row]] += 1
        self.live -= 1
        if self.trail.on:
            self.trail.touch(row)

    def clear(self, prefix_id: int | None = None) -> bytes:
        """Kill all live rows, or those of one prefix; return a byte for each row of the table, 1 where one was killed."""
        nets = [number for number, (_, owner) in enumerate(self._nets) if prefix_id in (None, owner)]
        size = len(self._live)
        if len(nets) == len(self._nets):
            killed, self._live = bytes(self._live), bytearray(size)
        else:
            # As whole numbers: a million rows one by one would take a second.
            theirs = int.from_bytes(self._marked(self._marks(nets), 0, size), "little")
            live = int.from_bytes(self._live, "little")
            killed = (theirs & live).to_bytes(size, "little")
            self._live = bytearray((live & ~theirs).to_bytes(size, "little"))
        for number in nets:
            self._went[number] = self._came[number]
        self.live -= killed.count(1)
        if self.trail.on:
            self.trail.lose()
        return killed

    def alive(self, row: int) -> bool:
        """Return whether the row is in the pool."""
        return self._live[row] == 1

    def address(self, row: int) -> int:
        """Return the row's address."""
        return self._nets[self._net[row]][0] << 64 | self._low[row]

    def prefix_id(self, row: int) -> int:
        """Return the id of the prefix the row belongs to."""
        return self._nets[self._net[row]][1]

    def verified_at(self, row: int) -> int:
        """Return when the address was verified (unix seconds)."""
        return self._verified[row]

    def find(self, address: int) -> int | None:
        """Return the live row of `address`, None when it is not in the pool."""
        if self._entered < len(self._low):
            self.index(len(self._low))
        slot = self._slot(address)
        while entry := self._index[slot]:
            if self._low[entry - 1] == address & _LOW and self.address(entry - 1) == address:
                return entry - 1 if self._live[entry - 1] else None
            slot = (slot + 1) & self._mask
        return None

    def rows_among(self, addresses: Collection[int]) -> list[int]:
        """Return the live rows of those of `addresses` that are here, without an index if there is none yet."""
        maybe = addresses
        if self._entered < len(self._low):
            lows = {address & _LOW for address in addresses}.intersection(self._low)
            maybe = [address for address in addresses if address & _LOW in lows]
        return [row for address in maybe if (row := self.find(address)) is not None]

    def index(self, most: int) -> bool:
        """Index up to `most` more rows by address; return whether any are left. `find` needs all and does what is left."""
        rows, start = len(self._low), self._entered
        if rows * _FULL[1] > (self._mask + 1) * _FULL[0]:
            start = 0
            self._make_index()
        end = self._entered = min(start + most, rows)
        index, mask, shift, nets, live = self._index, self._mask, self._shift, self._nets, self._live
        for row, (low, net) in enumerate(zip(self._low[start:end], self._net[start:end], strict=True), start):
            if not live[row]:
                continue
            slot = ((low ^ nets[net][0]) * _GOLDEN & _LOW) >> shift
            while entry := index[slot]:
                # A row that has left and come back: the newest counts.
                if not live[entry - 1] and self._low[entry - 1] == low and self.address(entry - 1) == self.address(row):
                    break
                slot = (slot + 1) & mask
            index[slot] = row + 1
        return end < rows

    def rows(self) -> Iterator[int]:
        """Yield every live row, oldest first."""
        return (row for row, live in enumerate(self._live) if live)

    def next_live(self, row: int) -> int | None:
        """Return the first live row that is not below `row`, at once however many dead ones are between."""
        found = self._live.find(1, row)
        return found if found >= 0 else None

    def rows_after(self, row: int) -> Iterator[int]:
        """Yield every live row above `row`, oldest first, at once whatever is below."""
        while (row := self._live.find(1, row + 1)) >= 0:
            yield row

    def rows_within(self, network: int, length: int, begin: int = 0, end: int | None = None) -> Iterator[int]:
        """Yield the live rows inside a network, oldest first, of those from `begin` to before `end`.

        The table must not change meanwhile.
        """
        nets = self._nets_within(network, min(length, _NET_BITS))
        if not any(self._came[number] - self._went[number] for number in nets):
            return
        marks = self._marks(nets)
        shift, wanted = 128 - length, (network & _LOW) >> 128 - length
        end = len(self._low) if end is None else min(end, len(self._low))
        for start in range(begin, end, _PIECE):
            for row in self._rows_marked(marks, nets, start, min(start + _PIECE, end)):
                if length <= _NET_BITS or self._low[row] >> shift == wanted:
                    yield row

    def census(self, network: int, length: int) -> Census:
        """Count what is inside a network of at most 64 bits, from what is known of each /64."""
        nets = self._nets_within(network, length)
        return Census(sum(map(self._came.__getitem__, nets)), sum(map(self._went.__getitem__, nets)))

    def counts(self) -> Counter[int]:
        """Return how many live rows each prefix id has."""
        found: Counter[int] = Counter()
        for (_, prefix_id), came, went in zip(self._nets, self._came, self._went, strict=True):
            found[prefix_id] += came - went
        return found

    def _nets_within(self, network: int, length: int) -> list[int]:
        shift = _NET_BITS - length
        return [number for number, (net, _) in enumerate(self._nets) if net >> shift == network >> 128 - length]

    def _marks(self, nets: Iterable[int]) -> bytes:
        """Return a byte for each number of a /64: 1 for those in `nets`."""
        marks = bytearray(len(self._nets))
        for number in nets:
            marks[number] = 1
        return bytes(marks)

    def _rows_marked(self, marks: bytes, nets: Sequence[int], begin: int, end: int) -> Iterator[int]:
        """Yield the live rows of the /64s that have a mark, `nets`, from `begin` to before `end`."""
        if len(nets) == 1 and len(marks) > _FEW:
            yield from self._rows_of_net(nets[0], begin, end)
            return
        theirs = int.from_bytes(self._marked(marks, begin, end), "little")
        found = theirs & int.from_bytes(self._live[begin:end], "little")
        rows = found.to_bytes(end - begin, "little")
        row = -1
        while (row := rows.find(1, row + 1)) >= 0:
            yield begin + row

    def _rows_of_net(self, number: int, begin: int, end: int) -> Iterator[int]:
        # One among thousands is rare: to look for it is much faster than to look at each.
        size = self._net.itemsize
        owners, wanted = self._net[begin:end].tobytes(), number.to_bytes(size, sys.byteorder)
        place = -1
        while (place := owners.find(wanted, place + 1)) >= 0:
            if place % size == 0 and self._live[begin + place // size]:
                yield begin + place // size

    def _marked(self, marks: bytes, begin: int, end: int) -> bytes:
        """Return a byte for each of these rows: 1 where its /64 has a mark."""
        owners = self._net[begin:end]
        if len(marks) > _FEW:
            return bytes(map(marks.__getitem__, owners))
        # Few numbers all fit into one byte of theirs, and such are looked up in a tenth of the time.
        size = owners.itemsize
        return owners.tobytes()[0 if sys.byteorder == "little" else size - 1 :: size].translate(marks.ljust(_FEW))

    def _slot(self, address: int) -> int:
        return ((address ^ address >> 64) * _GOLDEN & _LOW) >> self._shift

    def _number(self, net: tuple[int, int]) -> int:
        """Return the number of a /64 and the prefix it belongs to."""
        number = self._net_index.get(net)
        if number is None:
            number = self._net_index[net] = len(self._nets)
            self._nets.append(net)
            self._came.append(0)
            self._went.append(0)
            if number > _NARROW and self._net.typecode == "H":
                self._net = array("I", self._net)
        return number

    def _make_index(self) -> None:
        bits = 6
        while (1 << bits) * _FULL[0] < len(self._low) * _FULL[1]:
            bits += 1
        self._mask = (1 << bits) - 1
        self._shift = 64 - bits
        self._index = array("I", bytes(4 << bits))
