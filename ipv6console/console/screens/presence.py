"""Who is attached, and what each did."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ipv6console.console import lookup
from ipv6console.console.call import Door
from ipv6console.console.model import Model
from ipv6console.console.presence import attendants, page
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone, content
from ipv6console.wire.event import Event

LOOKED_AT = 1_000
"""The newest so many events are looked through for deeds."""


class PresenceDialog(Reader):
    """Who is attached is live; what was done is asked when it opens, and again on `r`. `own` is this console's name."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("r", "ask", show=False)]

    hints = (("r", "ask again"),)

    def __init__(self, source: Source, model: Model, own: str, door: Door) -> None:
        super().__init__("Who is here, and what they did", self._told, wide=True, call=lookup.state(door))
        self._source, self._model, self._own = source, model, own
        self._events: tuple[Event, ...] | Refused | None = None

    def on_mount(self) -> None:
        """Ask what was done."""
        self.action_ask()

    def action_ask(self) -> None:
        """Ask again."""
        self.run_worker(self._ask(), exclusive=True, group="ask")

    async def _ask(self) -> None:
        newest = self._model.state.engine.last_event if self._model.state else self._model.last_event
        try:
            self._events = (await self._source.events(0, LOOKED_AT, before=newest + 1)).events
        except Refused as refusal:
            self._events = refusal
        self.write()

    def _told(self, width: int) -> Content:
        state = self._model.state
        if state is None:
            return content(("⟳ the engine has not answered yet", Tone.BUSY))
        events = self._events if isinstance(self._events, tuple) else tuple(self._model.events)
        told = page(attendants(state.engine.attached, events, self._own), self._model.now, width)
        if isinstance(self._events, Refused):
            told += content(("\n\n✖ older deeds are not known: ", Tone.FAIL), self._events.detail)
        return told
