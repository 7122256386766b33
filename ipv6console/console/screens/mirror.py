"""A mirror in full: its counters, its own settings, who bans it, and who holds its leases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import ClassVar, TypeVar

from textual.binding import Binding, BindingType
from textual.content import Content

from ipv6console.console import call, figure, lookup
from ipv6console.console.detail import facts
from ipv6console.console.layout import hang, sheet
from ipv6console.console.model import Condition, Model
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.source import Refused, Source
from ipv6console.console.tone import Tone, content
from ipv6console.console.widgets.mirrors import state_of
from ipv6console.wire.lease import LeasePage
from ipv6console.wire.mirror import MirrorSettings
from ipv6console.wire.state import MirrorRow
from ipv6console.wire.target import TargetPage

T = TypeVar("T")
MOST = 100
"""How many leases and targets are listed; the command line lists all."""

_COLUMN = 20
_ABOVE = {"name", "level", "text", "stamp"}


class MirrorDialog(Reader):
    """Asks the engine when opened, and again on `r`; the counters and ages are live. `D` drains, `y` copies the name."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("D", "drain", show=False),
        Binding("r", "ask", show=False),
    ]
    hints = (("D", "drain or resume"), ("r", "ask again"))

    def __init__(
        self, row: MirrorRow, source: Source, model: Model, door: call.Door, drain: Callable[[str], None]
    ) -> None:
        super().__init__(f"Mirror {row.name}", self._told, copied=row.name, copied_as="the name", wide=True)
        self._row, self._source, self._model, self._door, self._drain = row, source, model, door, drain
        self._settings: MirrorSettings | Refused | None = None
        self._targets: TargetPage | Refused | None = None
        self._leases: LeasePage | Refused | None = None
        self._asked_at: float | None = None

    def calls(self) -> call.Call | None:
        """The same outside the console."""
        return lookup.mirror(self._door, self._row.name)

    def on_screen_resume(self) -> None:
        """Ask, also after a dialog over this one."""
        self.action_ask()

    def action_ask(self) -> None:
        """Ask for settings, targets and leases."""
        self.run_worker(self._ask(), exclusive=True, group="ask")

    def action_drain(self) -> None:
        """Drain this mirror, or take it up again; asks first."""
        self._drain(self._row.name)

    async def _ask(self) -> None:
        name, source = self._row.name, self._source
        self._settings, self._targets, self._leases = await asyncio.gather(
            _answer(source.mirror_settings(name)),
            _answer(source.targets(name, MOST)),
            _answer(source.leases(name, MOST)),
        )
        self._asked_at = self._model.now
        self.write()

    def _told(self, width: int) -> Content:
        found = self._model.mirror(self._row.name)
        self._row = found or self._row
        gone = content(("◌ the engine does not list it any more: below is what it told last\n", Tone.UNKNOWN))
        parts = [
            (Content("") if found else gone) + counters(self._row, self._model, width),
            self._section("Settings of its own", _told(self._settings, lambda page: settings(page, width), width)),
            self._section("Who bans it", _told(self._targets, lambda page: self._bans(page, width), width)),
            self._section(self._leases_title(), _told(self._leases, lambda page: self._held(page, width), width)),
        ]
        return Content("\n\n").join(parts)

    def _section(self, title: str, body: Content) -> Content:
        asked = "" if self._asked_at is None else f"  told {figure.ago(self._model.age_of(self._asked_at))}"
        return content((title, Tone.STRONG), (asked, Tone.DIM)) + Content("\n") + body

    def _leases_title(self) -> str:
        number = self._leases.total if isinstance(self._leases, LeasePage) else self._row.using
        return f"Live leases · {figure.count(number)}"

    def _bans(self, page: TargetPage, width: int) -> Content:
        if not page.targets:
            return content(("no verdict has named a target", Tone.DIM))
        lines = []
        for row in page.targets:
            last = figure.span(self._model.age_of(row.last_at))
            bans = figure.many(row.bans, "ban", "bans")
            on = figure.many(row.addresses, "address", "addresses")
            why = f": {row.last_reason}" if row.last_reason else ""
            told = content((row.target, Tone.STRONG), f"  {bans} on {on}", (f", last {last} ago{why}", Tone.DIM))
            lines.append(hang(Content(""), told, 2, width))
        if page.next is not None:
            command = lookup.targets(self._door, self._row.name).cli
            lines.append(hang(Content(""), content((f"and more: {command}", Tone.DIM)), 2, width))
        return Content("\n").join(lines)

    def _held(self, page: LeasePage, width: int) -> Content:
        if not page.leases:
            return content(("none", Tone.DIM))
        column = max(len(row.addr) for row in page.leases) + 4
        lines = []
        for row in page.leases:
            since = figure.span(self._model.age_of(row.leased_at))
            left = figure.span(row.expires_at - self._model.now)
            process = () if row.process is None else (f"  {row.process}",)
            told = content(row.holder, *process, (f"  for {since}, ends in {left}", Tone.DIM))
            lines.append(hang(content(f"  {row.addr}"), told, column, width))
        more = page.total - len(page.leases)
        if more > 0:
            command = lookup.leases(self._door, self._row.name).cli
            lines.append(hang(Content(""), content((f"and {figure.count(more)} more: {command}", Tone.DIM)), 2, width))
        return Content("\n").join(lines)


async def _answer(asked: Awaitable[T]) -> T | Refused:
    try:
        return await asked
    except Refused as refusal:
        return refusal


def _told(answer: T | Refused | None, write: Callable[[T], Content], width: int) -> Content:
    if answer is None:
        return content(("⟳ asking", Tone.BUSY))
    if isinstance(answer, Refused):
        said = content((f"✖ {answer.title}: ", Tone.FAIL), answer.detail, " ", (answer.next, Tone.STRONG))
        return hang(Content(""), said, 2, width)
    return write(answer)


def counters(row: MirrorRow, model: Model, width: int) -> Content:
    """Return the state of a mirror and its counters, in `width` cells."""
    stale = model.condition is Condition.STALE
    note = row.text if row.text != row.level else ""
    told: list[tuple[str, Content | str]] = [("state", content(state_of(row, stale=stale), f"  {note}"))]
    told += [(label, value) for label, value in facts(row, model.now) if label not in _ABOVE]
    return sheet(told, width, indent=_COLUMN)


def settings(own: MirrorSettings, width: int) -> Content:
    """Return what the mirror does differently, in `width` cells; what it leaves to the pool is dim."""
    limit = own.max_leases_per_64
    told = [
        ("usable num", None if own.usable_num is None else f"{figure.count(own.usable_num)} idle addresses are kept"),
        ("lease ttl", None if own.lease_ttl is None else figure.span(own.lease_ttl)),
        ("bad cooldown", None if own.bad_cooldown is None else f"{figure.span(own.bad_cooldown)}, doubling"),
        ("max leases per 64", None if limit is None else figure.count(limit) if limit else "no limit"),
        ("check urls", "\n".join(own.check_urls) or None),
    ]
    dim = content(("as the pool", Tone.DIM))
    return sheet([(label, dim if value is None else content(value)) for label, value in told], width, indent=_COLUMN)
