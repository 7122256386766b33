"""The rows of the pool's table: what each says of its address, made when it is looked at."""

from __future__ import annotations

import math
from functools import lru_cache

from ipv6console.console import figure
from ipv6console.console.listing import Listing
from ipv6console.console.stock import Usage, aligned
from ipv6console.console.tone import Span, Tone
from ipv6console.console.widgets.grid import Cell, GridRow
from ipv6console.console.widgets.roll import Window


def states(usage: Usage, *, stale: bool) -> Cell:
    """Return what an address is in the mirrors: those it is leased in, those it is bad in, or idle."""
    if not usage.leased_in and not usage.bad_in:
        return (("◌ was idle", Tone.UNKNOWN) if stale else ("○ idle", Tone.PLAIN),)
    spans: list[Span] = []
    if usage.leased_in:
        spans.append((f"● {' '.join(usage.leased_in)} ", Tone.UNKNOWN if stale else Tone.BUSY))
    if usage.bad_in:
        spans.append((f"✖ {' '.join(usage.bad_in)}", Tone.UNKNOWN if stale else Tone.FAIL))
    return tuple(spans)


@lru_cache(maxsize=1_024)
def prefix_width(prefix: str) -> int:
    """Return how many characters of an aligned address are its prefix, whole nibbles only."""
    length = prefix.partition("/")[2]
    nibbles = int(length) // 4 if length.isdigit() else 0
    return nibbles + nibbles // 4


class Rows(Window):
    """What is listed as rows of the table; a row is made once for as long as nothing changes."""

    def __init__(self, listing: Listing) -> None:
        self._listing = listing
        self._made: dict[int, GridRow] = {}
        self._state: tuple[object, ...] = ()
        self._now, self._stale = 0.0, False
        self._marks: set[int] = set()

    def update(self, now: float, marks: set[int], *, stale: bool, turn: int) -> None:
        """Take over the time, the marks and whether it is stale; `turn` counts the changes of the marks."""
        state = (self._listing.version, int(now), stale, turn)
        if state != self._state:
            self._made.clear()
            self._state = state
        self._now, self._marks, self._stale = now, marks, stale

    def __len__(self) -> int:
        return len(self._listing)

    def row(self, index: int) -> GridRow:
        """Return the row at a place."""
        slot = self._listing.slot(index)
        made = self._made.get(slot)
        if made is None:
            made = self._made[slot] = self.made(slot)
        return made

    def find(self, key: str) -> int | None:
        """Return the place of an address."""
        slot = self._listing.stock.find(int(key))
        return None if slot is None else self._listing.place(slot)

    def made(self, slot: int) -> GridRow:
        """Return the row of a slot that holds an address."""
        stock = self._listing.stock
        address, usage = stock.address[slot], stock.usage[slot]
        assert usage is not None  # noqa: S101 - what is listed is there
        text, edge = aligned(address), prefix_width(usage.prefix)
        marked = address in self._marks
        tone = Tone.DIM if self._stale else Tone.STRONG if marked else Tone.PLAIN
        return GridRow(
            str(address),
            {
                "mark": (("*" if marked else "", Tone.KEY),),
                "address": ((text[:edge], Tone.DIM), (text[edge:], tone)),
                "state": states(usage, stale=self._stale),
                "used": ((self._ago(stock.used_at[slot], "never"), Tone.DIM),),
                "uses": ((figure.short(stock.uses[slot]), tone),),
                "verified": ((self._ago(stock.verified_at[slot], ""), Tone.DIM),),
                "retry": ((self._ahead(stock.retry_at[slot]), Tone.DIM),),
            },
        )

    def _ago(self, at: float, never: str) -> str:
        return never if math.isnan(at) else figure.whole_age(self._now - at)

    def _ahead(self, at: float) -> str:
        return "" if math.isnan(at) else figure.whole_age(max(0.0, at - self._now))
