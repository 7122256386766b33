"""A pane for what is not configured on this engine: what it is, how this engine stands to it, and what can be done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from textual.content import Content

from ipv6console.console.detail import facts
from ipv6console.console.layout import hang
from ipv6console.console.model import Condition
from ipv6console.console.tone import Span, Tone, content
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.wire.state import State

_INDENT, _WIDEST = 14, 110

Told = tuple[str, tuple[Span | str, ...]]
"""A label and what is said under it."""


def page(lines: Sequence[Told], width: int, *, close: bool = False) -> Content:
    """Return the paragraphs in `width` cells, not wider than one can read; `close` leaves no lines between them."""
    room = min(width, _WIDEST)
    return Content("\n" if close else "\n\n").join([
        hang(content((label, Tone.KEY)), content(*spans), _INDENT, room) for label, spans in lines
    ])  # fmt: skip


class AbsentPane(TextPane):
    """Draws what `telling` makes of the state document."""

    topic: ClassVar[str] = "Not configured"

    def __init__(self, heading: str, guide: str, telling: Callable[[State], Sequence[Told]], *, id: str) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._heading, self._telling = heading, telling
        self.guide = guide  # type: ignore[misc] # one class for several pages, each with its own help

    def redraw(self, view: View) -> None:
        """Say what is so."""
        state = view.model.state
        self.frame(view, self._heading, state.engine.stamp if state else None)
        body = waiting(view, self._heading)
        if body is None and state is not None:
            stale = view.model.condition is Condition.STALE
            head: Span = ("◌ was not configured", Tone.UNKNOWN) if stale else ("○ not configured", Tone.DIM)
            body = content(head, "\n\n") + page(self._telling(state), self.room, close=view.compact)
        self.write(body or Content(""))

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Everything known of the engine."""
        state = view.model.state
        return None if state is None else ("Engine", facts(state.engine, view.model.now))

    def copied(self, view: View) -> str | None:
        """What is said."""
        state = view.model.state
        return None if state is None else page(self._telling(state), _WIDEST).plain
