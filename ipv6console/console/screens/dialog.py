"""Dialogs: a box over the screen with Cancel focused first, Esc to leave, and the act as CLI and curl."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from ipv6console.console.call import Call
from ipv6console.console.layout import Writer
from ipv6console.console.tone import Tone, content

Result = TypeVar("Result")
COPIED_MOST = 56_000
"""Bytes: encoded for OSC 52 they just stay below the 75,000 at which terminals drop it without a word."""

_EACH = 1.0
_SHOWN_MOST = 600
"""Characters of a line that are shown; all of it is copied."""


class Dialog(ModalScreen[Result], Generic[Result]):
    """The box. Subclasses compose the inside and name the calls that `y` and `Y` copy.

    `place` is the engine it is about, as the app names it when it opens the dialog.
    """

    CSS_PATH = "dialog.tcss"
    AUTO_FOCUS = "#cancel"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", show=False),
        Binding("left,h,up,k", "app.focus_previous", show=False),
        Binding("right,l,down,j", "app.focus_next", show=False),
        Binding("pageup", "scroll_page(-1)", show=False),
        Binding("pagedown", "scroll_page(1)", show=False),
        Binding("y", "copy_call('cli')", show=False),
        Binding("Y", "copy_call('curl')", show=False),
        Binding("ctrl+y", "copy_call('cli')", show=False, priority=True),
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

    def on_mount(self) -> None:
        """Show the calls with the keys that copy them, now that it is known whether there is a line to type in."""
        for calls in self.query(".calls").results(Static):
            calls.update(self.calls_shown())

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

    def action_scroll_by(self, lines: int) -> None:
        """Scroll the text by lines."""
        self.query_one(".body").scroll_relative(y=lines, animate=False)

    def action_edge(self, end: int) -> None:
        """Scroll to the first or the last line of the text."""
        body = self.query_one(".body")
        body.scroll_to(y=body.max_scroll_y if end else 0, animate=False)

    def calls(self) -> Call | None:
        """Return the act outside the console, None when there is none."""
        return None

    def copying(self) -> Content:
        """Return which keys copy the calls."""
        call = self.calls()
        curl = ((", ", Tone.DIM), ("Y", Tone.PRESS), (" the curl line", Tone.DIM)) if call and call.curl else ()
        typing = ((", ", Tone.DIM), ("Ctrl+Y", Tone.PRESS), (" while typing", Tone.DIM)) if self.query(Input) else ()
        return content(("y", Tone.PRESS), (" copies the command", Tone.DIM), *typing, *curl)

    def calls_shown(self) -> Content:
        """Return the lines that show the calls."""
        return shown(self.calls(), self.copying())

    def action_copy_call(self, which: str) -> None:
        """Copy the command or the curl line."""
        call = self.calls()
        text = "" if call is None else call.cli if which == "cli" else call.curl
        if text:
            self.copy(text)

    def copy(self, text: str, what: str = "") -> None:
        """Send a text to the terminal's clipboard, and say so; `what` names it."""
        if len(text.encode()) > COPIED_MOST:
            said = f"It is longer than the {COPIED_MOST:,} bytes terminals take."
            self.notify(said, title="Not copied", severity="warning")
            return
        self.app.copy_to_clipboard(text)
        self.notify(f"Sent to the terminal's clipboard: {cut(text)}", title=f"Copied {what}".strip(), markup=False)

    def action_leave(self) -> None:
        """Leave without doing anything; what toasts said over it goes, too."""
        self.app.clear_notifications()
        self.dismiss(None)


def cut(text: str) -> str:
    """Return as much of a line as is shown."""
    return text if len(text) <= _SHOWN_MOST else f"{text[:_SHOWN_MOST]} … ({len(text):,} characters)"


def shown(call: Call | None, copying: Content) -> Content:
    """Return the lines that show a call, and under them what copies it."""
    if call is None:
        return Content("")
    lines = [content(("as CLI   ", Tone.PRESS), cut(call.cli))]
    if call.curl:
        lines.append(content(("as curl  ", Tone.PRESS), cut(call.curl)))
    if call.note:
        lines.append(content((f"({call.note})", Tone.DIM)))
    return Content("\n").join([*lines, copying])


