"""The spawn dialog: how many, how far, what came of it."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Button, Input, Label, Static
from textual.worker import Worker

from ipv6console.console import call, figure
from ipv6console.console.keyring import keyed
from ipv6console.console.model import Model
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone, content
from ipv6console.wire.reply import SpawnsReply

MOST = 100
_TICK = 0.25
_SHOWN = 8


class SpawnDialog(Dialog[None]):
    """Asks for a number, then follows the request; leaving does not stop it, its result then comes as a toast."""

    AUTO_FOCUS: ClassVar[str] = "#number"

    def __init__(self, source: Source, model: Model, door: call.Door) -> None:
        super().__init__("Spawn: make and check new addresses")
        self._source, self._model, self._door = source, model, door
        self._worker: Worker[None] | None = None
        self._asked, self._before = 0, 0

    def inside(self) -> ComposeResult:
        """The number, what came of it, the calls, the buttons."""
        with Horizontal(classes="field"):
            yield Label(f"how many (1-{MOST})")
            yield Input("10", id="number", compact=True, type="integer", max_length=3)
        with VerticalScroll(classes="body", can_focus=False):
            yield Static(
                content(("Each is checked from its own source before it enters the pool.", Tone.DIM)), classes="said"
            )
            yield Static(self.calls_shown(), classes="calls")
        with Horizontal(classes="buttons"):
            yield Button("Cancel", id="cancel", compact=True)
            yield Button("Spawn", id="go", compact=True)

    def calls(self) -> call.Call | None:
        """The act outside the console."""
        return call.spawn(self._door, self._number or 10)

    @property
    def _number(self) -> int | None:
        text = self.query_one("#number", Input).value if self.is_mounted else "10"
        return int(text) if text.isascii() and text.isdigit() and 1 <= int(text) <= MOST else None

    def _say(self, text: Content) -> None:
        self.query_one(".said", Static).update(text)

    def on_input_changed(self) -> None:
        """Show the calls for the number typed."""
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_submitted(self) -> None:
        """Enter in the number starts."""
        self._start()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        """Start, or leave."""
        if event.button.id == "go":
            self._start()
        else:
            self.dismiss(None)

    def _start(self) -> None:
        number = self._number
        if self._worker is not None:
            return
        if number is None:
            self._say(content(("✖ a whole number from 1 to 100 is needed", Tone.FAIL)))
            return
        self._asked = number
        self._before = self._model.state.pool.spawned if self._model.state else 0
        self.query_one("#number", Input).disabled = True
        self.query_one("#go", Button).display = False
        cancel = self.query_one("#cancel", Button)
        cancel.label = "Hide (it goes on)"
        cancel.focus()
        self.set_interval(_TICK, self._progress)
        self._progress()
        self._worker = self.app.run_worker(self._run(number), name="spawn", exit_on_error=True)

    def _progress(self) -> None:
        if self._worker is not None and self._worker.is_finished:
            return
        pool = self._model.state.pool if self._model.state else None
        made = min(self._asked, max(0, pool.spawned - self._before)) if pool else 0
        self._say(content(
            ("⟳ spawning  ", Tone.BUSY), (figure.bar(made, self._asked, 20), Tone.BUSY), f" {made} new of {self._asked} asked",
            (f"   {pool.spawning} in check" if pool else "", Tone.DIM),
        ))  # fmt: skip

    async def _run(self, number: int) -> None:
        try:
            told = outcome(await self._source.spawn(number))
        except Refused as refusal:
            told = content((f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG))
        if self.is_attached and self.is_mounted:
            self._say(told)
            self.query_one("#cancel", Button).label = "Close"
        else:
            self.app.notify(told.plain, title="Spawn", markup=False)


def outcome(reply: SpawnsReply) -> Content:
    """Return what a spawn came to: counts, the reason when it stopped short, the first addresses."""
    short = reply.spawned_count < reply.requested_count
    glyph = ("● ", Tone.OK) if not short else ("▲ ", Tone.WARN) if reply.spawned_count else ("✖ ", Tone.FAIL)
    shown = "\n".join(reply.addrs[:_SHOWN])
    more = f"\nand {len(reply.addrs) - _SHOWN} more" if len(reply.addrs) > _SHOWN else ""
    return content(
        glyph, (f"{reply.spawned_count} of {reply.requested_count} spawned", Tone.STRONG),
        (f"\n{reply.detail}" if reply.detail else "", Tone.WARN if short else Tone.PLAIN),
        (keyed("\nAsking again at once is pointless: {why} shows why.") if reply.should_stop else "", Tone.DIM),
        (f"\n{shown}{more}" if shown else "", Tone.DIM),
    )  # fmt: skip
