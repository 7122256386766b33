"""A table whose cursor chooses what the panes beside it are about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from ipv6console.console.tone import Span
from ipv6console.console.widgets.grid import Grid, GridRow
from ipv6console.console.widgets.pane import View
from ipv6console.console.widgets.table import FilterLine, TablePane

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class Pointer(Grid):
    """A grid that says when its cursor is on another row, which only a key or the end of its row does."""

    stays_on_top: ClassVar[bool] = False

    class Moved(Message):
        """The cursor is on another row."""

    def move_to(self, index: int) -> None:
        """Put the cursor on row `index`, as near as there are rows."""
        before = self.cursor_key
        super().move_to(index)
        if self.cursor_key != before:
            self.post_message(self.Moved())


class Roster(TablePane):
    """The table. Panes beside it ask its subclass what is chosen; they are drawn anew when that changes."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._wanted: str | None = None

    def compose(self) -> ComposeResult:
        """Filter, table and note."""
        yield FilterLine()
        yield Pointer(self.columns, id=f"{self.id}-grid")
        yield Static(classes="body note")

    def basis(self, view: View) -> tuple[object, ...]:
        """The document and the filter."""
        return (view.model.version, self.filter_text)

    def place(self, rows: list[GridRow], note: Span | None, *details: Span | str | Content) -> None:
        """Show the rows, with the cursor on the one that was asked for; or the note when there are none."""
        super().place(rows, note, *details)
        if self._wanted is not None and rows:
            self.reveal(self._wanted)
            self._wanted = None

    def reveal(self, name: str) -> None:
        """Put the cursor on the row `name`, now or as soon as the rows are there."""
        index = next((index for index, row in enumerate(self.grid.rows) if row.key == name), None)
        if index is not None:
            self.grid.move_to(index)
        elif not self.grid.rows:
            self._wanted = name

    def on_pointer_moved(self) -> None:
        """Draw what is chosen now."""
        cast("ConsoleApp", self.app).redraw()
