"""Reading the log from the engine: one page at a time, where the reader looks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, cast

from textual.widget import Widget
from textual.worker import Worker

from ipv6console.console import figure
from ipv6console.console.keyring import keyed
from ipv6console.console.ledger import Gap, Ledger
from ipv6console.console.model import Condition
from ipv6console.console.source import Refused
from ipv6console.console.tone import Span, Tone
from ipv6console.console.widgets.pane import View
from ipv6console.wire.event import EventPage

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

PAGE = 500
FRUITLESS = 40
"""Pages in a row without an event that passes; then the reader is asked whether to look on."""

_GROUP = "log"


class Paging:
    """Fills a ledger's gaps. `owner` is the widget whose workers do the asking; `refusal` stops it until `go_on`."""

    def __init__(self, owner: Widget) -> None:
        self._owner = owner
        self._reading: Gap | None = None
        self._seeking = False
        self._fruitless = 0
        self._worker: Worker[None] | None = None
        self.refusal: Refused | None = None

    @property
    def busy(self) -> bool:
        """Whether the engine is being asked."""
        return self._reading is not None or self._seeking

    def drop(self) -> None:
        """Ask for nothing of the former ledger any more."""
        self._owner.workers.cancel_group(self._owner, _GROUP)
        self._reading, self._seeking, self.refusal, self._fruitless = None, False, None, 0

    def go_on(self) -> None:
        """Look on where nothing passed so far, and ask again after a refusal."""
        self.refusal, self._fruitless = None, 0

    def read(self, ledger: Ledger, place: int, near: range, view: View) -> None:
        """Begin to read the gap nearest to `place` among the items `near`, if there is one and nothing else is read."""
        if self.busy or self.refusal is not None or self._fruitless >= FRUITLESS:
            return
        gaps = [(index, item) for index in near if isinstance(item := ledger.items[index], Gap) and not item.lost]
        if not gaps:
            return
        index, gap = min(gaps, key=lambda pair: abs(pair[0] - place))
        older = index == 0 or index < place
        self._reading = gap
        self._run(partial(self._fill, ledger, gap, view, older=older))

    def seek(self, ledger: Ledger, at: float, view: View) -> None:
        """Read what happened before and after `at` (unix seconds); what lies between that and the rest stays a gap."""
        self._start()
        self._run(partial(self._seek, ledger, at, view))

    def seek_end(self, ledger: Ledger, view: View, then: Callable[[], object]) -> None:
        """Read the newest events, and do `then` when they are there."""
        self._start()
        self._run(partial(self._seek_end, ledger, view, then))

    def told(self, gap: Gap, view: View) -> Span:
        """Return what to say in place of the events of `gap`."""
        if gap.lost:
            kept = "the log begins here" if gap.low == 1 else f"{gap.low}-{gap.high}"
            return f"{figure.many(gap.size, 'event is', 'events are')} not kept any more: {kept}", Tone.DIM
        size = f"up to {figure.many(gap.size, 'event', 'events')}"
        if self._reading == gap or self._seeking:
            return f"⟳ reading {size}", Tone.BUSY
        if self.refusal is not None:
            return f"{keyed('{again}')} asks again: {self.refusal.detail} Not read: {size}", Tone.WARN
        if view.model.condition is not Condition.LIVE:
            return f"{size}, read when the engine answers", Tone.DIM
        if self._fruitless >= FRUITLESS:
            return (
                f"{keyed('{again}')} looks on: none of {figure.count(FRUITLESS * PAGE)} passes, {size} left",
                Tone.WARN,
            )
        return f"{size} not read yet", Tone.DIM

    def _start(self) -> None:
        self.go_on()
        self._reading, self._seeking = None, True

    def _run(self, work: Callable[[], Awaitable[None]]) -> None:
        self._worker = self._owner.run_worker(partial(self._guarded, work), name=_GROUP, group=_GROUP, exclusive=True)

    async def _guarded(self, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except Refused as refusal:
            self.refusal = refusal
        self._reading, self._seeking = None, False
        cast("ConsoleApp", self._owner.app).redraw()

    async def _fill(self, ledger: Ledger, gap: Gap, view: View, *, older: bool) -> None:
        page = (await self._page(ledger, view, gap.low - 1, before=gap.high + 1 if older else None)).events
        inside = [event for event in page if gap.low <= event.id <= gap.high]
        low, high = gap.low, gap.high
        if len(page) >= PAGE and inside:
            low, high = (inside[0].id, high) if older else (low, inside[-1].id if page[-1].id <= gap.high else high)
        held = ledger.held
        ledger.cover(low, high, inside)
        self._fruitless = 0 if ledger.held > held else self._fruitless + 1

    async def _seek(self, ledger: Ledger, at: float, view: View) -> None:
        earlier = (await self._page(ledger, view, 0, before=ledger.last + 1, until=at)).events
        low = earlier[0].id if len(earlier) >= PAGE else 1
        later = await self._page(ledger, view, earlier[-1].id if earlier else 0, start=at)
        high = later.events[-1].id if len(later.events) >= PAGE else later.last
        ledger.cover(low, high, (*earlier, *later.events))

    async def _seek_end(self, ledger: Ledger, view: View, then: Callable[[], object]) -> None:
        last = ledger.last
        newest = (await self._page(ledger, view, 0, before=last + 1)).events
        ledger.cover(newest[0].id if len(newest) >= PAGE else 1, last, newest)
        then()

    @staticmethod
    async def _page(
        ledger: Ledger, view: View, since: int, *, before: int | None = None, start: float | None = None,
        until: float | None = None,
    ) -> EventPage:  # fmt: skip
        asked = replace(ledger.sieve.wanted, start=start, until=until)
        return await view.source.events(since, PAGE, asked, before=before)
