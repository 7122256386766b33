"""By which column to order a table: one key a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from textual import events
from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Static

from ipv6console.console.call import Call
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.tone import Tone, content


@dataclass(frozen=True, slots=True)
class Head:
    """A column that can be put in order by: its key, the letter that chooses it, what it is."""

    column: str
    letter: str
    told: str


class OrderDialog(Dialog[str]):
    """Asks for a column; dismisses with its key, None for Cancel and Esc. The present one again turns it round."""

    def __init__(self, heads: Sequence[Head], column: str, *, descending: bool, call: Call) -> None:
        super().__init__("Order by")
        self._heads, self._column, self._descending, self._call = tuple(heads), column, descending, call

    def inside(self) -> ComposeResult:
        """The columns as answers, each with its letter."""
        yield Static(
            content(("A letter or Enter chooses; the present one again turns it round.", Tone.DIM)), classes="said"
        )
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons -stacked"):
            yield Button("Cancel", id="cancel", compact=True)
            for head in self._heads:
                yield Button(self._label(head), id=head.column, compact=True)

    def calls(self) -> Call | None:
        """The list outside the console."""
        return self._call

    def _label(self, head: Head) -> Content:
        if head.column == self._column:
            now, then = ("falling", "rising") if self._descending else ("rising", "falling")
            told = f"  {now} now, then {then}"
        else:
            told = ""
        return content((head.letter, Tone.KEY), f"  {head.told}", (told, Tone.DIM))

    def on_key(self, event: events.Key) -> None:
        """Choose by letter."""
        head = next((head for head in self._heads if head.letter == event.key), None)
        if head is not None:
            event.stop()
            event.prevent_default()
            self.dismiss(head.column)

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Choose."""
        self.dismiss(None if event.button.id == "cancel" else event.button.id)
