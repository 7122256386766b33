"""The addresses of the pool in compact arrays, one row an address, shared by every mirror."""

from __future__ import annotations

from array import array
from collections.abc import Iterator

from ipv6console.pool.trail import Trail

_LOW = (1 << 64) - 1
_GOLDEN = 0x9E37_79B9_7F4A_7C15


class AddressTable:
    """Append-only rows; a row that left the pool stays, dead, so that mirrors can skip it without being told.

    Any IPv6 address is a /64 (an index into a list of those in use) and 64 low bits, whatever its prefix's length.
    `trail` tells which rows changed lately, in a mirror too.
    """

    __slots__ = (
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
        self._net = array("I")
        self._verified = array("I")
        self._live = bytearray()
        self._nets: list[tuple[int, int]] = []
        self._net_index: dict[tuple[int, int], int] = {}
        self.live = 0
        self.trail = Trail()
        self._resize(64)

    def __len__(self) -> int:
        """Return the number of rows, dead ones included."""
        return len(self._low)

    def append(self, address: int, prefix_id: int, verified_at: float) -> int:
        """Add a live row and return its number; the address must not be live already."""
        row = len(self._low)
        net = (address >> 64, prefix_id)
        index = self._net_index.get(net)
        if index is None:
            index = self._net_index[net] = len(self._nets)
            self._nets.append(net)
        self._low.append(address & _LOW)
        self._net.append(index)
        self._verified.append(int(verified_at))
        self._live.append(1)
        self.live += 1
        if self.trail.on:
            self.trail.touch(row)
        if 2 * len(self._low) > self._mask:
            self._resize(4 * len(self._low))
        else:
            self._enter(row, address)
        return row

    def pad(self, rows: int) -> None:
        """Add dead rows until there are `rows`, for gaps in a restored numbering."""
        missing = rows - len(self._low)
        if missing > 0:
            if not self._nets:
                self._nets.append((0, 0))
                self._net_index[0, 0] = 0
            self._low.extend([0] * missing)
            self._net.extend([0] * missing)
            self._verified.extend([0] * missing)
            self._live.extend(bytes(missing))

    def kill(self, row: int) -> None:
        """Mark a live row dead."""
        self._live[row] = 0
        self.live -= 1
        if self.trail.on:
            self.trail.touch(row)

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
        slot = self._slot(address)
        while entry := self._index[slot]:
            if self._low[entry - 1] == address & _LOW and self.address(entry - 1) == address:
                return entry - 1 if self._live[entry - 1] else None
            slot = (slot + 1) & self._mask
        return None

    def rows(self) -> Iterator[int]:
        """Yield every live row, oldest first."""
        return (row for row, live in enumerate(self._live) if live)

    def rows_after(self, row: int) -> Iterator[int]:
        """Yield every live row above `row`, oldest first, at once whatever is below."""
        while (row := self._live.find(1, row + 1)) >= 0:
            yield row

    def rows_of(self, prefix_id: int) -> Iterator[int]:
        """Yield the live rows of one prefix, oldest first."""
        nets = {index for index, net in enumerate(self._nets) if net[1] == prefix_id}
        return (row for row in self.rows() if self._net[row] in nets)

    def _slot(self, address: int) -> int:
        return ((address ^ address >> 64) * _GOLDEN & _LOW) >> self._shift

    def _enter(self, row: int, address: int) -> None:
        slot = self._slot(address)
        while entry := self._index[slot]:
            if self.address(entry - 1) == address:
                break
            slot = (slot + 1) & self._mask
        self._index[slot] = row + 1

    def _resize(self, wanted: int) -> None:
        bits = max(6, (wanted - 1).bit_length())
        self._mask = (1 << bits) - 1
        self._shift = 64 - bits
        self._index = array("I", bytes(4 << bits))
        for row in self.rows():
            self._enter(row, self.address(row))
