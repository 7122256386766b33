"""The engines that are open: how each is, switching between them, opening one more."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from ipv6console.console import lookup
from ipv6console.console.call import Call, opening
from ipv6console.console.context import MOST, Context, Contexts, standing_of
from ipv6console.console.keyring import keyed
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.tone import Tone, content
from ipv6console.console.widgets.grid import Column, Grid, GridRow

OPEN = 0
"""What the dialog answers instead of a number when one more is to be opened."""

_EACH = 1.0
_KEYS = (("1-9 Enter", "switch"), ("a", "open another"), ("x", "close"), ("Esc", "back"))


class EnginesDialog(Dialog[int | None]):
    """Lists them; answers the number of the one to show, or OPEN. `close` lets go of one."""

    AUTO_FOCUS = "Grid"
    BINDINGS: ClassVar[list[BindingType]] = [
        *(Binding(str(number), f"choose({number})", show=False) for number in range(1, MOST + 1)),
        Binding("enter", "chosen", show=False),
        Binding("a", "open", show=False),
        Binding("x,delete", "close", show=False),
        Binding("q", "leave", show=False),
    ]
    columns = (
        Column(key="number", title="#", width=1),
        Column(key="state", title="STATE", width=10),
        Column(key="host", title="HOST", width=16, flex=1),
        Column(key="stance", title="", width=11),
        Column(key="place", title="AT", width=28, flex=1),
        Column(key="why", title="HOW IT IS", width=20, flex=2, rank=1),
    )

    def __init__(self, contexts: Contexts, close: Callable[[Context], None]) -> None:
        super().__init__("Engines")
        self._contexts, self._close = contexts, close
        self.add_class("-broad")

    def inside(self) -> ComposeResult:
        """The list, what was said, the keys."""
        yield Grid(self.columns, id="engines")
        yield Static(classes="said", id="hint")
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self.calls_shown(), classes="calls")
        yield Static(
            Content("   ").join(content((key, Tone.KEY), (f" {told}", Tone.DIM)) for key, told in _KEYS),
            classes="said",
        )

    def on_mount(self) -> None:
        """List them, and go on with how they are."""
        self.query_one(Grid).styles.height = MOST + 1
        self.list_them()
        numbers = [context.number for context in self._contexts]
        self.query_one(Grid).move_to(numbers.index(self._contexts.shown.number))
        self.set_interval(_EACH, self.list_them)

    def calls(self) -> Call | None:
        """A console on the same engines."""
        return lookup.engines(tuple(context.target for context in self._contexts))

    def list_them(self) -> None:
        """Show how they are now."""
        self.query_one(".calls", Static).update(self.calls_shown())
        self.query_one(Grid).show([self._row(context) for context in self._contexts])

    def _row(self, context: Context) -> GridRow:
        word, why = standing_of(context)
        shown = context is self._contexts.shown
        return GridRow(
            str(context.number),
            {
                "number": ((str(context.number), Tone.KEY),),
                "state": (word,),
                "host": ((f"{context.host}{' (shown)' if shown else ''}", Tone.STRONG if shown else Tone.PLAIN),),
                "stance": (
                    (f"{context.label} ", Tone.PLAIN),
                    ("RO", Tone.WARN) if context.read_only else ("RW", Tone.PLAIN),
                ),
                "place": ((context.target, Tone.DIM),),
                "why": ((why, Tone.PLAIN),),
            },
        )

    def _under_cursor(self) -> Context | None:
        key = self.query_one(Grid).cursor_key
        return None if key is None else self._contexts.numbered(int(key))

    def _say(self, text: str) -> None:
        self.query_one("#hint", Static).update(content((f"▲ {text}", Tone.WARN)))

    def action_choose(self, number: int) -> None:
        """Switch to the engine with this number."""
        if self._contexts.numbered(number) is None:
            self._say(f"No engine has the number {number}.")
        else:
            self.dismiss(number)

    def action_chosen(self) -> None:
        """Switch to the one under the cursor."""
        chosen = self._under_cursor()
        if chosen is not None:
            self.dismiss(chosen.number)

    def on_grid_opened(self, event: Grid.Opened) -> None:
        """A double click is Enter."""
        event.stop()
        self.dismiss(int(event.key))

    def action_open(self) -> None:
        """Open one more."""
        if self._contexts.free() is None:
            self._say(f"{MOST} engines are open, which is the most; x closes one.")
        else:
            self.dismiss(OPEN)

    def action_close(self) -> None:
        """Let go of the one under the cursor; it runs on."""
        chosen = self._under_cursor()
        if chosen is None:
            return
        if chosen is self._contexts.shown:
            self._say(keyed("This one is on the screen. Switch to another one first, or {quit} leaves the console."))
        elif chosen.owner is not None:
            self._say("This console started that engine and minds it; it is closed by leaving.")
        else:
            self._close(chosen)
            self.list_them()


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Which engine to open, as it was typed: its place, its token if there is one, and whether to act on nothing."""

    target: str
    token: str | None
    read_only: bool


