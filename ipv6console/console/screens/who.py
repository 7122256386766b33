"""Who held an address, and when."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Input, Label, Static

from ipv6console.console import call, figure, lookup
from ipv6console.console.layout import hang
from ipv6console.console.screens.dialog import Dialog
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Span, Tone, content
from ipv6console.wire.history import HistoryPage, HistoryRow

MOST = 100
_HINT = content(("Enter looks it up in the engine's history of leases, Esc goes back.", Tone.DIM))


def address_in(text: str) -> str | None:
    """Return the address that is the last word of `text`, spelled as the engine does; None when it is none."""
    words = text.split()
    try:
        return str(ipaddress.IPv6Address(words[-1])) if words else None
    except ValueError:
        return None


class WhoDialog(Dialog[None]):
    """Asks for an address unless one is given, and lists its holders, newest first. `moment` writes a time as text.

    `now` is the engine's time, or the moment that is shown instead while it is `past`.
    """

    AUTO_FOCUS = "#addr"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_by(1)", show=False),
        Binding("k", "scroll_by(-1)", show=False),
        Binding("g", "edge(0)", show=False),
        Binding("G", "edge(1)", show=False),
    ]

    def __init__(
        self,
        source: Source,
        door: call.Door,
        moment: Callable[[float], str],
        now: Callable[[], float],
        addr: str = "",
        *,
        past: bool = False,
    ) -> None:
        super().__init__("Who held an address?")
        self._source, self._door, self._moment, self._now, self._addr = source, door, moment, now, addr
        self._past = past
        self._page: HistoryPage | None = None
        self._asked_at = 0.0
        self.add_class("-broad")

    def inside(self) -> ComposeResult:
        """The line, what was found, the calls."""
        with Horizontal(classes="field"):
            yield Label("address")
            yield Input(self._addr, id="addr", compact=True, placeholder="2001:db8::1")
        with VerticalScroll(classes="body", can_focus=True):
            yield Static(_HINT, id="text")
        yield Static(self.calls_shown(), classes="calls")

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        typed = self.query_one("#addr", Input).value if self.is_mounted else self._addr
        return lookup.who(self._door, address_in(typed) or self._addr or "ADDRESS")

    def on_mount(self) -> None:
        """Look up what was given."""
        if self._addr:
            self._look(self._addr)

    def on_resize(self) -> None:
        """Write the text anew."""
        self.call_after_refresh(self._write)

    def on_input_changed(self) -> None:
        """Show the command for what is typed."""
        self.query_one(".calls", Static).update(self.calls_shown())

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Look it up."""
        event.stop()
        self._look(event.value)

    def _look(self, text: str) -> None:
        addr = address_in(text)
        self._page = None
        if addr is None:
            self._say(content((f"✖ {text.strip() or 'nothing'} is no IPv6 address", Tone.FAIL)))
            return
        self._addr = addr
        self._say(content(("⟳ looking", Tone.BUSY)))
        self.run_worker(self._ask(addr), exclusive=True, group="ask")

    async def _ask(self, addr: str) -> None:
        try:
            self._page = await self._source.history(addr, MOST)
        except Refused as refusal:
            self._say(content((f"✖ {refusal.title}: ", Tone.FAIL), refusal.detail, "\n", (refusal.next, Tone.STRONG)))
            return
        self._asked_at = self._now()
        self._write()
        self.query_one(".body").focus()

    def _write(self) -> None:
        if self._page is not None:
            told = held(self._addr, self._page, self._moment, self._asked_at, self.room, past=self._past)
            as_of = "" if self._past else f"\nas of {self._moment(self._asked_at)}; Enter in the line above asks again"
            self._say(told + content((as_of, Tone.DIM)))

    def _say(self, text: Content) -> None:
        self.query_one("#text", Static).update(text)


def held(
    addr: str,
    page: HistoryPage,
    moment: Callable[[float], str],
    now: float,
    width: int,
    *,
    stale: bool = False,
    past: bool = False,
) -> Content:
    """Return the leases of `addr` as text in `width` cells; `now` is the engine's time in unix seconds.

    `stale` means it may have ended since, `past` that `now` is a moment of the past.
    """
    then = f" until {moment(now)}" if past else ""
    if not page.entries:
        return content(("○ nobody is known to have held ", Tone.DIM), addr, (then, Tone.DIM))
    lines = [content((f"{addr}{then}, newest first", Tone.STRONG))]
    for row in page.entries:
        lines.append(
            content(
                moment(row.since),
                (f"  for {figure.span((row.until or now) - row.since)}  ", Tone.DIM),
                _end(row, stale=stale, past=past),
            )
        )
        said = f", said {row.target}" if row.target else ""
        why = f": {row.reason}" if row.reason else ""
        lines.append(hang(Content(""), content((row.dbname, Tone.STRONG), f"  {row.holder}{said}{why}"), 2, width))
    if len(page.entries) >= MOST:
        lines.append(
            content((f"These are the newest {MOST}; there may be older ones: the command takes --limit", Tone.DIM))
        )
    return Content("\n").join(lines)


def _end(row: HistoryRow, *, stale: bool, past: bool) -> Span:
    if row.until is None and past:
        return "● held then", Tone.OK
    if row.until is None:
        return ("◌ was held", Tone.UNKNOWN) if stale else ("● held now", Tone.OK)
    return row.verdict or "ended", Tone.FAIL if row.verdict in {"bad", "lost", "revoked"} else Tone.PLAIN
