"""The table of the screen Mirrors: every mirror, with how fast it burns addresses, in the order asked for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

from ipv6console.console import figure
from ipv6console.console.action import Scope
from ipv6console.console.model import Condition, Model
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.grid import Cell, Column, GridRow
from ipv6console.console.widgets.mirrors import MirrorsPane, needs_eye
from ipv6console.console.widgets.pane import View
from ipv6console.wire.state import MirrorRow

HEADS: tuple[tuple[str, str, str], ...] = (
    ("eye", "e", "What needs an eye first, then by name"),
    ("name", "n", "Name"),
    ("burn", "b", "Burns addresses, per minute"),
    ("bad", "a", "Bad addresses"),
    ("bans", "s", "Bans since the engine's start"),
    ("rate", "p", "Picks per second"),
    ("using", "u", "Using"),
    ("idle", "i", "Idle: fewest first"),
    ("last", "t", "Last pick"),
)
"""What the mirrors can be put in order by, each with its letter."""

_FALLING = frozenset({"burn", "bad", "bans", "rate", "using", "last"})


class BurningPane(MirrorsPane):
    """The mirrors. While `pinned` names one, that is the one acts are about, wherever the cursor is."""

    scopes = frozenset({Scope.TABLE, Scope.MIRRORS})
    guide: ClassVar[str] = (
        "One line for each task (dbname). usage: █ using, ▒ bad, · idle, as shares of the pool.\n"
        "BURN/M is how many bad verdicts come a minute, over the last minute; with ~ it is the average since the engine's "
        "start, as long as too little was seen. {order_mirrors} puts in order: {order_mirrors} b shows what burns addresses fastest.\n"
        "Enter goes into a mirror: its leases and who holds them, who bans it, its settings. {drain} drains or resumes, "
        "{flush} flushes, {release} makes it idle again. {filter} filters (!word inverts, state:warn looks at the state)."
    )
    columns = (
        Column(key="state", title="STATE", width=10),
        Column(key="name", title="MIRROR", width=12, flex=2),
        Column(key="usage", title="USAGE", width=14, rank=7),
        Column(key="idle", title="IDLE", width=6, right=True, rank=1),
        Column(key="using", title="USING", width=6, right=True, rank=2),
        Column(key="bad", title="BAD", width=6, right=True),
        Column(key="burn", title="BURN/M", width=7, right=True),
        Column(key="bans", title="BANS", width=6, right=True, rank=4),
        Column(key="rate", title="PICK/S", width=7, right=True, rank=3),
        Column(key="spark", title="TREND", width=10, rank=6),
        Column(key="last", title="LAST", width=5, right=True, rank=8),
        Column(key="total", title="TOTAL", width=6, right=True, rank=10),
        Column(key="text", title="NOTE", width=24, flex=3, rank=9),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.column, self.descending = "eye", False
        self.pinned: str | None = None

    def put_in_order(self, column: str) -> None:
        """Order by a column; by the one it is already, the other way round."""
        self.descending = column in _FALLING if column != self.column else not self.descending
        self.column = column

    def basis(self, view: View) -> tuple[object, ...]:
        """The mirrors, the filter and the order."""
        return (*super().basis(view), self.column, self.descending)

    def ordered(self, rows: list[MirrorRow], view: View) -> list[MirrorRow]:
        """Return the mirrors in the order asked for; equals by name."""
        value = _VALUES[self.column]
        sign = -1.0 if self.descending else 1.0
        by_name = sorted(rows, key=lambda row: row.name, reverse=self.column == "name" and self.descending)
        return sorted(by_name, key=lambda row: sign * value(row, view.model))

    def grid_row(self, row: MirrorRow, view: View) -> GridRow:
        """Return a mirror's line, with how fast it burns addresses."""
        made = super().grid_row(row, view)
        return replace(made, cells={**made.cells, "burn": burn_cell(row, view.model)})

    def heading(self, view: View, shown: int) -> str:
        """The title, with the order."""
        told = next(told for column, _, told in HEADS if column == self.column)
        way = " ↓" if self.descending else " ↑"
        return super().heading(view, shown) + (
            "" if self.column == "eye" else f" · {told.partition(':')[0].lower()}{way}"
        )

    def chosen(self, view: View) -> MirrorRow | None:
        """Return the mirror that acts are about."""
        return super().chosen(view) if self.pinned is None else view.model.mirror(self.pinned)


def burn_cell(row: MirrorRow, model: Model) -> Cell:
    """Return how fast a mirror burns addresses; `~` stands before an average that was not seen."""
    if model.state is None:
        return ()
    rate = model.burn.rate(row, model.state)
    told = figure.rate(rate.per_min)
    stale = model.condition is Condition.STALE
    tone = Tone.DIM if stale or rate.per_min < 0.05 else Tone.WARN if rate.measured else Tone.PLAIN
    return ((told if rate.measured or told == "0" else f"~{told}", tone),)


def _burn(row: MirrorRow, model: Model) -> float:
    return 0.0 if model.state is None else model.burn.rate(row, model.state).per_min


_VALUES: dict[str, Callable[[MirrorRow, Model], float]] = {
    "eye": lambda row, _: float(not needs_eye(row)),
    "name": lambda row, _: 0.0,
    "burn": _burn,
    "bad": lambda row, _: row.bad,
    "bans": lambda row, _: row.bans,
    "rate": lambda row, _: row.picks_per_s,
    "using": lambda row, _: row.using,
    "idle": lambda row, _: row.idle,
    "last": lambda row, _: -math.inf if row.last_pick_at is None else row.last_pick_at,
}
