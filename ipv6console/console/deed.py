"""What changes the engine, each with its question or its plan before it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from ipv6console.console import call, figure
from ipv6console.console.action import ACTIONS, action
from ipv6console.console.keyring import key_of, keyed
from ipv6console.console.screens.dialog import Answer, Choice, Reader
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.revoke import RevokeDialog
from ipv6console.console.screens.spawn import SpawnDialog
from ipv6console.console.source import Refused
from ipv6console.console.standing import obstacle
from ipv6console.console.tone import Tone, content
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.console.widgets.prefix import ENDED, PrefixPane
from ipv6console.console.widgets.prefixes import PrefixesPane
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.state import MirrorRow, PrefixRow, PrefixState

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class Deeds:
    """What one console does to the engine on the screen, and whether it may."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app

    def _work(self, act: Callable[[], Awaitable[None]], group: str = "act") -> None:
        self._app.run_worker(act(), group=group, exit_on_error=True)

    def spawn(self) -> None:
        """Ask how many, then spawn."""
        app = self._app
        app.push_screen(SpawnDialog(app.source, app.model, app.door))

    async def flush(self) -> None:
        """Choose a mirror or the pool, then plan and apply."""
        mirror = self._mirror()
        door, pool = self._app.door, PlanRequest(action=PlanAction.FLUSH_POOL)
        answers = []
        if mirror is not None:
            one = PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname=mirror.name)
            answers.append(Answer("mirror", f"Mirror {mirror.name}: forget its usage", call.planning(door, one)))
        total = self._app.model.state.pool.total if self._app.model.state else 0
        told = f"Whole pool: remove {'all ' if total > 1 else ''}{figure.many(total, 'address', 'addresses')}"
        answers.append(Answer("pool", told, call.planning(door, pool)))
        question = content("What to flush? The exact plan comes next; nothing happens before it is confirmed.")
        answer = await self._app.push_screen_wait(Choice("Flush", question, answers))
        if answer == "mirror" and mirror is not None:
            await self.plan(
                f"Flush mirror {mirror.name}", PlanRequest(action=PlanAction.FLUSH_MIRROR, dbname=mirror.name)
            )
        elif answer == "pool":
            await self.plan("Flush the whole pool", pool)

    async def revoke(self) -> None:
        """Ask what, then plan and apply."""
        rows = self._app.model.prefixes
        known = tuple(row.prefix for row in rows if row.state is not PrefixState.REVOKED)
        pane = self._app.page.focused_pane
        chosen = pane.chosen(self._app.view) if isinstance(pane, PrefixPane | PrefixesPane) else None
        request = await self._app.push_screen_wait(RevokeDialog(chosen.prefix if chosen else "", known, self._app.door))
        if request is not None:
            await self.plan("Revoke", request)

    async def plan(self, heading: str, request: PlanRequest) -> None:
        """Show the exact set of an act, and do it when that is confirmed."""
        app = self._app
        await app.push_screen_wait(PlanDialog(heading, request, app.source, app.model, app.door))

    async def drain(self) -> None:
        """Drain what is under the cursor, or take it up again."""
        app = self._app
        pane = app.page.focused_pane
        if not isinstance(pane, PrefixPane | PrefixesPane) and not app.page.query(MirrorsPane):
            pane = next((other for other in app.page.panes if isinstance(other, PrefixesPane)), pane)
        if isinstance(pane, PrefixPane | PrefixesPane):
            prefix = pane.chosen(app.view)
            if prefix is None:
                app.say("Drain", content("This host has no prefix to drain."), severity="warning")
            else:
                await self.drain_prefix(prefix)
            return
        mirror = self._mirror()
        if mirror is None:
            app.say(
                "Drain",
                content(keyed("There is no mirror under the cursor. {mirrors} has them all, {prefixes} the prefixes.")),
                severity="warning",
            )
            return
        await self._drain_mirror(mirror)

    async def _drain_mirror(self, mirror: MirrorRow) -> None:
        app, draining = self._app, not mirror.draining
        verb = "Drain" if draining else "Resume"
        text = (
            f"No address is handed out from {mirror.name} any more; {_ending(mirror.using)}."
            if draining
            else f"Addresses are handed out from {mirror.name} again."
        )
        act = call.drain_mirror(app.door, mirror.name, draining=draining)
        if (
            await app.push_screen_wait(Choice(f"{verb} mirror {mirror.name}", content(text), [Answer("go", verb, act)]))
            == "go"
        ):
            try:
                row = await app.source.drain_mirror(mirror.name, draining)
            except Refused as refusal:
                self.refused(refusal, act)
            else:
                app.say(verb, content(f"{row.name} is {'draining' if row.draining else 'handed out from again'}."))

    async def drain_prefix(self, prefix: PrefixRow) -> None:
        """Drain a prefix after a question, or take it up again."""
        app, draining = self._app, prefix.state is PrefixState.ACTIVE
        if prefix.state in ENDED:
            text = f"{prefix.prefix} is {prefix.state.value} already: there is nothing left of it to drain."
            app.say("Drain", content(text), severity="warning")
            return
        verb = "Drain" if draining else "Resume"
        text = (
            f"No address of {prefix.prefix} is handed out any more; {_ending(prefix.leased)}."
            if draining
            else f"Addresses of {prefix.prefix} are handed out again."
        )
        act = call.drain_prefix(app.door, prefix.prefix, draining=draining)
        answer = await app.push_screen_wait(
            Choice(f"{verb} prefix {prefix.prefix}", content(text), [Answer("go", verb, act)])
        )
        if answer == "go":
            try:
                row = await app.source.drain_prefix(prefix.prefix, draining)
            except Refused as refusal:
                self.refused(refusal, act)
            else:
                app.say(verb, content(f"{row.prefix} is {row.state.value}."))

    def refused(self, refusal: Refused, asked: call.Call) -> None:
        """Tell why the engine did not do what was asked, and how to ask the same outside the console."""
        told = content((f"✖ {refusal.detail}\n", Tone.FAIL), refusal.next)
        self._app.push_screen(Reader(refusal.title, lambda _: told, call=asked))

    def _mirror(self) -> MirrorRow | None:
        pane = next(iter(self._app.page.query(MirrorsPane)), None)
        return None if pane is None else pane.chosen(self._app.view)

    def drain_named(self, name: str) -> None:
        """Drain a mirror that need not be under the cursor, or take it up again; or say why not."""
        app, row = self._app, self._app.model.mirror(name)
        reason = obstacle(action("drain"), app.standing)
        if reason is None and row is None:
            reason = f"There is no mirror {name} any more."
        if reason is not None or row is None:
            app.say("Drain: not now", Content(reason or ""), severity="warning")
            return
        self._work(partial(self._drain_mirror, row))

    async def read_only(self) -> None:
        """Refuse acts at once; allow them again only after a question."""
        app = self._app
        keys = dict.fromkeys(key_of(item) for item in ACTIONS if item.acts)
        if not app.read_only:
            app.read_only = True
        elif await app.push_screen_wait(
            Choice(
                "Allow acts again?",
                content(f"The console is read-only. With acts allowed, {' '.join(keys)} act on the engine."),
                [Answer("go", "Allow acts", call.attach(app.door, read_only=False))],
                cancel="Stay read-only",
            )
        ):
            app.read_only = False
        app.redraw()


def _ending(leases: int) -> str:
    return figure.many(leases, "lease ends by itself", "leases end by themselves") if leases else "no lease is live"
