"""Reading a list of the engine page by page, as far as somebody looks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

R = TypeVar("R")
FIRST, PAGE = 200, 1_000
"""Rows asked for at first, and at most at once."""
LISTED = 2_000
"""Rows that pass and are listed at most; a filter finds the others."""
LOOKED = 20_000
"""Rows that are looked through at most, where the engine cannot pick out what is wanted by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Generic[R]):
    """One page: `next` continues the list, None at its end."""

    rows: Sequence[R]
    next: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found(Generic[R]):
    """The rows that pass, of so many looked through; `more` when the list goes on behind them."""

    rows: tuple[R, ...]
    looked: int
    more: bool

    @property
    def exhausted(self) -> bool:
        """Whether no more of the list will be read for this filter."""
        return not self.more or len(self.rows) >= LISTED or self.looked >= LOOKED


Ask = Callable[[str | None, int], Awaitable[Leaf[R]]]
"""Asks for the page behind a cursor, of so many rows at most."""


async def gather(ask: Ask[R], passes: Callable[[R], bool], least: int) -> Found[R]:
    """Read pages until `least` rows pass, the list ends, or enough was looked through; raises Refused."""
    rows: list[R] = []
    cursor: str | None = None
    looked = 0
    while True:
        leaf = await ask(cursor, PAGE if looked else min(PAGE, least))
        looked += len(leaf.rows)
        rows += [row for row in leaf.rows if passes(row)]
        cursor = leaf.next
        if cursor is None or len(rows) >= least or looked >= LOOKED:
            return Found(rows=tuple(rows), looked=looked, more=cursor is not None)
        await asyncio.sleep(0)
