"""A pane with a table: a filter above it, and a note in its place when there is nothing to list."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import ClassVar, Generic, TypeVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.events import Key
from textual.message import Message
from textual.widget import Widget
from textual.widgets import Input, Static

from ipv6console.console.action import Scope
from ipv6console.console.export import Sheet, sheet, told
from ipv6console.console.filter import parse, passes
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets.grid import Column, Grid, GridRow
from ipv6console.console.widgets.pane import Pane, View

_AT_ONCE = 100
"""Rows that are written down before others get their turn."""

NONE_PASS: tuple[Span | str, ...] = ("○ nothing passes the filter", Tone.DIM), "  ", ("Esc", Tone.KEY), " drops it"
"""What stands in place of rows when the filter lets none pass."""


class FilterLine(Input):
    """The line a filter is typed into: Enter keeps it, Esc drops it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "drop", show=False)]

    def __init__(self) -> None:
        super().__init__(placeholder="words that must match, !word inverts, state:warn", compact=True, classes="filter")

    async def _on_key(self, event: Key) -> None:
        # Keys typed ahead wait here, whoever has the focus by their turn. Enter is done in its turn, for as a binding it
        # would be done by the app, after letters behind it were taken for text.
        focused = self.screen.focused
        if focused is not None and focused is not self:
            event.stop()
            event.prevent_default()
            focused.post_message(Key(event.key, event.character))
        elif event.key == "enter":
            event.stop()
            event.prevent_default()
            if isinstance(self.parent, TablePane):
                self.parent.take_keys()
            await self.action_submit()

    def action_drop(self) -> None:
        """Forget the filter."""
        self.value = ""
        self.post_message(self.Submitted(self, ""))


class TablePane(Pane):
    """A pane with a table, a filter above it, and a note in place of the table when there is nothing to show."""

    class Refiltered(Message):
        """The filter says something else, so another selection is to be drawn."""

    scopes = frozenset({Scope.TABLE})
    columns: ClassVar[tuple[Column, ...]] = ()
    fields: ClassVar[frozenset[str]] = frozenset()

    def compose(self) -> ComposeResult:
        """Filter, table and note."""
        yield FilterLine()
        yield Grid(self.columns, id=f"{self.id}-grid")
        yield Static(classes="body note")

    @property
    def grid(self) -> Grid:
        """The table."""
        return self.query_one(Grid)

    @property
    def target(self) -> Widget:
        """The table."""
        return self.grid

    @property
    def filter_text(self) -> str:
        """The filter as typed."""
        return self.query_one(FilterLine).value

    def ask_filter(self) -> None:
        """Open the filter line."""
        self.add_class("-filtering")
        self.query_one(FilterLine).focus()

    def drop_filter(self) -> bool:
        """Forget the filter; returns whether there was one."""
        had = self.has_class("-filtering")
        self.query_one(FilterLine).value = ""
        self.remove_class("-filtering")
        return had

    @on(Input.Changed)
    def filter_anew(self, event: Input.Changed) -> None:
        """Filter as it is typed."""
        event.stop()
        self.post_message(self.Refiltered())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Keep or drop the filter and go to the table."""
        event.stop()
        # Enter may have come before the line had been told all that was typed, so not what the event says.
        self.set_class(bool(self.filter_text), "-filtering")
        self.take_keys()

    def take_keys(self) -> None:
        """Give the keys to the table."""
        self.grid.display = True
        self.screen.set_focus(self.grid)

    def lines(self) -> Iterator[GridRow]:
        """Yield every row of the table, in its order."""
        yield from self.grid.rows

    async def exported(self, most: int | None = None) -> Sheet:
        """Return what the table shows, to be written into a file; others work in between, for there may be many rows."""
        rows = []
        for row in islice(self.lines(), most):
            rows.append(told(self.columns, row))
            if len(rows) % _AT_ONCE == 0:
                await asyncio.sleep(0)
        return sheet(self.columns, rows)

    def place(self, rows: list[GridRow], note: Span | None, *details: Span | str | Content) -> None:
        """Show the rows, or the note when there are none."""
        self.grid.show(rows)
        note_widget = self.query_one(".note", Static)
        note_widget.display = note is not None
        self.set_class(note is not None, "-noted")
        if note is not None:
            told, shown = content(note, *details), note_widget.content
            if not (isinstance(shown, Content) and shown.is_same(told)):
                note_widget.update(told)  # lays the whole screen out anew


R = TypeVar("R")


class RowsPane(TablePane, Generic[R]):
    """A table of documents' rows. Subclasses say by what those are filtered and what one looks like."""

    what: ClassVar[str] = ""
    """What is waited for."""

    @staticmethod
    def fields_of(row: R) -> dict[str, str]:
        """Return what the filter looks at."""
        raise NotImplementedError

    @staticmethod
    def grid_row(row: R, view: View) -> GridRow:
        """Return one line of the table; its key is the cursor's."""
        raise NotImplementedError

    def passing(self, rows: Iterable[R], view: View) -> list[GridRow]:
        """Return the lines of the rows that pass the filter."""
        terms = parse(self.filter_text, self.fields)
        return [self.grid_row(row, view) for row in rows if passes(terms, self.fields_of(row))]
