"""The Events pane: what happened last, newest first."""

from __future__ import annotations

from typing import ClassVar

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.detail import facts
from ipv6console.console.filter import parse, passes
from ipv6console.console.tone import Span, Tone, loudness
from ipv6console.console.widgets.grid import Column, GridRow
from ipv6console.console.widgets.pane import View, waiting
from ipv6console.console.widgets.table import NONE_PASS, TablePane
from ipv6console.wire.event import Event, EventLevel


class EventsPane(TablePane):
    """The events, newest first."""

    topic = "Events"
    guide: ClassVar[str] = (
        "What an operator would want to read: spawn batches, lost and expired leases, bans, prefix and role changes,\n"
        "faults, and who did what. Newest first; the cursor on the first line follows new ones, elsewhere it stays.\n"
        "{filter} filters (state:fail, kind:prefix, !spawn), Enter shows all of an event, {copy} copies its text.\n"
        "{pause} freezes the table while you read; events go on being collected."
    )
    fields = frozenset({"state", "kind", "text", "actor"})
    kinds: ClassVar[tuple[str, ...]] = ("",)
    """How the kinds of the events that are shown begin."""
    coming: ClassVar[tuple[Span | str, ...]] = (
        "  Spawns, bans, prefix changes and acts appear here. ",
        ("s", Tone.KEY),
        " spawns",
    )
    """What is said behind "no events yet"."""
    columns = (
        Column(key="time", title="TIME", width=8),
        Column(key="state", title="LEVEL", width=6),
        Column(key="kind", title="KIND", width=18, rank=5),
        Column(key="text", title="EVENT", width=44, flex=1),
        Column(key="actor", title="BY", width=20, rank=9),
    )

    def basis(self, view: View) -> tuple[object, ...]:
        """How far the events go, and the filter."""
        model = view.model
        return (self.filter_text, model.last_event, model.log, model.state and model.state.engine.stamp)

    def redraw(self, view: View) -> None:
        """Show the events that pass the filter."""
        model = view.model
        terms = parse(self.filter_text, self.fields)
        heading = self.topic + (" · paused" if view.paused else "" if self.grid.on_top else " · Home follows")
        self.frame(view, heading, model.state.engine.stamp if model.state else None)
        if view.paused and self.grid.rows:
            return
        about = [event for event in reversed(model.events) if event.kind.startswith(self.kinds)]
        shown = [event for event in about if passes(terms, self._fields_of(event))]
        body = waiting(view, "the events")
        if body is not None:
            self.place([], ("", Tone.PLAIN), body)
        elif not model.events:
            self.place([], ("○ no events yet", Tone.DIM), *self.coming)
        elif not about:
            last = figure.many(len(model.events), "event", "events")
            self.place([], (f"○ nothing in the last {last} is about this", Tone.DIM))
        elif not shown:
            self.place([], ("", Tone.PLAIN), *NONE_PASS)
        else:
            self.place([self._row(event, view) for event in shown], None)

    @staticmethod
    def _fields_of(event: Event) -> dict[str, str]:
        return {
            "state": loudness(event.level)[0],
            "kind": event.kind,
            "text": f"{event.text} {event.subject or ''}",
            "actor": event.actor or "",
        }

    @staticmethod
    def _row(event: Event, view: View) -> GridRow:
        loud = event.level is EventLevel.ERROR
        return GridRow(
            str(event.id),
            {
                "time": ((view.wall(event.at), Tone.DIM),),
                "state": (loudness(event.level),),
                "kind": ((event.kind, Tone.DIM),),
                "text": ((event.text, Tone.PLAIN),),
                "actor": ((event.actor or "", Tone.DIM),),
            },
            shouts=loud,
        )

    def _chosen(self, view: View) -> Event | None:
        key = self.grid.cursor_key
        return next((event for event in view.model.events if str(event.id) == key), None)

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the event under the cursor."""
        event = self._chosen(view)
        return None if event is None else (f"Event {event.id}", facts(event, view.model.now))

    def copied(self, view: View) -> str | None:
        """The event's text."""
        event = self._chosen(view)
        return None if event is None else event.text

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        return lookup.events(view.door)


class LifeEventsPane(EventsPane):
    """Those of the engine's own life and of what it keeps, newest first."""

    topic = "Events of this engine"
    guide: ClassVar[str] = (
        "When this engine started and stopped, whether its store could keep what it was told, and what role it had.\n"
        "Newest first, of the events this console remembers; {events} has all that are kept. {filter} filters, Enter shows\n"
        "all of an event, {copy} copies its text."
    )
    kinds = ("engine.", "store.", "role.")
    coming = ("  The engine's start and stop, and what happens to its store, appear here.",)


class ReachEventsPane(EventsPane):
    """Those of prefixes, of NDP and of the engine's own life, newest first."""

    topic = "Events of prefixes and NDP"
    guide: ClassVar[str] = (
        "What changed how this host is reached: prefixes that came and went, NDP and its processes, the engine's start and\n"
        "stop. Newest first, of the events this console remembers; {events} has all that are kept. {filter} filters, Enter shows all of\n"
        "an event, {copy} copies its text."
    )
    kinds = ("prefix.", "reach.", "ndp.", "engine.")
    coming = ("  Prefixes that come and go, NDP, and the engine's start and stop appear here.",)
