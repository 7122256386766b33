"""Dialogs: a box over the screen with Cancel focused first, Esc to leave, and the act as CLI and curl."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Static

from ipv6console.console.call import Call
from ipv6console.console.layout import Writer
from ipv6console.console.tone import Tone, content

Result = TypeVar("Result")


class Dialog(ModalScreen[Result], Generic[Result]):
    """The box. Subclasses compose the inside and name the calls that `y` and `Y` copy.

    `place` is the engine it is about, as the app names it when it opens the dialog.
    """

    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", show=False),
        Binding("left,h,up,k", "app.focus_previous", show=False),
        Binding("right,l,down,j", "app.focus_next", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("pagedown", "scroll_page(1)", show=False),
        Binding("y", "copy_call('cli')", show=False),
        Binding("Y", "copy_call('curl')", show=False),
    ]

    def __init__(self, heading: str) -> None:
        super().__init__()
        self.heading = heading
        self.place = ""

    def inside(self) -> ComposeResult:
        """Yield what is in the box."""
        raise NotImplementedError

    def compose(self) -> ComposeResult:
        """The box with its title."""
        with Vertical(classes="box") as box:
            box.border_title = content(self.heading)
            box.border_subtitle = content(self.place)
            yield from self.inside()

    @property
    def room(self) -> int:
        """The width of the text in cells; one is kept for the scroll bar."""
        return max(1, self.query_one(".box").content_region.width - 1)

    def fit(self) -> None:
        """Leave the text what the fields and buttons do not need, so that those stay in sight."""
        box = self.query_one(".box")
        others = sum(
            child.outer_size.height + child.styles.margin.height
            for child in box.children
            if child.display and not child.has_class("body")
        )
        for body in box.query(".body"):
            body.styles.max_height = max(1, self.size.height - 2 - others)

    def on_idle(self) -> None:
        """Fit once everything that changed is laid out."""
        self.fit()

    def action_scroll_page(self, pages: int) -> None:
        """Scroll the text by pages."""
        for body in self.query(".body"):
            body.scroll_relative(y=pages * max(1, body.size.height - 1), animate=False)

    def calls(self) -> Call | None:
        """Return the act outside the console, None when there is none."""
        return None

    def calls_shown(self) -> Content:
        """Return the lines that show the calls."""
        call = self.calls()
        if call is None:
            return Content("")
        return content(
            ("as CLI   ", Tone.KEY), call.cli, "\n", ("as curl  ", Tone.KEY), call.curl, "\n",
            ("y", Tone.KEY), (" copies the command, ", Tone.DIM), ("Y", Tone.KEY), (" the curl line", Tone.DIM),
        )  # fmt: skip

    def action_copy_call(self, which: str) -> None:
        """Copy the command or the curl line."""
        call = self.calls()
        if call is not None:
            text = call.cli if which == "cli" else call.curl
            self.app.copy_to_clipboard(text)
            self.notify(f"Sent to the terminal's clipboard: {text}", title="Copied", markup=False)

    def action_leave(self) -> None:
        """Leave without doing anything."""
        self.dismiss(None)


class Choice(Dialog[str]):
    """A question with a few answers; dismisses with the answer's id, None for Cancel and Esc.

    Cancel has the focus; without one (`cancel` None) the first answer has it.
    """

    AUTO_FOCUS = "Button"

    def __init__(
        self,
        heading: str,
        text: Content,
        answers: Sequence[tuple[str, str]],
        *,
        cancel: str | None = "Cancel",
        grave: bool = False,
        call: Call | None = None,
    ) -> None:
        super().__init__(heading)
        self._text, self._answers, self._cancel, self._call = text, answers, cancel, call
        self.set_class(grave, "-grave")

    def inside(self) -> ComposeResult:
        """The question, the calls, the answers."""
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self._text)
            if self._call is not None:
                yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons") as buttons:
            buttons.set_class(len(self._answers) > 1, "-stacked")
            if self._cancel is not None:
                yield Button(self._cancel, id="cancel", compact=True)
            for answer_id, label in self._answers:
                yield Button(Content(label), id=answer_id, compact=True)

    def calls(self) -> Call | None:
        """The act outside the console."""
        return self._call

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(None if event.button.id == "cancel" else event.button.id)


class Reader(Dialog[None]):
    """Text to read: details, help, troubles. Keys scroll, `y` copies `copied`."""

    AUTO_FOCUS = ".body"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", show=False),
        Binding("k,up", "scroll_by(-1)", show=False),
        Binding("g", "edge(0)", show=False),
        Binding("G", "edge(1)", show=False),
        Binding("y", "copy_text", show=False),
        Binding("q,enter,question_mark", "leave", show=False),
    ]

    def __init__(self, heading: str, writer: Writer, *, copied: str | None = None, wide: bool = False) -> None:
        super().__init__(heading)
        self._writer, self._copied = writer, copied
        self.set_class(wide, "-broad")

    def inside(self) -> ComposeResult:
        """The text and how to leave."""
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(id="text")
        yield Static(
            content(
                ("Esc", Tone.KEY), (" back   ", Tone.DIM), ("j k", Tone.KEY), (" scroll", Tone.DIM),
                *((("   y", Tone.KEY), (" copies it", Tone.DIM)) if self._copied else ()),
            ),
            classes="said",
        )  # fmt: skip

    def write(self) -> None:
        """Write the text for the room there is."""
        self.query_one("#text", Static).update(self._writer(self.room))

    def on_resize(self) -> None:
        """Write the text anew."""
        self.call_after_refresh(self.write)

    def action_scroll_by(self, lines: int) -> None:
        """Scroll by lines."""
        self.query_one(".body").scroll_relative(y=lines, animate=False)

    def action_edge(self, end: int) -> None:
        """Scroll to the first or the last line."""
        body = self.query_one(".body")
        body.scroll_to(y=body.max_scroll_y if end else 0, animate=False)

    def action_copy_text(self) -> None:
        """Copy what this is about."""
        if self._copied:
            self.app.copy_to_clipboard(self._copied)
            self.notify("Sent to the terminal's clipboard. The mouse selects text, too.", title="Copied")
