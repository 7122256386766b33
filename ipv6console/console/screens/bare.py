"""Bare text for the terminal's own selection: nothing around it, and the mouse given back."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ipv6console.console.call import Call
from ipv6console.console.keyring import keyed
from ipv6console.console.screens.dialog import COPIED_MOST
from ipv6console.console.tone import Tone, content


class BareText(ModalScreen[None]):
    """The text from the first column on, without frames. `y` sends it through the terminal (OSC 52) as well.

    OSC 52 is not answered, so nobody can tell whether the terminal took it; selecting always works.
    """

    AUTO_FOCUS = ".body"
    CSS = """
    BareText { background: $background; }
    BareText .head { height: auto; background: $panel; }
    BareText .body { height: 1fr; scrollbar-size-vertical: 1; }
    BareText #text { height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,enter", "leave", show=False),
        Binding("j,down", "scroll_by(1)", show=False),
        Binding("k,up", "scroll_by(-1)", show=False),
        Binding("pagedown", "scroll_page(1)", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("y", "copy", show=False),
        Binding("C", "copy_call", show=False),
    ]

    def __init__(self, text: str, call: Call) -> None:
        super().__init__()
        self._text, self._call = text, call

    def compose(self) -> ComposeResult:
        """What this is, the command that prints the same, and the text."""
        yield Static(
            content(
                (" Esc", Tone.PRESS), " back   ", ("y", Tone.PRESS), " copies all   ", ("j k", Tone.PRESS), " scroll   ",
                ("select with the mouse: the terminal has it now\n", Tone.DIM),
                (" as CLI ", Tone.PRESS), self._call.cli, "   ", ("C", Tone.PRESS), (" copies it", Tone.DIM),
            ),
            classes="head",
        )  # fmt: skip
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(Content(self._text), id="text")

    def on_mount(self) -> None:
        """Give the mouse to the terminal."""
        self._mouse("_disable_mouse_support")

    def on_unmount(self) -> None:
        """Take the mouse back."""
        self._mouse("_enable_mouse_support")

    def _mouse(self, method: str) -> None:
        # Only drivers of real terminals have it.
        switch = getattr(self.app._driver, method, None)  # noqa: SLF001 - there is no public way
        if switch is not None:
            switch()

    def action_leave(self) -> None:
        """Go back."""
        self.dismiss(None)

    def action_scroll_by(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(".body").scroll_relative(y=lines, animate=False)

    def action_scroll_page(self, pages: int) -> None:
        """Scroll by pages."""
        body = self.query_one(".body")
        body.scroll_relative(y=pages * max(1, body.size.height - 1), animate=False)

    def action_copy_call(self) -> None:
        """Send the command to the terminal's clipboard."""
        self.app.copy_to_clipboard(self._call.cli)
        self.notify(f"Sent to the terminal's clipboard: {self._call.cli}", title="Copied", markup=False)

    def action_copy(self) -> None:
        """Send all of it to the terminal's clipboard."""
        if len(self._text.encode()) > COPIED_MOST:
            self.notify(
                f"It is longer than the {COPIED_MOST:,} bytes terminals take. Select it, or {keyed('{export}')} exports the table.",
                title="Not copied",
                severity="warning",
            )
            return
        self.app.copy_to_clipboard(self._text)
        self.notify("Sent to the terminal's clipboard. If it stays empty, select it with the mouse.", title="Copied")
