"""One address in full: where it stands in the mirrors, how far it is reached, and who held it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from textual.content import Content

from ipv6console.console import figure, lookup
from ipv6console.console.action import Scope
from ipv6console.console.call import Call
from ipv6console.console.layout import hang, sheet
from ipv6console.console.model import Condition, Model
from ipv6console.console.screens.who import held
from ipv6console.console.source import Refused
from ipv6console.console.stock import aligned, number
from ipv6console.console.tone import Span, Tone, content, verdict
from ipv6console.console.widgets.pane import TextPane, View, waiting
from ipv6console.console.widgets.prefix import state_of
from ipv6console.wire.address import AddressRow
from ipv6console.wire.history import HistoryPage, HistoryRow
from ipv6console.wire.state import PrefixRow
from ipv6console.wire.status import Stamp

MOST = 100
"""How many leases of the past are listed."""
_COLUMN = 11


@dataclass(frozen=True, slots=True)
class Known:
    """An address and what was answered about its past: a page, a refusal, or nothing yet; `at` is when (unix seconds)."""

    row: AddressRow
    history: HistoryPage | Refused | None = None
    at: float | None = None


def describe(known: Known, model: Model, moment: Callable[[float], str], width: int) -> Content:
    """Return everything known of an address, in `width` cells; `moment` writes a time as text."""
    told = "" if known.at is None else f"  told {figure.ago(model.age_of(known.at))}"
    return Content("\n").join([
        standing(known, model, width),
        Content(""),
        content(("Who held it", Tone.STRONG), (told, Tone.DIM)),
        past(known, model, moment, width),
    ])  # fmt: skip


def standing(known: Known, model: Model, width: int) -> Content:
    """Return where an address stands now."""
    row, stale = known.row, model.condition is Condition.STALE
    prefix = next((item for item in model.prefixes if item.prefix == row.prefix), None)
    lines: list[tuple[str, Content | str]] = [
        ("address", content((row.addr, Tone.STRONG))),
        ("in full", content((aligned(number(row.addr)), Tone.DIM))),
        ("prefix", content(row.prefix, *_reach(prefix, stale=stale))),
        ("verified", f"{figure.span(model.age_of(row.verified_at))} ago"),
        ("used", _used(row, model)),
        *_mirrors(known, model, stale=stale),
    ]
    if row.retry_at is not None:
        lines.append(("retry", f"checked again in {figure.span(row.retry_at - model.now)}"))
    return sheet(lines, width, indent=_COLUMN)


def _reach(prefix: PrefixRow | None, *, stale: bool) -> tuple[Span | str, ...]:
    if prefix is None:
        return (("  ◌ the engine does not list it any more", Tone.UNKNOWN),)
    return (
        "  ", state_of(prefix, stale=stale), ("  route ", Tone.DIM), verdict(prefix.route, stale=stale), ("  NDP ", Tone.DIM),
        verdict(prefix.ndp, stale=stale), (f" {prefix.strategy} on {prefix.interface}", Tone.DIM),
    )  # fmt: skip


def _used(row: AddressRow, model: Model) -> str:
    times = figure.many(row.uses, "time", "times")
    if row.last_used_at is None:
        return "never, as far as is known" if not row.uses else times
    return f"{times}, last {figure.span(model.age_of(row.last_used_at))} ago"


def _mirrors(known: Known, model: Model, *, stale: bool) -> list[tuple[str, Content | str]]:
    row = known.row
    living = _living(known.history)
    lines: list[tuple[str, Content | str]] = []
    for name in row.leased_in:
        lease = living.get(name)
        by = f"  by {lease.holder}, for {figure.span(model.age_of(lease.since))}" if lease else ""
        state: Span = ("◌ was using", Tone.UNKNOWN) if stale else ("● using", Tone.BUSY)
        lines.append(("", content(state, f" {name}", (by, Tone.DIM))))
    for name in row.bad_in:
        state = ("◌ was bad", Tone.UNKNOWN) if stale else ("✖ bad", Tone.FAIL)
        lines.append(("", content(state, f" {name}", (_verdict(known.history, name), Tone.DIM))))
    if not lines:
        lines = [("", content(("◌ was idle", Tone.UNKNOWN) if stale else ("○ idle", Tone.PLAIN), " in every mirror"))]
    return [("mirrors", lines[0][1]), *lines[1:]]


def _living(history: HistoryPage | Refused | None) -> dict[str, HistoryRow]:
    entries = history.entries if isinstance(history, HistoryPage) else ()
    return {entry.dbname: entry for entry in entries if entry.until is None}


def _verdict(history: HistoryPage | Refused | None, dbname: str) -> str:
    """Return who said so and why, of the last bad verdict in a mirror."""
    entries = history.entries if isinstance(history, HistoryPage) else ()
    last = next((entry for entry in entries if entry.dbname == dbname and entry.verdict == "bad"), None)
    if last is None:
        return ""
    return f"  said {last.target or 'its holder'}" + (f": {last.reason}" if last.reason else "")


def past(known: Known, model: Model, moment: Callable[[float], str], width: int) -> Content:
    """Return who held an address, newest first."""
    history = known.history
    if history is None:
        return content(("⟳ asking", Tone.BUSY))
    if isinstance(history, Refused):
        return hang(
            Content(""),
            content((f"✖ {history.title}: ", Tone.FAIL), history.detail, " ", (history.next, Tone.STRONG)),
            2,
            width,
        )
    stale = model.condition is Condition.STALE
    return held(known.row.addr, history, moment, model.now, width, stale=stale)


class AddressPane(TextPane):
    """The address under the cursor of the table."""

    topic = "Address"
    scopes = frozenset({Scope.POOL})
    guide: ClassVar[str] = (
        "The address under the cursor: its prefix and whether that is reached, where it is leased and bad and who said so, "
        "and who held it, newest first. Enter in the table shows the same on the whole screen; {why} walks the chain from "
        "interface to echo."
    )

    def __init__(
        self,
        *,
        id: str,  # noqa: A002 - Textual's name
        known: Callable[[], Known | None],
        read_at: Callable[[], float | None],
    ) -> None:
        super().__init__(id=id)
        self._known, self._read_at = known, read_at

    def basis(self, view: View) -> tuple[object, ...]:
        """The address, its past, the prefix it is in, and when the table was read."""
        return self._known(), view.model.prefixes, self._read_at()

    def redraw(self, view: View) -> None:
        """Show the address."""
        known, at = self._known(), self._read_at()
        stamp = None if known is None or at is None else Stamp(at, "engine")
        self.frame(view, "Address" if known is None else f"Address {known.row.addr}", stamp)
        if known is None:
            nothing = content(("○ no address under the cursor", Tone.DIM))
            self.write(waiting(view, "the address") or nothing)
            return
        if view.wide:
            self.write(describe(known, view.model, view.moment, self.room))
            return
        self.write(Content("\n").join([
            standing(known, view.model, self.room), past(known, view.model, view.moment, self.room)
        ]))  # fmt: skip

    def subject(self, view: View) -> tuple[str, list[tuple[str, str]]] | None:
        """Nothing: the page opens an address itself."""
        return None

    def copied(self, view: View) -> str | None:
        """The address."""
        known = self._known()
        return None if known is None else known.row.addr

    def outside(self, view: View) -> Call:
        """The command that tells the same."""
        known = self._known()
        return lookup.addresses(view.door) if known is None else lookup.who(view.door, known.row.addr)
