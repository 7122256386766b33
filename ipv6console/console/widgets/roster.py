"""A table whose cursor chooses what the panes beside it are about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Static

from ipv6console.console.filter import parse
from ipv6console.console.tone import Span, Tone
from ipv6console.console.widgets.grid import Grid, GridRow
from ipv6console.console.widgets.pane import View, waiting
from ipv6console.console.widgets.table import NONE_PASS, FilterLine, RowsPane
from ipv6console.wire.state import NdpRow, PrefixRow

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


R = TypeVar("R", PrefixRow, NdpRow)


class Roster(RowsPane[R]):
    """The table, one row a prefix. Panes beside it ask what is chosen; they are drawn anew when that changes.

    Subclasses say what is `listed`, by what it is filtered, what a row looks like, and what stands there without any.
    """

    none: ClassVar[tuple[Span | str, ...]] = ()
    """What is said when there is nothing to list."""

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

    def listed(self, view: View) -> Sequence[R]:
        """Return what there is."""
        raise NotImplementedError

    def redraw(self, view: View) -> None:
        """Show the rows that pass the filter."""
        found = self.listed(view)
        shown = self.passing(found, view)
        number = f"{len(shown)} of {len(found)} pass" if parse(self.filter_text, self.fields) else f"{len(found)}"
        stamp = max((row.stamp for row in found), key=lambda stamp: stamp.at, default=None)
        self.frame(view, f"{self.topic} · {number}" + (" · paused" if view.paused else ""), stamp)
        if view.paused and self.grid.rows:
            return
        body = waiting(view, self.what)
        if body is not None:
            self.place([], ("", Tone.PLAIN), body)
        elif not found:
            self.place([], ("", Tone.PLAIN), *self.none)
        elif not shown:
            self.place([], ("", Tone.PLAIN), *NONE_PASS)
        else:
            self.place(shown, None)

    def chosen(self, view: View) -> R | None:
        """Return the row under the cursor."""
        key = self.grid.cursor_key
        return next((row for row in self.listed(view) if row.prefix == key), None)

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
        elif not self.grid.rows or self.drop_filter():
            self._wanted = name

    def on_pointer_moved(self) -> None:
        """Draw what is chosen now."""
        cast("ConsoleApp", self.app).redraw()