def _put(static: Static, text: Content) -> None:
    """Let a widget show `text`, if it does not: every update lays the screen out anew."""
    if not (isinstance(static.content, Content) and static.content.is_same(text)):
        static.update(text)


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer to a question: its id, its label, and the same outside the console."""

    id: str
    label: str
    call: Call | None = None


class Choice(Dialog[str]):
    """A question with a few answers; dismisses with the answer's id, None for Cancel and Esc.

    Cancel has the focus; without one (`cancel` None) the first answer has it. The call shown is that of the answer in
    focus, before one is that of the first.
    """

    AUTO_FOCUS = "Button"

    def __init__(
        self,
        heading: str,
        text: Content,
        answers: Sequence[Answer],
        *,
        cancel: str | None = "Cancel",
        grave: bool = False,
    ) -> None:
        super().__init__(heading)
        self._text, self._answers, self._cancel = text, tuple(answers), cancel
        self.set_class(grave, "-grave")

    def inside(self) -> ComposeResult:
        """The question, the calls, the answers."""
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self._text)
            if any(answer.call for answer in self._answers):
                yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons") as buttons:
            buttons.set_class(len(self._answers) > 1, "-stacked")
            if self._cancel is not None:
                yield Button(self._cancel, id="cancel", compact=True)
            for answer in self._answers:
                yield Button(Content(answer.label), id=answer.id, compact=True)

    @property
    def _meant(self) -> Answer | None:
        """The answer whose call is shown."""
        focused = self.focused.id if self.is_mounted and self.focused is not None else None
        chosen = next((answer for answer in self._answers if answer.id == focused), None)
        return chosen or next((answer for answer in self._answers if answer.call), None)

    def calls(self) -> Call | None:
        """The act outside the console."""
        meant = self._meant
        return None if meant is None else meant.call

    def calls_shown(self) -> Content:
        """The calls, under the name of the answer they are when there are several."""
        meant = self._meant
        if meant is None or len(self._answers) == 1:
            return super().calls_shown()
        if meant.call is None:
            return content((f"{meant.label}: nothing is done", Tone.DIM))
        return content((f"{meant.label}\n", Tone.STRONG)) + super().calls_shown()

    def on_descendant_focus(self) -> None:
        """Show the call of the answer in focus."""
        for calls in self.query(".calls").results(Static):
            calls.update(self.calls_shown())

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Answer."""
        self.dismiss(None if event.button.id == "cancel" else event.button.id)


class Reader(Dialog[None]):
    """Text to read: details, help, troubles. Keys scroll, `y` copies `copied`, else the command that tells the same.

    `call` is that command; `C` copies it in any case. The text is written anew every second, for the ages in it.
    """

    AUTO_FOCUS = ".body"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "scroll_by(1)", show=False),
        Binding("k,up", "scroll_by(-1)", show=False),
        Binding("g", "edge(0)", show=False),
        Binding("G", "edge(1)", show=False),
        Binding("y", "copy_text", show=False),
        Binding("C", "copy_call('cli')", show=False),
        Binding("q,enter,question_mark", "leave", show=False),
    ]
    hints: ClassVar[tuple[tuple[str, str], ...]] = ()
    """Keys of this dialog's own and what they do, shown after Esc."""

    names_copying: ClassVar[bool] = True
    """Whether the last line says what copies the command."""

    def __init__(
        self,
        heading: str,
        writer: Writer,
        *,
        copied: str | None = None,
        copied_as: str = "it",
        wide: bool = False,
        call: Call | None = None,
    ) -> None:
        super().__init__(heading)
        self._writer, self._copied, self._copied_as, self._call = writer, copied, copied_as, call
        self.set_class(wide, "-broad")

    def inside(self) -> ComposeResult:
        """The text, the calls and the keys."""
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(id="text")
            yield Static(classes="calls")
        yield Static(self._foot(), classes="said")

    def _foot(self) -> Content:
        keys = [("Esc", "back"), ("j k", "scroll"), *self.hints]
        if self._copied:
            keys.append(("y", f"copy {self._copied_as}"))
        if self.names_copying:
            keys.append(("C" if self._copied else "y", "the command"))
        return Content("   ").join(content((key, Tone.PRESS), (f" {told}", Tone.DIM)) for key, told in keys)

    def calls(self) -> Call | None:
        """The same outside the console."""
        return self._call

    def copying(self) -> Content:
        """Return which keys copy the calls; `y` may be for the text."""
        call = self.calls()
        curl = ((", ", Tone.DIM), ("Y", Tone.PRESS), (" the curl line", Tone.DIM)) if call and call.curl else ()
        return content(("C" if self._copied else "y", Tone.PRESS), (" copies the command", Tone.DIM), *curl)

    def on_mount(self) -> None:
        """Keep it current."""
        self.set_interval(_EACH, self.write)

    def write(self) -> None:
        """Write the text for the room there is, and the calls."""
        calls = self.query_one(".calls", Static)
        calls.display = self.calls() is not None
        _put(self.query_one("#text", Static), self._writer(self.room))
        _put(calls, self.calls_shown())

    def on_resize(self) -> None:
        """Write the text anew."""
        self.call_after_refresh(self.write)

    def action_copy_text(self) -> None:
        """Copy what this is about, else the command."""
        if self._copied:
            self.copy(self._copied)
        else:
            self.action_copy_call("cli")
