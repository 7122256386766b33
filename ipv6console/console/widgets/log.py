"""The log: every kept event, read from the engine as one scrolls there; what is missing is shown as missing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.content import Content
from textual.message import Message
from textual.widgets import Input, Static

from ipv6console.console import lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.ledger import Gap, Item, Ledger, number
from ipv6console.console.model import Condition, Model
from ipv6console.console.paging import Paging
from ipv6console.console.sieve import LEVEL_NAMES, louder, sieve, unknown
from ipv6console.console.tone import Span, Tone, content, loudness
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.pane import View, waiting
from ipv6console.console.widgets.roll import Roll, Window
from ipv6console.console.widgets.table import FilterLine, TablePane
from ipv6console.wire.event import LEVELS, Event, EventLevel

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

_MARGIN = 5
"""Lines beyond the screen in which a gap is read already."""


class Rows(Window):
    """The ledger's items as rows; those in view are made."""

    def __init__(self, items: list[Item], moment: Callable[[float], str], gap: Callable[[Gap], Span]) -> None:
        self._items, self._moment, self._gap = items, moment, gap

    def __len__(self) -> int:
        return len(self._items)

    def find(self, key: str) -> int | None:
        """Return the place of an event's id or of a gap, or of what is there now in its place."""
        if not self._items:
            return None
        place = bisect_left(self._items, int(key.rpartition("-")[2]), key=number)
        return min(place, len(self._items) - 1)

    def row(self, index: int) -> GridRow:
        """Return the row at a place."""
        item = self._items[index]
        if isinstance(item, Gap):
            return GridRow(f"{item.low}-{item.high}", {"state": (("…", Tone.DIM),), "text": (self._gap(item),)})
        return GridRow(
            str(item.id),
            {
                "time": ((self._moment(item.at)[5:19], Tone.DIM),),
                "state": (loudness(item.level),),
                "kind": ((item.kind, Tone.DIM),),
                "text": ((item.text, Tone.PLAIN),),
                "subject": ((item.subject or "", Tone.DIM),),
                "actor": ((item.actor or "", Tone.DIM),),
            },
            shouts=item.level is EventLevel.ERROR,
        )


class LogRoll(Roll):
    """The table: the cursor on the last line follows what comes, elsewhere it stays on its event and on its line."""

    class Edge(Message):
        """The beginning or the end is wanted."""

        def __init__(self, *, end: bool) -> None:
            super().__init__()
            self.end = end

    @property
    def following(self) -> bool:
        """Whether the cursor is on the last line."""
        return self._cursor >= self._length - 1

    @property
    def in_view(self) -> range:
        """The places that are on the screen."""
        top = self.scroll_offset.y
        return range(top, min(self._length, top + max(1, self.size.height - self._header)))

    def show_log(self, rows: Rows) -> None:
        """Show `rows`, older and newer ones of which may have come since."""
        line = self._cursor - self.scroll_offset.y
        following, held = self.following, self._held
        place = None if following or held is None else rows.find(held)
        self._rows, self._length = rows, len(rows)
        self._measure()
        self._cursor = max(0, len(rows) - 1) if place is None else place
        self._held = rows[self._cursor].key if len(rows) else None
        if place is not None and self._cursor - self.scroll_offset.y != line:
            self.scroll_to(y=max(0, self._cursor - line), animate=False, force=True, immediate=True)
        self.show_window(rows)

    def action_edge(self, end: int) -> None:
        """Ask for the beginning or the end of the log, wherever that is."""
        self.post_message(self.Edge(end=bool(end)))


