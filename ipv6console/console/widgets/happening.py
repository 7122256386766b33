"""The Event pane: the event under the log's cursor in full, and what Enter opens."""

from __future__ import annotations

from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.call import Call
from ipv6console.console.goal import goals
from ipv6console.console.layout import sheet
from ipv6console.console.ledger import Gap
from ipv6console.console.tone import Tone, content, loudness
from ipv6console.console.widgets.log import LogPane
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.wire.event import Event


def told(event: Event, view: View, width: int) -> Content:
    """Return everything known of an event in `width` cells."""
    level, tone = loudness(event.level)
    about = goals(event)
    opens = content(*[
        span for number, goal in enumerate(about) for span in ((", or " if number else "", Tone.DIM), (goal.title, Tone.STRONG))
    ])  # fmt: skip
    age = view.model.age_of(event.at)
    ago = f"  {figure.span(age)} ago" if age >= 1 else "  now"
    lines: list[tuple[str, Content | str]] = [
        ("what", content((level, tone), "  ", (event.text, Tone.STRONG))),
        ("when", content(view.moment(event.at), (ago, Tone.DIM))),
        ("kind", content(event.kind, (f"  event {event.id}", Tone.DIM))),
        *([("about", event.subject)] if event.subject else []),
        *([("by", event.actor)] if event.actor else []),
        *((key, str(value)) for key, value in event.data.items() if value is not None),
        (
            "Enter",
            content("opens ", opens) if about else content(("shows this large: no screen is about it", Tone.DIM)),
        ),
    ]
    return sheet(lines, width, indent=10)


class EventPane(TextPane):
    """The event under the cursor of the log beside it."""

    topic = "Event"
    guide: ClassVar[str] = (
        "Everything known of the event under the log's cursor: what, when, of which kind, about what, by whom, and its\n"
        "figures. Enter opens what it is about on that thing's own screen; when it is about several, it asks which."
    )

    def redraw(self, view: View) -> None:
        """Show the event under the cursor."""
        log = self.screen.query_one(LogPane)
        item = log.chosen
        self.frame(view, "Event" if not isinstance(item, Event) else f"Event {item.id}", None)
        body = waiting(view, "the event")
        if body is None and isinstance(item, Event):
            body = told(item, view, self.room)
        elif body is None and isinstance(item, Gap):
            body = content(("… ", Tone.DIM), log.told_of(item, view), "\nEvents are read as you get near them.")
        self.write(body or content(("○ nothing is chosen", Tone.DIM)))

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the event."""
        return self.screen.query_one(LogPane).subject(view)

    def copied(self, view: View) -> str | None:
        """The event's text with its time."""
        return self.screen.query_one(LogPane).copied(view)

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        event = self.screen.query_one(LogPane).chosen
        if isinstance(event, Event):
            return lookup.events(view.door, since=event.id - 1, limit=1)
        return lookup.events(view.door)
