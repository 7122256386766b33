"""The addresses of the pool in compact arrays, one row an address, shared by every mirror."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Collection, Iterator
from itertools import pairwise

from ipv6console.pool.columns import AddressColumns
from ipv6console.pool.trail import Trail

_NET_BITS = 64
_LOW = (1 << 64) - 1
_GOLDEN = 0x9E37_79B9_7F4A_7C15
_NARROW = (1 << 16) - 1
_FULL = (3, 4)
"""Of so many parts of the index so many are used before it is doubled."""
_RUN = 16
"""How many rows have to follow each other, on average, for taking them up run by run to be faster than one by one."""


class AddressTable:
    """Append-only rows; a row that left the pool stays, dead, so that mirrors can skip it without being told.

    Any IPv6 address is a /64 (an index into a list of those in use) and 64 low bits, whatever its prefix's length.
    `trail` tells which rows changed lately, in a mirror too. The index by address is made when it is first asked for, or before.
    """

    __slots__ = (
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
        "live",
        "trail",
    )

    def __init__(self) -> None:
        self._low = array("Q")
        self._net = array("H")  # wider once there are more /64s than that numbers
        self._verified = array("I")
        self._live = bytearray()
        self._nets: list[tuple[int, int]] = []
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
        self.live += 1
        if self.trail.on:
            self.trail.touch(row)
        return row

    def extend(self, columns: AddressColumns) -> None:
        """Add live rows under the numbers they have, ascending and above all that are here; gaps are dead rows."""
        if not columns:
            return
        numbers = [self._number(net) for net in columns.nets]
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
        self.live -= 1
        if self.trail.on:
            self.trail.touch(row)

    def clear(self, prefix_id: int | None = None) -> bytes:
        """Kill all live rows, or those of one prefix; return a byte for each row of the table, 1 where one was killed."""
        if all(owner == prefix_id for _, owner in self._nets) or prefix_id is None:
            killed, self._live = bytes(self._live), bytearray(len(self._live))
        else:
            # As whole numbers: a million rows one by one would take a second.
            theirs, live = int.from_bytes(self._marked(prefix_id), "little"), int.from_bytes(self._live, "little")
            killed = (theirs & live).to_bytes(len(self._live), "little")
            self._live = bytearray((live & ~theirs).to_bytes(len(self._live), "little"))
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
        """Yield the live rows inside a network, oldest first, of those from `begin` to before `end`."""
        live, owners = self._live, self._net
        if (begin, end) != (0, None):
            live, owners = live[begin:end], owners[begin:end]
        if length <= _NET_BITS:
            shift = _NET_BITS - length
            nets = {number for number, (net, _) in enumerate(self._nets) if net >> shift == network >> 128 - length}
            rows = enumerate(zip(live, owners, strict=True), begin)
            return (row for row, (alive, net) in rows if alive and net in nets)
        shift, wanted = 128 - length, (network & _LOW) >> 128 - length
        nets = {number for number, (net, _) in enumerate(self._nets) if net == network >> _NET_BITS}
        lows = self._low if live is self._live else self._low[begin:end]
        whole = enumerate(zip(live, owners, lows, strict=True), begin)
        return (row for row, (alive, net, low) in whole if alive and net in nets and low >> shift == wanted)

    def _marked(self, prefix_id: int) -> bytes:
        """Return a byte for each row: 1 where it is of the prefix."""
        marks = bytes(owner == prefix_id for _, owner in self._nets)
        if len(marks) > 256:
            return bytes(map(marks.__getitem__, self._net))
        # Few numbers all fit into one byte of theirs, and such are looked up in a tenth of the time.
        size = self._net.itemsize
        return self._net.tobytes()[0 if sys.byteorder == "little" else size - 1 :: size].translate(marks.ljust(256))

    def _slot(self, address: int) -> int:
        return ((address ^ address >> 64) * _GOLDEN & _LOW) >> self._shift

    def _number(self, net: tuple[int, int]) -> int:
        """Return the number of a /64 and the prefix it belongs to."""
        number = self._net_index.get(net)
        if number is None:
            number = self._net_index[net] = len(self._nets)
            self._nets.append(net)
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
