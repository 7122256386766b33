"""A table of any length: rows are made when they come into view, and the cursor stays on its row wherever that goes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import overload

from textual import events
from textual.message import Message
from textual.strip import Strip

from ipv6console.console.widgets.grid import Column, Grid, GridRow, fitted

_RISING, _FALLING = "↑", "↓"


class Window(Sequence[GridRow]):
    """Rows by their place, made when they are asked for."""

    def row(self, index: int) -> GridRow:
        """Return the row at a place."""
        raise NotImplementedError

    def find(self, key: str) -> int | None:
        """Return the place of a key, None when it is at none."""
        raise NotImplementedError

    @overload
    def __getitem__(self, index: int) -> GridRow: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[GridRow]: ...
    def __getitem__(self, index: int | slice) -> GridRow | Sequence[GridRow]:
        """Return one row, or some."""
        if isinstance(index, slice):
            return [self.row(place) for place in range(*index.indices(len(self)))]
        return self.row(index)


class Roll(Grid):
    """The table. `show_window` draws the lines in view that differ; what is listed may have changed in any way."""

    class HeadClicked(Message):
        """The head of a column was clicked."""

        def __init__(self, column: str) -> None:
            super().__init__()
            self.column = column

    class Moved(Grid.Moved):
        """The cursor is somewhere else, or on another row."""

    def __init__(self, columns: Sequence[Column], *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(columns, id=id)
        self._plain = tuple(columns)
        self._held: str | None = None
        self._length = 0
        self._drawn: dict[int, tuple[int, GridRow]] = {}

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor, as it was drawn last."""
        return self._held

    @property
    def place(self) -> int:
        """Where the cursor is, from 0 on."""
        return self._cursor

    def show_order(self, column: str, *, descending: bool) -> None:
        """Mark the column that the rows are in order of."""
        sign = _FALLING if descending else _RISING
        columns = tuple(replace(c, title=c.title + sign) if c.key == column else c for c in self._plain)
        if columns != self._columns:
            self._columns = columns
            self.refresh()

    def show_window(self, window: Window) -> None:
        """Show `window`: a cursor on the first row stays there, else it stays on its row and that on its line."""
        before, length = self._length, len(window)
        line = self._cursor - self.scroll_offset.y
        found = None if self._held is None or self._cursor == 0 else window.find(self._held)
        self._cursor = min(self._cursor, max(0, length - 1)) if found is None else found
        self._rows = window
        self._length = length
        if before != length:
            self._measure()
        if found is not None and self._cursor - self.scroll_offset.y != line:
            self.scroll_to(y=max(0, self._cursor - line), animate=False, force=True, immediate=True)
        self._reveal()
        self._hold()
        for y in range(self._header, self.size.height):
            index = y - self._header + self.scroll_offset.y
            now = (index, window[index]) if index < length else None
            if self._drawn.get(y) != now:
                self._refresh_row(index)

    def _hold(self) -> None:
        held = self._rows[self._cursor].key if self._length else None
        if held != self._held:
            self._held = held
            self.post_message(self.Moved())

    def move_to(self, index: int) -> None:
        """Put the cursor on row `index`, as near as there are rows."""
        super().move_to(index)
        self._hold()

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in view, and remember which row that was."""
        index = y - self._header + self.scroll_offset.y
        if y >= self._header:
            if index < len(self._rows):
                self._drawn[y] = (index, self._rows[index])
            else:
                self._drawn.pop(y, None)
        return super().render_line(y)

    def on_click(self, event: events.Click) -> None:
        """A click on a head asks for that order; elsewhere it moves the cursor."""
        if event.y != 0:
            return
        end = -1
        for column, width in fitted(self._columns, self.scrollable_content_region.width):
            end += width + 1
            if event.x < end:
                event.stop()
                self.post_message(self.HeadClicked(column.key))
                return
