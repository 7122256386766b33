"""A table that draws only the lines in view: fixed widths, rows compared with what was there, no cell widgets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from ipv6console.console.tone import Span, Tone

Cell = tuple[Span, ...]
_GAP = 1
_HEADER = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column: `flex` takes what width is left, the highest `rank` is dropped first when there is too little."""

    key: str
    title: str
    width: int
    flex: int = 0
    rank: int = 0
    right: bool = False


@dataclass(frozen=True, slots=True)
class GridRow:
    """One row: what it is known by, and what its columns show; a row that `shouts` is drawn bold."""

    key: str
    cells: Mapping[str, Cell]
    shouts: bool = field(default=False)


def fitted(columns: Sequence[Column], width: int) -> list[tuple[Column, int]]:
    """Return the columns that fit into `width` cells, each with the width it gets."""
    chosen = list(columns)
    while len(chosen) > 1 and sum(column.width + _GAP for column in chosen) - _GAP > width:
        chosen.remove(max(reversed(chosen), key=lambda column: column.rank))
    spare = max(0, width - sum(column.width + _GAP for column in chosen) + _GAP)
    flexible = sum(column.flex for column in chosen)
    sized = []
    for column in chosen:
        extra = spare * column.flex // flexible if flexible else 0
        sized.append((column, column.width + extra))
    return sized


class Grid(ScrollView, can_focus=True):
    """The table. `show` replaces the rows and redraws the lines that differ."""

    DEFAULT_CSS = """
    Grid { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"grid--header", "grid--cursor", *(f"grid--{tone}" for tone in Tone)}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "edge(0)", show=False),
        Binding("end,G", "edge(1)", show=False),
    ]

    stays_on_top: ClassVar[bool] = True
    """Whether a cursor on the first row stays there when another row comes before its own."""

    class Moved(Message):
        """A key or the mouse put the cursor somewhere."""

    class Opened(Message):
        """A row was asked for with the mouse."""

        def __init__(self, key: str) -> None:
            super().__init__()
            self.key = key

    def __init__(self, columns: Sequence[Column], *, id: str, header: bool = True) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._columns = tuple(columns)
        self._header = _HEADER if header else 0
        self._rows: Sequence[GridRow] = []
        self._cursor = 0

    @property
    def rows(self) -> Sequence[GridRow]:
        """The rows shown."""
        return self._rows

    @property
    def cursor_key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self._cursor].key if self._rows else None

    @property
    def place(self) -> int:
        """Which row the cursor is on, from 0."""
        return self._cursor

    @property
    def on_top(self) -> bool:
        """Whether the cursor is on the first row."""
        return self._cursor == 0

    def show(self, rows: Sequence[GridRow]) -> None:
        """Show `rows` instead; the cursor follows its key, but for one that stays on top."""
        old, key, at_top = self._rows, self.cursor_key, self._cursor == 0 and self.stays_on_top
        self._rows = list(rows)
        if key is not None and not at_top:
            found = next((index for index, row in enumerate(self._rows) if row.key == key), None)
            self._cursor = min(self._cursor, max(0, len(self._rows) - 1)) if found is None else found
        else:
            self._cursor = 0
        if len(old) != len(self._rows):
            self._measure()
            self.refresh()
            return
        for index, (before, after) in enumerate(zip(old, self._rows, strict=True)):
            if before != after:
                self._refresh_row(index)

    def _measure(self) -> None:
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows) + self._header)
        # Textual looks again only where a layout finds another size, which it does not when the rows fit exactly.
        self._refresh_scrollbars()

    def on_resize(self) -> None:
        """Lay the columns out anew."""
        self._measure()
        self._reveal()
        self.refresh()

    def _refresh_row(self, index: int) -> None:
        y = index + self._header - self.scroll_offset.y
        if self._header <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one line of what is in view."""
        width = self.scrollable_content_region.width
        base = self.rich_style
        if self._header and y == 0:
            style = self.get_component_rich_style("grid--header")
            return self._strip({c.key: ((c.title, Tone.PLAIN),) for c in self._columns}, style, width, toned=False)
        index = y - self._header + self.scroll_offset.y
        if index >= len(self._rows):
            return Strip.blank(width, base)
        row = self._rows[index]
        style = base
        if row.shouts:
            style += Style(bold=True)
        if index == self._cursor and self.has_focus:
            style += self.get_component_rich_style("grid--cursor", partial=True)
        return self._strip(row.cells, style, width, toned=True)

    def _strip(self, cells: Mapping[str, Cell], style: Style, width: int, *, toned: bool) -> Strip:
        segments: list[Segment] = []
        for column, size in fitted(self._columns, width):
            if segments:
                segments.append(Segment(" " * _GAP, style))
            segments += self._cell(cells.get(column.key, ()), column, size, style, toned=toned)
        return Strip(segments).adjust_cell_length(width, style)

    def _cell(self, cell: Cell, column: Column, size: int, style: Style, *, toned: bool) -> list[Segment]:
        segments, left = [], size
        for text, tone in cell:
            if left <= 0:
                break
            clean = "".join(character if character.isprintable() else "·" for character in text)
            length = cell_len(clean)
            if length > left:
                clean, length = set_cell_size(clean, left - 1) + "…", left
            dressed = style
            if toned and tone is not Tone.PLAIN:
                # Whole, not partial: only then a see-through colour is blended with what is below it.
                told = self.get_component_rich_style(f"grid--{tone}")
                dressed = style + Style(color=told.color, bold=told.bold or style.bold)
            segments.append(Segment(clean, dressed))
            left -= length
        blank = Segment(" " * left, style)
        return [blank, *segments] if column.right else [*segments, blank]

    def move_to(self, index: int) -> None:
        """Put the cursor on row `index`, as near as there are rows."""
        before = self._cursor
        self._cursor = min(max(0, index), max(0, len(self._rows) - 1))
        self._refresh_row(before)
        self._refresh_row(self._cursor)
        self._reveal()
        self.post_message(self.Moved())

    def _reveal(self) -> None:
        page = max(1, self.scrollable_content_region.height - self._header)
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True, immediate=True)
        elif self._cursor >= top + page:
            self.scroll_to(y=self._cursor - page + 1, animate=False, force=True, immediate=True)

    def action_move(self, step: int) -> None:
        """Move the cursor by rows."""
        self.move_to(self._cursor + step)

    def action_page(self, pages: int) -> None:
        """Move the cursor by pages."""
        self.move_to(self._cursor + pages * max(1, self.size.height - self._header - 1))

    def action_edge(self, end: int) -> None:
        """Move the cursor to the first or the last row."""
        self.move_to(len(self._rows) - 1 if end else 0)

    def on_focus(self) -> None:
        """Show the cursor."""
        self._refresh_row(self._cursor)

    def on_blur(self) -> None:
        """Hide the cursor."""
        self._refresh_row(self._cursor)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where the mouse is; a second click opens the row."""
        index = int(event.y) - self._header + self.scroll_offset.y
        if not 0 <= index < len(self._rows) or (self._header and event.y == 0):
            return
        self.move_to(index)
        if event.chain > 1:
            self.post_message(self.Opened(self._rows[index].key))
