"""Jump mode: a letter on every pane; the letter pressed goes there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.content import Content
from textual.geometry import Offset, Size
from textual.screen import ModalScreen
from textual.widgets import Label, Static

from ipv6console.console.tone import Tone, content

LETTERS = "asdfgqwertzxcvb"
_TOLD = content(
    (" A letter", Tone.PRESS),
    " goes to its pane   ",
    ("any other key", Tone.PRESS),
    (" leaves   no command: screen only", Tone.DIM),
)


class Letters(ModalScreen[int | None]):
    """Puts a letter on each place, given with its title; dismisses with the number of the one chosen, None for none."""

    DEFAULT_CSS: ClassVar[str] = """
    Letters { background: transparent; }
    Letters Label { position: absolute; width: auto; height: 1; text-style: bold reverse; }
    Letters #told { dock: bottom; height: 1; background: $panel; text-wrap: nowrap; }
    """
    AUTO_FOCUS = None

    def __init__(self, places: Sequence[tuple[Offset, str]]) -> None:
        super().__init__()
        self._made_for: Size | None = None
        self._places = tuple(zip(LETTERS, places, strict=False))

    def compose(self) -> ComposeResult:
        """The letters, each with the name of its place."""
        for letter, (offset, title) in self._places:
            label = Label(Content(f" {letter} → {title} "))
            label.styles.offset = offset
            yield label
        yield Static(_TOLD, id="told")

    def on_key(self, event: events.Key) -> None:
        """Go there, or nowhere: any other key only ends this."""
        event.stop()
        event.prevent_default()
        chosen = next((number for number, (letter, _) in enumerate(self._places) if letter == event.key), None)
        self.dismiss(chosen)

    def on_click(self) -> None:
        """A click ends it as well."""
        self.dismiss(None)

    def on_resize(self) -> None:
        """The places have moved: it ends."""
        if self._made_for not in {None, self.app.size}:
            self.dismiss(None)
        self._made_for = self.app.size
