"""The mirrors: all of them in a table, and what is inside the one under the cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Container

from ipv6console.console import call, figure
from ipv6console.console.action import Scope
from ipv6console.console.keyring import keyed
from ipv6console.console.model import Condition
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.screens.order import Head, OrderDialog
from ipv6console.console.screens.page import Page
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.source import Refused, Source
from ipv6console.console.standing import Standing
from ipv6console.console.tone import content
from ipv6console.console.widgets.burning import HEADS, BurningPane
from ipv6console.console.widgets.chrome import Where
from ipv6console.console.widgets.holding import Inside, LeasesPane, OwnPane, TargetsPane
from ipv6console.console.widgets.pane import Pane, View
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.reply import ResetReply

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

T = TypeVar("T")
_STILL, _EACH = 0.15, 2.0
"""Seconds the cursor has to stand still before its mirror is asked about, and between two answers."""
_LEASES, _TARGETS = 1_000, 100


class MirrorsScreen(Page):
    """Asks about the mirror under the cursor while it is in front; Enter goes into it, Esc comes back."""

    CSS_PATH: ClassVar[list[str]] = ["page.tcss", "mirrors.tcss"]
    mode = "mirrors"
    scopes = frozenset({Scope.MIRRORS})
    drains = True

    def __init__(self) -> None:
        super().__init__()
        self._inside: Inside | None = None
        self._source: Source | None = None

    def inside(self) -> ComposeResult:
        """The table, and below it what is inside."""
        yield BurningPane(id="tasks")
        with Container(id="within"):
            yield LeasesPane(id="leases", inside=lambda: self._inside)
            with Container(id="beside"):
                yield TargetsPane(id="targets", inside=lambda: self._inside)
                yield OwnPane(id="own", inside=lambda: self._inside)

    @property
    def _shown_in(self) -> ConsoleApp:
        return cast("ConsoleApp", self.app)

    @property
    def tasks(self) -> BurningPane:
        """The table."""
        return self.query_one(BurningPane)

    @property
    def known(self) -> Inside | None:
        """What was answered about the mirror chosen."""
        return self._inside

    @property
    def home(self) -> Pane:
        """The table, or the leases once inside."""
        return self.query_one(LeasesPane) if self.within else self.tasks

    @property
    def within(self) -> bool:
        """Whether one mirror has the screen."""
        return self.has_class("-within")

    def draw(self, view: View, where: Where, standing: Standing) -> None:
        """Show what is known, and ask about the mirror that is chosen now."""
        super().draw(view, where, standing)
        self._choose(view)

    def _choose(self, view: View) -> None:
        row = self.tasks.chosen(view)
        name = None if row is None else row.name
        if name != (None if self._inside is None else self._inside.name) or view.source is not self._source:
            self._source = view.source
            self._inside = None if name is None else Inside(name=name)
            if name is not None:
                self.run_worker(self._follow(name), group="inside", exclusive=True, exit_on_error=True)
            self._draw_within(view)

    async def _follow(self, name: str) -> None:
        """Ask about one mirror again and again, for as long as it is the one and the page is in front.

        What was inside it in the past nobody knows: that is asked once, and the refusal is what is shown.
        """
        await asyncio.sleep(_STILL)
        while True:
            console = self._shown_in
            engine = console.context
            source, front = console.source, console.page is self
            if front and engine.model.condition is Condition.LIVE and not (console.paused and self._asked(name)):
                leases, targets, own = await asyncio.gather(
                    _answer(source.lease_page(name, None, _LEASES)),
                    _answer(source.targets(name, _TARGETS)),
                    _answer(source.mirror_settings(name)),
                )
                if self._inside is not None and self._inside.name == name and source is self._source:
                    self._inside = Inside(name=name, at=engine.model.now, leases=leases, targets=targets, settings=own)
                    self._draw_within(console.view)
                if console.past is not None:
                    return
            await asyncio.sleep(_EACH)

    def _asked(self, name: str) -> bool:
        return self._inside is not None and self._inside.name == name and self._inside.at is not None

    def ask_again(self) -> None:
        """Ask at once, after an act."""
        if self._inside is not None:
            self.run_worker(self._follow(self._inside.name), group="inside", exclusive=True, exit_on_error=True)

    def _draw_within(self, view: View) -> None:
        if self._shown_in.page is self and not self.too_small:
            with self.app.batch_update():
                for pane in self.panes:
                    if not isinstance(pane, BurningPane):
                        pane.draw(view)

    def on_grid_moved(self) -> None:
        """Show what is inside another mirror."""
        self._choose(self._shown_in.view)

    def act_open(self) -> None:
        """Go into the mirror; inside, show all of what is under the cursor."""
        console, pane = self._shown_in, self.focused_pane
        if pane is None or pane is self.tasks:
            self._enter()
        elif isinstance(pane, LeasesPane):
            row = pane.chosen()
            console.acts.who("" if row is None else row.addr)
        else:
            console.acts.open()

    def _enter(self) -> None:
        row = self.tasks.chosen(self._shown_in.view)
        if row is None:
            self._shown_in.say("Mirror", content("There is no mirror under the cursor to go into."), severity="warning")
            return
        self.tasks.pinned = row.name
        self.add_class("-within")
        self.query_one(LeasesPane).target.focus()
        self._shown_in.redraw()

    def act_back(self) -> None:
        """Leave the filter or the zoom, else the mirror."""
        pane = self.filter_pane()
        if not self.within or self.zoomed or (pane is not None and pane.has_class("-filtering")):
            self._shown_in.acts.back()
            return
        self.tasks.pinned = None
        self.remove_class("-within")
        self.tasks.target.focus()
        self._shown_in.redraw()

    def reveal(self, name: str) -> None:
        """Put the cursor on a mirror, among all of them."""
        tasks = self.tasks
        self.remove_class("-within")
        if self.zoomed:
            self.toggle_zoom()
        tasks.pinned = None
        tasks.drop_filter()
        tasks.target.focus()
        self._shown_in.redraw()
        places = [place for place, row in enumerate(tasks.grid.rows) if row.key == name]
        tasks.grid.move_to(places[0] if places else 0)

    async def act_order_mirrors(self) -> None:
        """Choose by which column to order the mirrors."""
        tasks = self.tasks
        heads = [Head(*head) for head in HEADS]
        column = await self.app.push_screen_wait(
            OrderDialog(heads, tasks.column, descending=tasks.descending, call=tasks.outside(self._shown_in.view))
        )
        if column is not None:
            tasks.put_in_order(column)
            self._shown_in.redraw()

    async def act_revoke(self) -> None:
        """In the leases withdraw the address under the cursor; elsewhere ask what."""
        console, pane = self._shown_in, self.focused_pane
        row = pane.chosen() if isinstance(pane, LeasesPane) else None
        if row is None:
            await console.acts.revoke()
            return
        request = PlanRequest(action=PlanAction.REVOKE_ADDRESSES, addrs=(row.addr,))
        await self.app.push_screen_wait(
            PlanDialog(f"Revoke {row.addr}", request, console.source, console.model, console.door)
        )
        self.ask_again()

    async def act_release(self) -> None:
        """In the leases end the one under the cursor when it has no owner; elsewhere make the whole mirror idle."""
        console, pane = self._shown_in, self.focused_pane
        mirror = self.tasks.chosen(console.view)
        if mirror is None:
            console.say("Reset", content("There is no mirror under the cursor."), severity="warning")
            return
        lease = pane.chosen() if isinstance(pane, LeasesPane) else None
        if lease is not None:
            text = (
                f"Makes {lease.addr} idle again in {mirror.name}: its lease, held by {lease.holder}, ends now unless it has an "
                f"owner. A lease with an owner stays; only its holder ends it, or {keyed('{revoke}')} withdraws the address."
            )
            made = call.reset(console.door, mirror.name, (lease.addr,))
        else:
            ends = (
                f"and {figure.many(mirror.using, 'live lease ends if it has', 'live leases end, but for those that have')} "
                f"{'no owner' if mirror.using == 1 else 'an owner'}"
                if mirror.using
                else "and no lease is live"
            )
            early = (
                f"{figure.many(mirror.bad, 'bad one is', 'bad ones are')} handed out again before "
                f"{'its' if mirror.bad == 1 else 'their'} cool-down is over"
                if mirror.bad
                else "none is bad"
            )
            text = f"Makes every address of {mirror.name} idle again: {early}, {ends}."
            made = call.reset_all(console.door, mirror.name)
        heading = f"Reset mirror {mirror.name}" if lease is None else f"Reset {lease.addr}"
        answer = await self.app.push_screen_wait(
            Choice(heading, content(text), [Answer("go", "Reset", made)], grave=lease is None)
        )
        if answer != "go":
            return
        source = console.source
        done = source.reset_all(mirror.name) if lease is None else source.reset(mirror.name, (lease.addr,))
        await self._tell(done, mirror.name, made, owned=lease is not None)
        self.ask_again()

    async def _tell(self, done: Awaitable[ResetReply], name: str, made: call.Call, *, owned: bool) -> None:
        try:
            reply = await done
        except Refused as refusal:
            self._shown_in.acts.refused(refusal, made)
            return
        if owned and not reply.reset_count:
            why = "Nothing was changed: the lease has an owner, or is over. Only its holder ends it; "
            said = f"{why}{keyed('{revoke}')} withdraws the address."
            self._shown_in.say("Reset", content(said), severity="warning")
            return
        count = figure.many(reply.reset_count, "address is", "addresses are")
        self._shown_in.say("Reset", content(f"{count} idle in {name} again."))


async def _answer(asked: Awaitable[T]) -> T | Refused:
    try:
        return await asked
    except Refused as refusal:
        return refusal
