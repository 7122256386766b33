"""The pool: every address in one table, and the one under the cursor in full."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, cast

from textual.app import ComposeResult
from textual.timer import Timer

from ipv6console.console import call, figure
from ipv6console.console.action import Scope
from ipv6console.console.following import Following, Standpoint
from ipv6console.console.keyring import keyed
from ipv6console.console.listing import Listing
from ipv6console.console.query import Context
from ipv6console.console.screens.address import AddressDialog, asked
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.screens.order import Head, OrderDialog
from ipv6console.console.screens.page import Page
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.source import Refused
from ipv6console.console.standing import Standing
from ipv6console.console.stock import number
from ipv6console.console.tone import content
from ipv6console.console.widgets.address import AddressPane, Known
from ipv6console.console.widgets.addresses import HEADS, AddressesPane
from ipv6console.console.widgets.chrome import Where
from ipv6console.console.widgets.pane import View
from ipv6console.console.widgets.roll import Roll
from ipv6console.wire.plan import PlanAction, PlanRequest

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

_STILL, _SETTLE = 0.06, 0.1
"""Seconds the cursor has to stand still before its address is shown in full, and again before its past is asked for."""
_HOLDERS_EACH = 5.0
_AT_ONCE = 5_000


class PoolScreen(Page):
    """Reads the pool when it is first shown, in the background, and follows its changes while it is in front."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "pool.tcss"]
    mode = "pool"
    scopes = frozenset({Scope.POOL})

    def __init__(self) -> None:
        super().__init__()
        self._following: Following | None = None
        self._known: Known | None = None
        self._holders: dict[int, str] | None = None
        self._asking_holders = False
        self._due = False
        self._timer: Timer | None = None

    def inside(self) -> ComposeResult:
        """The table and the detail."""
        yield AddressesPane(
            id="addresses", following=lambda: self.following, past=lambda: self._shown_in.past is not None
        )
        yield AddressPane(
            id="address", known=lambda: None if self._shown_in.past is not None else self._known,
            read_at=lambda: self.following.read_at,
        )  # fmt: skip

    @property
    def _shown_in(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    def on_mount(self) -> None:
        """Begin to read before anything is drawn."""
        self._following = self._begun()
        super().on_mount()
        self.run_worker(self._following.follow(), group="follow", exclusive=True, exit_on_error=True)

    @property
    def table(self) -> AddressesPane:
        """The table."""
        return self.query_one(AddressesPane)

    @property
    def following(self) -> Following:
        """What keeps the table equal to the engine this page is about."""
        assert self._following is not None  # noqa: S101 - there is one from the first mount on
        return self._following

    def _begun(self) -> Following:
        console = self._shown_in
        engine = console.context

        def run() -> object:
            state = engine.model.state
            return None if state is None else (state.engine.pid, state.engine.started_at)

        standpoint = Standpoint(
            now=lambda: engine.model.now, run=run, paused=lambda: console.paused or console.page is not self
        )
        return Following(Listing(), engine.source, standpoint, self._news)

    def draw(self, view: View, where: Where, standing: Standing) -> None:
        """Show what is known now; a filter may be about mirrors that have come since it was typed."""
        state = view.model.state
        if state is not None and self.table.mirrors != tuple(row.name for row in state.mirrors):
            self._ask_anew()
        super().draw(view, where, standing)

    def on_screen_resume(self) -> None:
        """Ask at once for what has changed meanwhile."""
        super().on_screen_resume()
        if self._following is not None:
            self._following.wake()

    def _news(self) -> None:
        """Draw the panes once for all that has come by then."""
        if not self._due:
            self._due = True
            self.call_later(self._draw_panes)

    def _draw_panes(self) -> None:
        self._due = False
        if self._shown_in.page is self and not self.too_small:
            with self.app.batch_update():
                for pane in self.panes:
                    pane.draw(self._shown_in.view)
            self._look()

    def on_addresses_pane_wanted(self, event: AddressesPane.Wanted) -> None:
        """List by another filter or order; who leases what is asked for when the filter is about it."""
        event.stop()
        self.run_worker(self.following.arrange(event.query, event.order), group="arrange", exclusive=True)
        if event.query.needs_holders and not self._asking_holders:
            self._asking_holders = True
            self.run_worker(self._ask_holders(), group="holders", exclusive=True)

    async def _ask_holders(self) -> None:
        while self.table.needs_holders:
            found, refused = None, None
            try:
                found = await self.following.holders()
            except Refused as refusal:
                refused = refusal
            self.table.unheld = refused
            if found != self._holders or refused is not None:
                self._holders = found
                self._ask_anew()
            await asyncio.sleep(_HOLDERS_EACH)
        self._holders, self._asking_holders = None, False

    def _ask_anew(self) -> None:
        state = self._shown_in.model.state
        mirrors = None if state is None else tuple(row.name for row in state.mirrors)
        self.table.ask(Context(self._shown_in.model.now, mirrors, self._holders))

    def on_roll_moved(self, event: Roll.Moved) -> None:
        """Show another address in full, once the cursor stands still."""
        event.stop()
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_STILL, self._look)

    def _look(self) -> None:
        row = self.table.chosen()
        before = self._known
        if row is None:
            self._known = None
        elif before is None or before.row.addr != row.addr:
            self._known = Known(row)
            self.run_worker(self._ask_past(row.addr), group="past", exclusive=True)
        elif before.row != row:
            self._known = replace(before, row=row)
            if (before.row.leased_in, before.row.bad_in) != (row.leased_in, row.bad_in):
                self.run_worker(self._ask_past(row.addr), group="past", exclusive=True)
        if self._known is not before:
            self._draw_detail()

    async def _ask_past(self, addr: str) -> None:
        await asyncio.sleep(_SETTLE)
        if not self.query_one(AddressPane).display:
            return
        answer = await asked(self._shown_in.view.source, addr)
        if self._known is not None and self._known.row.addr == addr:
            self._known = Known(self._known.row, answer, self._shown_in.model.now)
            self._draw_detail()

    def _draw_detail(self) -> None:
        pane = self.query_one(AddressPane)
        if pane in self.panes and not self.too_small:
            pane.draw(self._shown_in.view)

    def act_open(self) -> None:
        """Show the address under the cursor on the whole screen."""
        row, console = self.table.chosen(), self._shown_in
        if row is None:
            console.say("Detail", content("There is no address under the cursor."), severity="warning")
            return
        known = self._known if self._known is not None and self._known.row.addr == row.addr else Known(row)
        self.app.push_screen(AddressDialog(replace(known, row=row), lambda: self._known, console.view))

    def act_who(self) -> None:
        """Tell who held the address under the cursor."""
        row = self.table.chosen()
        self._shown_in.acts.who("" if row is None else row.addr)

    def act_mark(self) -> None:
        """Mark the address under the cursor, or take its mark away."""
        self.table.act_mark()
        self._draw_panes()

    def act_mark_all(self) -> None:
        """Mark all that pass the filter, or take their marks away."""
        self.table.act_mark_all()
        self._draw_panes()

    async def act_order(self) -> None:
        """Choose by which column to order."""
        order = self.table.order
        heads = [Head(*head) for head in HEADS]
        column = await self.app.push_screen_wait(
            OrderDialog(heads, order.column, descending=order.descending, call=self.table.outside(self._shown_in.view))
        )
        if column is not None:
            self.table.put_in_order(column)

    async def act_revoke(self) -> None:
        """Withdraw the marked addresses, else the one under the cursor, for good; the plan comes first."""
        console, addrs = self._shown_in, self.table.meant()
        if not addrs:
            await console.acts.revoke()
            return
        request = PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=addrs)
        heading = f"Revoke {addrs[0]}" if len(addrs) == 1 else f"Revoke {figure.count(len(addrs))} marked addresses"
        applied = await self.app.push_screen_wait(
            PlanDialog(heading, request, console.source, console.model, console.door)
        )
        if applied is not None:
            self.table.clear_marks()
            self.following.wake()

    async def act_reset(self) -> None:
        """Make the marked addresses, else the one under the cursor, idle again in one mirror."""
        console, addrs = self._shown_in, self.table.meant()
        where = self._taken(addrs)
        if not where:
            verb = "is" if len(addrs) == 1 else "are"
            said = (
                f"{_named(addrs)} {verb} idle in every mirror: there is nothing to reset."
                if addrs
                else "There is no address under the cursor."
            )
            console.say("Reset", content(said), severity="warning")
            return
        dbname = await self._ask_reset(where, addrs)
        if dbname is None:
            return
        wanted = self._in(dbname, addrs)
        try:
            freed = await self._reset(dbname, wanted)
        except Refused as refusal:
            console.acts.refused(refusal, call.reset(console.door, dbname, wanted))
            return
        rest = len(wanted) - freed
        stay = (
            f" {figure.many(rest, 'lease has an owner and stays', 'leases have an owner and stay')}; {keyed('{revoke}')} revokes."
            if rest
            else ""
        )
        severity = "warning" if rest else "information"
        console.say(
            "Reset",
            content(f"{figure.many(freed, 'address is', 'addresses are')} idle in {dbname} again.{stay}"),
            severity=severity,
        )
        self.following.wake()

    async def _ask_reset(self, where: Counter[str], addrs: Sequence[str]) -> str | None:
        door = self._shown_in.door
        answers = [
            Answer(
                f"m{place}", f"Reset in {name}: {figure.count(count)}", call.reset(door, name, self._in(name, addrs))
            )
            for place, (name, count) in enumerate(where.items())
        ]
        text = content(
            f"Makes {_named(addrs)} idle again in one mirror, whatever it was there: a bad one is handed out again, and a "
            "lease without an owner ends. A lease with an owner stays; only its holder ends it."
        )
        answer = await self.app.push_screen_wait(Choice("Reset", text, answers))
        return list(where)[int(answer.removeprefix("m"))] if answer else None

    async def _reset(self, dbname: str, addrs: Sequence[str]) -> int:
        freed = 0
        for start in range(0, len(addrs), _AT_ONCE):
            reply = await self._shown_in.source.reset(dbname, tuple(addrs[start : start + _AT_ONCE]))
            freed += reply.reset_count
        return freed

    def _taken(self, addrs: Sequence[str]) -> Counter[str]:
        """Return in which mirrors how many of the addresses are leased or bad."""
        found: Counter[str] = Counter()
        stock = self.following.listing.stock
        for addr in addrs:
            slot = stock.find(number(addr))
            usage = None if slot is None else stock.usage[slot]
            if usage is not None:
                found.update(list(dict.fromkeys((*usage.leased_in, *usage.bad_in))))
        return found

    def _in(self, dbname: str, addrs: Sequence[str]) -> tuple[str, ...]:
        """Return those of the addresses that are leased or bad in a mirror."""
        return tuple(addr for addr in addrs if dbname in self._taken([addr]))


def _named(addrs: Sequence[str]) -> str:
    return addrs[0] if len(addrs) == 1 else f"{figure.count(len(addrs))} marked addresses"