class OpenDialog(Dialog[Opening | None]):
    """Asks where the engine is. `check` raises ValueError when that is no place or no token."""

    AUTO_FOCUS = "#target"

    def __init__(self, check: Callable[[Opening], None]) -> None:
        super().__init__("Open another engine")
        self._check = check

    def inside(self) -> ComposeResult:
        """Place, token, buttons."""
        with Horizontal(classes="field"):
            yield Label("where     ")
            yield Input(id="target", compact=True, placeholder="http://host:16000, or the path of a Unix socket")
        with Horizontal(classes="field"):
            yield Label("token file")
            yield Input(id="file", compact=True, placeholder="a file with a bearer token; none for a socket")
        with Horizontal(classes="field"):
            yield Label("or token  ")
            yield Input(id="token", compact=True, password=True, placeholder="is not shown and not kept")
        yield Static(
            content(("A token is needed to act over TCP, and to look when the engine is not on this host.", Tone.DIM)),
            classes="said",
            id="hint",
        )
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Open read-only", id="look", compact=True)
            yield Button("Open", id="go", compact=True)

    def calls(self) -> Call | None:
        """A console on that engine; read-only unless the focus is on Open. The token is never in it."""
        if not self.is_mounted:
            return opening("", read_only=True)
        target, file, token = (self.query_one(f"#{name}", Input).value.strip() for name in ("target", "file", "token"))
        go = self.focused is not None and self.focused.id == "go"
        return opening(target, read_only=not go, file=file, token=bool(token))

    def _show_calls(self) -> None:
        self.query_one(".calls", Static).update(self.calls_shown())

    on_input_changed = on_descendant_focus = _show_calls

    def on_input_submitted(self) -> None:
        """Enter goes on to the buttons; read-only comes first."""
        self.query_one("#look", Button).focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Open, or leave."""
        if event.button.id == "cancel":
            self.dismiss(None)
            return
        try:
            opening = self._typed(read_only=event.button.id == "look")
            self._check(opening)
        except (ValueError, OSError, RuntimeError) as error:  # RuntimeError: nobody has the home that ~NAME is
            self.query_one("#hint", Static).update(content((f"✖ {error}", Tone.FAIL)))
            self.query_one("#target", Input).focus()
            return
        self.dismiss(opening)

    def _typed(self, *, read_only: bool) -> Opening:
        target, file, token = (self.query_one(f"#{name}", Input).value.strip() for name in ("target", "file", "token"))
        if not target:
            raise ValueError("name the engine by its URL or the path of its socket")
        if file and token:
            raise ValueError("a token file and a token are two tokens; give one of them")
        if file:
            token = Path(file).expanduser().read_text(encoding="utf-8").strip()
        return Opening(target=target, token=token or None, read_only=read_only)
