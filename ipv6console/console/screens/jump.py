"""The dialog that asks for a point in time."""

from __future__ import annotations

from collections.abc import Callable
from datetime import tzinfo

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from ipv6console.console import lookup
from ipv6console.console.call import Call, Door
from ipv6console.console.instant import EXAMPLES, NoInstant, instant
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.tone import Tone, content


class JumpDialog(Dialog[float]):
    """Asks where in time to go; dismisses with unix seconds. `now` is the engine's time, `moment` writes one as text."""

    AUTO_FOCUS = "#when"

    def __init__(
        self, now: Callable[[], float], zone: tzinfo | None, moment: Callable[[float], str], door: Door
    ) -> None:
        super().__init__("Go to a time")
        self._now, self._zone, self._moment, self._door = now, zone, moment, door

    def inside(self) -> ComposeResult:
        """The line, what it means, the buttons."""
        with Horizontal(classes="field"):
            yield Label("when")
            yield Input(id="when", compact=True, placeholder=EXAMPLES)
        yield Static(self._hint(), classes="said")
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Go", id="go", compact=True)

    def calls(self) -> Call | None:
        """The events from then on, outside the console."""
        typed = self.query_one("#when", Input).value if self.is_mounted else ""
        try:
            start = instant(typed, self._now(), self._zone) if typed.strip() else None
        except NoInstant:
            start = None
        return lookup.events(self._door, start=start)

    def _hint(self) -> Content:
        told = f"A time of day, how long ago, or a day: {EXAMPLES}. It is now {self._moment(self._now())}."
        return content((told, Tone.DIM))

    def on_input_changed(self, event: Input.Changed) -> None:
        """Say what it means so far."""
        event.stop()
        said = self._hint()
        if event.value.strip():
            try:
                said = content("that is ", (self._moment(instant(event.value, self._now(), self._zone)), Tone.STRONG))
            except NoInstant as problem:
                said = content((f"not yet: {problem}", Tone.DIM))
        self.query_one(".said", Static).update(said)
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter goes there."""
        event.stop()
        self._go()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Go there, or leave."""
        if event.button.id == "go":
            self._go()
        else:
            self.dismiss(None)

    def _go(self) -> None:
        try:
            at = instant(self.query_one("#when", Input).value, self._now(), self._zone)
        except NoInstant as problem:
            self.query_one(".said", Static).update(content((f"✖ {problem}", Tone.FAIL)))
            return
        self.dismiss(at)
