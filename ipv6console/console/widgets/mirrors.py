"""The Mirrors pane: one line a task, live, with a filter."""

from __future__ import annotations

from typing import ClassVar

from ipv6console.console import figure
from ipv6console.console.detail import facts
from ipv6console.console.filter import parse, passes
from ipv6console.console.model import Condition, Model
from ipv6console.console.tone import Span, Tone, verdict
from ipv6console.console.widgets.grid import Cell, Column, GridRow
from ipv6console.console.widgets.pane import View, waiting
from ipv6console.console.widgets.table import NONE_PASS, TablePane
from ipv6console.wire.state import MirrorRow
from ipv6console.wire.status import Level

_USAGE = 14
_SPARK = 10
_LEGEND = (("█", Tone.BUSY), (" using ", Tone.DIM), ("▒", Tone.FAIL), (" bad · idle   ", Tone.DIM))


def usage(row: MirrorRow, width: int, *, stale: bool) -> Cell:
    """Return the bar of using, bad and idle shares: solid, shaded, dotted."""
    using, bad, idle = figure.shares((row.using, row.bad, row.idle), width)
    return (
        ("█" * using, Tone.UNKNOWN if stale else Tone.BUSY),
        ("▒" * bad, Tone.UNKNOWN if stale else Tone.FAIL),
        ("·" * (idle if row.total else width), Tone.DIM),
    )


def state_of(row: MirrorRow, *, stale: bool) -> Span:
    """Return the glyph and word of a mirror's state."""
    if row.draining:
        return ("◌ draining", Tone.UNKNOWN) if stale else ("▲ draining", Tone.WARN)
    return verdict(row.level, stale=stale)


def grid_row(row: MirrorRow, model: Model, *, stale: bool) -> GridRow:
    """Return a mirror's line in the table."""
    bad_tone = Tone.FAIL if row.bad and not stale else Tone.DIM
    last = "never" if row.last_pick_at is None else figure.whole_age(model.age_of(row.last_pick_at))
    return GridRow(
        row.name,
        {
            "state": (state_of(row, stale=stale),),
            "name": ((row.name, Tone.DIM if stale else Tone.STRONG),),
            "usage": usage(row, _USAGE, stale=stale),
            "idle": ((figure.short(row.idle), Tone.FAIL if not row.idle and not stale else Tone.PLAIN),),
            "using": ((figure.short(row.using), Tone.PLAIN),),
            "bad": ((figure.short(row.bad), bad_tone),),
            "total": ((figure.short(row.total), Tone.DIM),),
            "rate": ((figure.rate(row.picks_per_s), Tone.PLAIN),),
            "spark": ((figure.spark(model.rates.get(row.name, ()), _SPARK), Tone.UNKNOWN if stale else Tone.BUSY),),
            "bans": ((figure.short(row.bans), Tone.WARN if row.bans and not stale else Tone.DIM),),
            "last": ((last, Tone.DIM),),
            "text": ((row.text if row.text != row.level else "", Tone.DIM),),
        },
    )


def needs_eye(row: MirrorRow) -> bool:
    """Whether something is wrong with a mirror."""
    return row.level in {Level.FAIL, Level.WARN}


class MirrorsPane(TablePane):
    """The mirrors: those that need an eye first, then by name."""

    drains = True
    topic = "Mirrors"
    guide: ClassVar[str] = (
        "One line for each task (dbname). usage: █ using, ▒ bad, · idle, as shares of the pool.\n"
        "picks/s is live, beside it the last seconds. bans counts the bad verdicts since the engine started.\n"
        "Mirrors that need an eye come first. A starving mirror's target bans everything: the others are unharmed.\n"
        "{filter} filters (!word inverts, state:warn looks at the state), Enter shows everything, {drain} drains, {flush} flushes."
    )
    fields = frozenset({"state", "name", "text"})
    columns: ClassVar[tuple[Column, ...]] = (
        Column(key="state", title="STATE", width=10),
        Column(key="name", title="MIRROR", width=12, flex=2),
        Column(key="usage", title="USAGE", width=_USAGE, rank=5),
        Column(key="idle", title="IDLE", width=6, right=True),
        Column(key="using", title="USING", width=6, right=True, rank=1),
        Column(key="bad", title="BAD", width=6, right=True, rank=1),
        Column(key="total", title="TOTAL", width=6, right=True, rank=10),
        Column(key="rate", title="PICK/S", width=6, right=True, rank=2),
        Column(key="spark", title="TREND", width=_SPARK, rank=6),
        Column(key="bans", title="BANS", width=5, right=True, rank=3),
        Column(key="last", title="LAST", width=5, right=True, rank=8),
        Column(key="text", title="NOTE", width=24, flex=3, rank=9),
    )

    def basis(self, view: View) -> tuple[object, ...]:
        """The mirrors, and the filter."""
        state = view.model.state
        return (self.filter_text, *((state.mirrors, state.pool.stamp) if state else ()))

    def redraw(self, view: View) -> None:
        """Show the mirrors that pass the filter."""
        state = view.model.state
        mirrors = state.mirrors if state else ()
        terms = parse(self.filter_text, self.fields)
        shown = [
            row for row in mirrors if passes(terms, {"state": self._word(row), "name": row.name, "text": row.text})
        ]
        stamp = max(
            (row.stamp for row in mirrors), key=lambda stamp: stamp.at, default=state.pool.stamp if state else None
        )
        heading = self.heading(view, len(shown)) + (" · paused" if view.paused else "")
        self.frame(view, heading, stamp, legend=_LEGEND)
        if view.paused and self.grid.rows:
            return
        body = waiting(view, "the mirrors")
        if body is not None:
            self.place([], ("", Tone.PLAIN), body)
        elif not mirrors:
            self.place(
                [], ("○ no mirrors yet", Tone.DIM),
                "  A mirror appears with a task's first request:\n", ("curl 'http://localhost:16000/pick?dbname=task1'", Tone.STRONG),
            )  # fmt: skip
        elif not shown:
            self.place([], ("", Tone.PLAIN), *NONE_PASS)
        else:
            self.place([self.grid_row(row, view) for row in self.ordered(shown, view)], None)

    def heading(self, view: View, shown: int) -> str:
        """The title: how many mirrors there are, and how many pass the filter."""
        state = view.model.state
        if state is None:
            return "Mirrors"
        number = len(state.mirrors)
        return f"Mirrors · {shown} of {number} pass" if parse(self.filter_text, self.fields) else f"Mirrors · {number}"

    def ordered(self, rows: list[MirrorRow], view: View) -> list[MirrorRow]:
        """Return the mirrors in order: those that need an eye first, then by name."""
        return sorted(rows, key=lambda row: (not needs_eye(row), row.name))

    def grid_row(self, row: MirrorRow, view: View) -> GridRow:
        """Return a mirror's line."""
        return grid_row(row, view.model, stale=view.model.condition is Condition.STALE)

    @staticmethod
    def _word(row: MirrorRow) -> str:
        return state_of(row, stale=False)[0]

    def chosen(self, view: View) -> MirrorRow | None:
        """Return the mirror under the cursor."""
        key = self.grid.cursor_key
        return None if key is None else view.model.mirror(key)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the mirror under the cursor."""
        row = self.chosen(view)
        return None if row is None else (f"Mirror {row.name}", facts(row, view.model.now))

    def copied(self, view: View) -> str | None:
        """The mirror's name."""
        return self.grid.cursor_key
