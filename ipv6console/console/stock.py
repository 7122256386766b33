"""The pool's addresses as the console keeps them: a column a field, an address as one integer."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from socket import AF_INET6, inet_ntop, inet_pton

from ipv6console.wire.address import AddressRow

NEVER = math.nan
_INTERNED = 50_000


@dataclass(frozen=True, slots=True, eq=False)
class Usage:
    """Where an address is leased and bad, shared by all addresses of which the same is true; compared by identity."""

    prefix: str
    leased_in: tuple[str, ...]
    bad_in: tuple[str, ...]
    text: str
    """The words a filter finds in it, in lower case."""


def number(addr: str) -> int:
    """Return an address as an integer; raises OSError for text that is none."""
    return int.from_bytes(inet_pton(AF_INET6, addr), "big")


def spelled(address: int) -> str:
    """Return the canonical text of an address (RFC 5952)."""
    return inet_ntop(AF_INET6, address.to_bytes(16, "big"))


def aligned(address: int) -> str:
    """Return an address with every nibble written, so that addresses below each other line up."""
    digits = f"{address:032x}"
    return ":".join(digits[start : start + 4] for start in range(0, 32, 4))


class Stock:
    """Addresses in slots; a slot whose address left is used again. Times are unix seconds, NEVER where there is none."""

    def __init__(self) -> None:
        self.address: list[int] = []
        self.usage: list[Usage | None] = []
        """None where the slot is free."""
        self.verified_at = array("d")
        self.used_at = array("d")
        self.retry_at = array("d")
        self.uses = array("Q")
        self._slots: dict[int, int] = {}
        self._free: list[int] = []
        self._usages: dict[tuple[str, tuple[str, ...], tuple[str, ...]], Usage] = {}

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def width(self) -> int:
        """How many slots there are, free ones included."""
        return len(self.address)

    def slots(self) -> Iterator[int]:
        """Yield the slots that hold an address."""
        return iter(self._slots.values())

    def find(self, address: int) -> int | None:
        """Return the slot of an address, None when it is not there."""
        return self._slots.get(address)

    def put(self, row: AddressRow) -> int:
        """Take in a row, new or changed, and return its slot."""
        address = number(row.addr)
        slot = self._slots.get(address)
        if slot is None:
            slot = self._room()
            self._slots[address] = slot
            self.address[slot] = address
        self.usage[slot] = self._usage(row)
        self.verified_at[slot] = row.verified_at
        self.used_at[slot] = NEVER if row.last_used_at is None else row.last_used_at
        self.retry_at[slot] = NEVER if row.retry_at is None else row.retry_at
        self.uses[slot] = row.uses
        return slot

    def drop(self, address: int) -> int | None:
        """Forget an address and return the slot it had."""
        slot = self._slots.pop(address, None)
        if slot is not None:
            self.usage[slot] = None
            self._free.append(slot)
        return slot

    def row(self, slot: int) -> AddressRow | None:
        """Return what a slot holds as the document it came from."""
        usage = self.usage[slot]
        if usage is None:
            return None
        return AddressRow(
            addr=spelled(self.address[slot]),
            prefix=usage.prefix,
            verified_at=self.verified_at[slot],
            leased_in=usage.leased_in,
            bad_in=usage.bad_in,
            last_used_at=_known(self.used_at[slot]),
            uses=self.uses[slot],
            retry_at=_known(self.retry_at[slot]),
        )

    def _room(self) -> int:
        if self._free:
            return self._free.pop()
        self.address.append(0)
        self.usage.append(None)
        for column in (self.verified_at, self.used_at, self.retry_at):
            column.append(NEVER)
        self.uses.append(0)
        return len(self.address) - 1

    def _usage(self, row: AddressRow) -> Usage:
        told = (row.prefix, row.leased_in, row.bad_in)
        known = self._usages.get(told)
        if known is None:
            if len(self._usages) >= _INTERNED:
                self._usages.clear()  # the rows keep theirs; only sharing begins anew
            words = [*(["using"] if row.leased_in else []), *(["bad"] if row.bad_in else [])] or ["idle"]
            known = Usage(*told, " ".join((*words, *row.leased_in, *row.bad_in)).lower())
            self._usages[told] = known
        return known


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
