"""What happened since you last looked, to read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ipv6console.console.digest import Digest, page
from ipv6console.console.model import Model
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.tone import Tone, content


class LookbackDialog(Reader):
    """The digest; `7` opens Events where one left off."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("7,d", "events", show=False)]

    def __init__(self, told: Digest, model: Model, events: Callable[[], None]) -> None:
        super().__init__("Since you last looked", lambda width: page(told, model.now, width), wide=True)
        self._events = events

    def inside(self) -> ComposeResult:
        """The text and the keys."""
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(id="text")
        keys = (("Esc", "back"), ("7", "opens Events there"), ("j k", "scroll"))
        yield Static(
            Content("   ").join(content((key, Tone.KEY), (f" {told}", Tone.DIM)) for key, told in keys),
            classes="said",
        )

    def action_events(self) -> None:
        """Open the events that came since."""
        self.app.call_later(partial(self._events))
        self.dismiss(None)