class LogPane(TablePane):
    """The events that pass level and filter, oldest first; the newest are at the end."""

    topic = "Events"
    guide: ClassVar[str] = (
        "Everything an operator would want to read, as far back as the engine keeps it (engine.event_days, 30 days), the\n"
        "newest at the end. End goes there and follows; scroll up to stay where you read. Home goes to the first one\n"
        "kept. {louder} and {quieter} raise and lower the level, {filter} filters: words anywhere, level:warn, kind:prefix., subject:, mirror:\n"
        "(whole names), actor:, prefix:, text:, and ! before any of them to invert it. {time} goes to a time: 04:12, -30m,\n"
        "yesterday 23:00. Enter opens what the event is about on its own screen. What the engine no longer keeps, or was\n"
        "not read yet, is a line of its own with …: nothing is left out silently."
    )
    scopes = frozenset({Scope.TABLE, Scope.EVENTS})
    columns = (
        Column(key="time", title="TIME", width=14),
        Column(key="state", title="LEVEL", width=6),
        Column(key="kind", title="KIND", width=18, rank=5),
        Column(key="text", title="EVENT", width=40, flex=1),
        Column(key="subject", title="ABOUT", width=20, rank=9),
        Column(key="actor", title="BY", width=20, rank=8),
    )

    def __init__(self, *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self.level = LEVELS[0]
        self.ledger = Ledger()
        self._log: tuple[Model, int] | None = None
        self._paging = Paging(self)
        self._goal: float | None = None

    def compose(self) -> ComposeResult:
        """Filter, table and note."""
        line = FilterLine()
        line.placeholder = "words, level:warn kind:prefix. mirror:shop actor:unix prefix: text: !word"
        yield line
        yield LogRoll(self.columns, id=f"{self.id}-grid")
        yield Static(classes="body note")

    @property
    def roll(self) -> LogRoll:
        """The table."""
        return self.query_one(LogRoll)

    @property
    def _shell(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filter as one types."""
        event.stop()
        self._shell.redraw()

    def on_roll_moved(self) -> None:
        """Draw what is under the cursor now; a reader who moves may want to read on."""
        self._paging.go_on()
        self._shell.redraw()

    def on_log_roll_edge(self, event: LogRoll.Edge) -> None:
        """Go to the newest event and follow, or to the oldest one kept."""
        self.go_end() if event.end else self.go_home()

    def redraw(self, view: View) -> None:
        """Show what passes, and read what is missing where the reader looks."""
        wanted = sieve(self.filter_text, self.level)
        log = view.model, view.model.log
        if log != self._log or wanted != self.ledger.sieve:
            self._log, self.ledger = log, Ledger(wanted)
            self._paging.drop()
            self.roll.move_to(len(self.roll.rows))
        if not view.paused or not self.ledger.items:
            self.ledger.follow(view.model.events)
        self.frame(view, self._heading(view), view.model.state.engine.stamp if view.model.state else None)
        self._note(view, waiting(view, "the events"))
        rows = Rows(self.ledger.items if view.model.state else [], view.moment, lambda gap: self.told_of(gap, view))
        self.roll.show_log(rows)
        if self._goal is not None and not self._paging.busy:
            self.roll.move_to(self.ledger.moment(self._goal))
            self._goal = None
        self.ledger.trim(self.roll.place)
        if view.model.condition is Condition.LIVE:
            self._paging.read(self.ledger, self.roll.place, self._near(), view)

    def _near(self) -> range:
        shown = self.roll.in_view
        return range(max(0, shown.start - _MARGIN), min(len(self.ledger.items), shown.stop + _MARGIN))

    def _heading(self, view: View) -> str:
        parts = ["Events"]
        if self.level is not LEVELS[0]:
            louder_too = "only" if self.level is LEVELS[-1] else "and louder"
            parts.append(f"{LEVEL_NAMES[self.level]} {louder_too}")
        if self.ledger.sieve.terms:
            parts.append("filtered")
        doubtful = unknown(self.filter_text)
        if doubtful is not None:
            parts.append(f"✖ {doubtful}: there is level:info, warn and fail")
        if view.paused:
            parts.append("paused")
        elif self.roll.following and self.ledger.at_end:
            parts.append("following")
        else:
            parts.append("End follows")
        return " · ".join(parts)

    def _note(self, view: View, body: Content | None) -> None:
        if body is None and not self.ledger.items:
            body = self._nothing()
        note = self.query_one(".note", Static)
        note.display = body is not None
        self.set_class(body is not None, "-noted")
        if body is not None:
            note.update(body)

    def _nothing(self) -> Content:
        if not self.ledger.sieve.everything:
            return content(
                ("○ nothing passes", Tone.DIM), f" {self.ledger.sieve}\n", ("Esc", Tone.KEY), " drops the filter, ",
                ("<", Tone.KEY), " lowers the level",
            )  # fmt: skip
        told = "\nSpawns, bans, prefix changes and acts appear here. "
        return content(("○ no events yet", Tone.DIM), told, ("s", Tone.KEY), " spawns")

    def turn_level(self, steps: int) -> None:
        """Raise the level, or lower it."""
        self.level = louder(self.level, steps)
        self._shell.redraw()

    def go_end(self) -> None:
        """Go to the newest event and follow."""
        if self.ledger.at_end:
            self.roll.move_to(len(self.roll.rows))
        else:
            self._paging.seek_end(self.ledger, self._shell.view, then=lambda: self.roll.move_to(len(self.ledger.items)))
        self._shell.redraw()

    def go_home(self) -> None:
        """Go to the oldest event that is kept."""
        first = next(iter(self.ledger.items), None)
        if isinstance(first, Gap) and not first.lost:
            self._paging.seek(self.ledger, 0.0, self._shell.view)
        self._goal = 0.0
        self._shell.redraw()

    def go_to(self, at: float) -> None:
        """Go to the first event at or after `at` (unix seconds)."""
        if not self.ledger.spans(at):
            self._paging.seek(self.ledger, at, self._shell.view)
        self._goal = at
        self._shell.redraw()

    def again(self) -> None:
        """Ask again for what was refused, and read on."""
        self._paging.go_on()
        self._shell.redraw()

    def told_of(self, gap: Gap, view: View) -> Span:
        """Return what is so of the events of a gap."""
        return self._paging.told(gap, view)

    @property
    def chosen(self) -> Item | None:
        """The event or the gap under the cursor."""
        items, place = self.ledger.items, self.roll.place
        return items[place] if place < len(items) else None

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the event under the cursor."""
        event = self.chosen
        return (f"Event {event.id}", facts(event, view.model.now)) if isinstance(event, Event) else None

    def copied(self, view: View) -> str | None:
        """The event's text with its time."""
        event = self.chosen
        return f"{view.moment(event.at)}  {event.kind}: {event.text}" if isinstance(event, Event) else None

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.events(view.door, level=None if self.level is LEVELS[0] else self.level.value, limit=1_000)
