"""What happened since you last looked, to read."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from textual.binding import Binding, BindingType

from ipv6console.console import lookup
from ipv6console.console.call import Door
from ipv6console.console.digest import Digest, page
from ipv6console.console.model import Model
from ipv6console.console.screens.dialog import Reader


class LookbackDialog(Reader):
    """The digest; `7` opens Events where one left off."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("7,d", "events", show=False)]
    hints = (("7", "opens Events there"),)

    def __init__(self, told: Digest, model: Model, door: Door, events: Callable[[], None]) -> None:
        super().__init__(
            "Since you last looked",
            lambda width: page(told, model.now, width),
            wide=True,
            call=lookup.events(door, since=told.since, limit=1_000),
        )
        self._events = events

    def action_events(self) -> None:
        """Open the events that came since."""
        self.app.call_later(partial(self._events))
        self.dismiss(None)
