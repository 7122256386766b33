"""A table that is read from the engine page by page: as far as the cursor goes, by its filter, again when that changed."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, NamedTuple, TypeVar, cast

from textual.app import ComposeResult
from textual.message import Message
from textual.widgets import Static
from textual.worker import Worker

from ipv6console.console import figure
from ipv6console.console.catalogue import FIRST, LISTED, PAGE, Found, Leaf, gather
from ipv6console.console.finding import Term, Tongue, parse, passes
from ipv6console.console.model import Condition
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.addresses import Note, refused
from ipv6console.console.widgets.grid import Grid, GridRow
from ipv6console.console.widgets.pane import View, waiting
from ipv6console.console.widgets.table import NONE_PASS, FilterLine, TablePane
from ipv6console.wire.state import SpaceState
from ipv6console.wire.status import Stamp

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

R = TypeVar("R")
_PACE, _TYPING, _AGAIN = 0.5, 0.12, 3.0
"""Seconds between two readings, after the last letter of a filter, and before one that was refused is tried again."""

_NEAR = 40
"""Rows below the cursor from which on more are read."""

NOT_TOLD: Note = (
    ("○ not configured", Tone.DIM),
    "  This engine tells nothing of address spaces and subscribers; a newer version of it does.\n",
    ("ipv6console upgrade", Tone.STRONG),
)


class _Wanted(NamedTuple):
    source: Source
    filter: str
    least: int
    revision: int

    @property
    def about(self) -> tuple[int, str]:
        return id(self.source), self.filter


class ListedPane(TablePane, Generic[R]):
    """The rows that pass. Subclasses say how rows are asked for, filtered and drawn.

    `readings` counts the answers; `chosen` is the row under the cursor.
    """

    tongue: ClassVar[Tongue[Any]]
    what: ClassVar[str] = ""
    hint: ClassVar[str] = ""
    """What stands in the empty filter line."""

    class Read(Message):
        """There is more, or something else, to show."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._found: Found[R] | None = None
        self._refusal: Refused | None = None
        self._at: float | None = None
        self._least = FIRST
        self._wanted: _Wanted | None = None
        self._got: _Wanted | None = None
        self._reader: Worker[None] | None = None
        self.readings = 0

    async def leaf(self, source: Source, terms: tuple[Term, ...], cursor: str | None, limit: int) -> Leaf[R]:
        """Ask for one page of what may pass."""
        raise NotImplementedError

    @staticmethod
    def key(row: R) -> str:
        """Return what a row is known by."""
        raise NotImplementedError

    @staticmethod
    def number(space: SpaceState) -> int:
        """Return how many there are."""
        raise NotImplementedError

    def grid_row(self, row: R, view: View) -> GridRow:
        """Return one line of the table."""
        raise NotImplementedError

    def empty(self, space: SpaceState) -> Note:
        """Return what is said when there are none."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """Filter, table and note."""
        line = FilterLine()
        line.placeholder = self.hint
        yield line
        yield Grid(self.columns, id=f"{self.id}-grid")
        yield Static(classes="body note")

    def basis(self, view: View) -> tuple[object, ...]:
        """The counts, the filter, the rows."""
        state = view.model.state
        return (None if state is None else state.space, self.filter_text, self.readings, self._least, id(view.source))

    def redraw(self, view: View) -> None:
        """Show the rows that pass, and see to it that they are current."""
        state = view.model.state
        space = None if state is None else state.space
        terms = parse(self.filter_text, self.tongue)
        if space is not None:
            self._want(view, space)
        rows = [row for row in self._rows if passes(terms, row, self.tongue)]
        heading = self._heading(len(rows), space, filtered=bool(terms)) + (" · paused" if view.paused else "")
        self.frame(view, heading, self.stamp(view))
        if view.paused and self.grid.rows:
            return
        note = self._note(view, space, terms, rows)
        if note is None:
            self.place([self.grid_row(row, view) for row in rows], None)
        else:
            self.place([], ("", Tone.PLAIN), *note)

    def stamp(self, view: View) -> Stamp | None:
        """Return when what is shown was so: while nothing has changed since it was read, it is as old as the document."""
        space = None if view.model.state is None else view.model.state.space
        if self._at is None or space is None:
            return None
        same = self._got is not None and self._got.revision == space.revision and self._got.source is view.source
        return space.stamp if same else Stamp(self._at, "engine")

    def _passes(self, terms: tuple[Term, ...], row: R) -> bool:
        return passes(terms, row, self.tongue)

    @property
    def _rows(self) -> tuple[R, ...]:
        return () if self._found is None else self._found.rows

    def _heading(self, shown: int, space: SpaceState | None, *, filtered: bool) -> str:
        if self._found is None or space is None:
            return self.topic
        total = self.number(space)
        if filtered:
            more = "+" if self._found.more else ""
            return f"{self.topic} · {figure.count(shown)}{more} of {figure.count(total)} pass"
        return (
            f"{self.topic} · " + (f"first {figure.count(shown)} of " if self._found.more else "") + figure.count(total)
        )

    def _note(self, view: View, space: SpaceState | None, terms: tuple[Term, ...], rows: list[R]) -> Note | None:
        """Return what stands in place of the rows; None when there are some."""
        body = waiting(view, self.what)
        if body is not None:
            return (body,)
        if space is None:
            return NOT_TOLD
        if self._refusal is not None:
            return refused(self._refusal)
        return None if rows else self._why_none(view, space, filtered=bool(terms))

    def _why_none(self, view: View, space: SpaceState, *, filtered: bool) -> Note:
        if self._found is None and view.model.condition is not Condition.LIVE:
            return (("◌ not read", Tone.UNKNOWN), ": the engine does not answer")
        if self._found is None or (self._got is not None and self._got.about != (id(view.source), self.filter_text)):
            return (("⟳ reading", Tone.BUSY), f" {self.what}")
        if filtered and self._found.more:
            looked = f" among the first {figure.count(self._found.looked)}: name an id or an address  "
            return (("○ nothing passes the filter", Tone.DIM), looked, ("Esc", Tone.KEY), " drops it")
        return NONE_PASS if filtered else self.empty(space)

    def _want(self, view: View, space: SpaceState) -> None:
        """Ask for what is to be shown, if it is not what was asked for last; nothing is asked while it stands still."""
        wanted = _Wanted(view.source, self.filter_text, self._least, space.revision)
        before = self._wanted
        if view.model.condition is not Condition.LIVE or wanted == self._got or (view.paused and self._got is not None):
            return
        if before is None or before.source is not wanted.source:
            self._found = self._refusal = self._at = self._got = None
        elif before.filter != wanted.filter:
            self._least = FIRST
            wanted = wanted._replace(least=FIRST)
        self._wanted = wanted
        about_else = before is None or before.about != wanted.about
        if about_else or self._reader is None or self._reader.is_finished:
            typing = before is not None and before.filter != wanted.filter
            self._reader = self.run_worker(
                partial(self._read, _TYPING if typing else 0.0),
                group=f"read-{self.id}",
                exclusive=True,
                exit_on_error=True,
            )

    async def _read(self, after: float) -> None:
        """Read what is wanted until it is there; what is wanted anew meanwhile waits its turn."""
        await asyncio.sleep(after)
        while (wanted := self._wanted) is not None:
            terms = parse(wanted.filter, self.tongue)
            try:
                wanted_rows = partial(self._passes, terms)
                self._found = await gather(partial(self.leaf, wanted.source, terms), wanted_rows, wanted.least)
                self._refusal, self._at = None, self._shown_in.context.model.now
            except Refused as refusal:
                self._refusal = refusal
            self._got = wanted
            self.readings += 1
            self.post_message(self.Read())
            past = self._refusal is not None and self._refusal.kind == "rewinding"
            await asyncio.sleep(_AGAIN if self._refusal is not None else _PACE)
            if self._shown_in.page is not self.screen or past or (self._refusal is None and self._wanted == wanted):
                return

    @property
    def _shown_in(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def look_for(self, text: str) -> None:
        """Show what passes a filter, as if it had been typed."""
        self.query_one(FilterLine).value = text
        self.set_class(bool(text), "-filtering")

    def read_again(self) -> None:
        """Ask at once, after an act."""
        self._got = None
        if self._reader is not None:
            self._reader.cancel()

    def on_grid_moved(self) -> None:
        """Read on when the cursor comes near the end of what was read."""
        found, grid = self._found, self.grid
        if found is not None and not found.exhausted and grid.place >= len(grid.rows) - _NEAR:
            self._least = min(LISTED, len(found.rows) + PAGE)

    def chosen(self) -> R | None:
        """Return the row under the cursor."""
        key = self.grid.cursor_key
        return next((row for row in self._rows if self.key(row) == key), None)
