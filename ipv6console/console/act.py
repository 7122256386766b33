"""What the actions of the registry do."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Offset

from ipv6console.console import call, figure, lookup
from ipv6console.console.action import action
from ipv6console.console.detail import facts
from ipv6console.console.keyring import key_name
from ipv6console.console.layout import hang, sheet
from ipv6console.console.model import Condition
from ipv6console.console.screens import help as help_page
from ipv6console.console.screens.dialog import Answer, Choice, Reader
from ipv6console.console.screens.doctor import DoctorDialog
from ipv6console.console.screens.letters import Letters
from ipv6console.console.screens.mirror import MirrorDialog
from ipv6console.console.screens.plan import PlanDialog
from ipv6console.console.screens.revoke import RevokeDialog
from ipv6console.console.screens.spawn import SpawnDialog
from ipv6console.console.screens.who import WhoDialog
from ipv6console.console.source import Refused
from ipv6console.console.standing import obstacle
from ipv6console.console.tab import TABS
from ipv6console.console.tone import Tone, content, verdict
from ipv6console.console.trouble import Trouble, troubles
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.console.widgets.prefix import PrefixPane
from ipv6console.wire.plan import PlanAction, PlanRequest
from ipv6console.wire.state import MirrorRow, PrefixRow, PrefixState
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class Acts:
    """The acts of one console, by the ids of the registry."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._do: dict[str, Callable[[], None]] = {
            "spawn": self.spawn,
            "flush": lambda: self._work(self.flush),
            "revoke": lambda: self._work(self.revoke),
            "drain": lambda: self._work(self.drain),
            "filter": self.filter,
            "why": self.why,
            "who": self.who,
            "troubles": self.troubles,
            "open": self.open,
            "zoom": self.zoom,
            "copy": self.copy,
            "pause": self.pause,
            "read_only": lambda: self._work(self.read_only),
            "engine": self.engine,
            "again": self.again,
            **{tab.mode: partial(app.show_page, tab.mode) for tab in TABS},
            **app.desk.acts,
            "jump": lambda: self._work(self.jump),
            "theme": app.dress.next_theme,
            "palette": app.action_command_palette,
            "help": self.help,
            "back": self.back,
            "quit": lambda: self._work(app.departure.ask, "quit"),
        }

    def do(self, action_id: str) -> None:
        """Do one action, by preference as the focused pane or the page does it; raises KeyError for an unknown id."""
        own = self._app.page.own_act(action_id)
        if own is None:
            self._do[action_id]()
        elif iscoroutinefunction(own):
            self._work(own)
        else:
            own()

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
        told = f"Whole pool: remove all {figure.count(total)} addresses"
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
        chosen = pane.chosen(self._app.view) if isinstance(pane, PrefixPane) else None
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
        if isinstance(pane, PrefixPane):
            prefix = pane.chosen(app.view)
            if prefix is not None:
                await self.drain_prefix(prefix)
            return
        mirror = self._mirror()
        if mirror is None:
            app.say(
                "Drain",
                content("There is no mirror under the cursor. Go to a row of Mirrors first."),
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

    def who(self, addr: str = "") -> None:
        """Ask who held an address."""
        app = self._app
        past = app.past is not None
        app.push_screen(WhoDialog(app.source, app.door, app.moment, lambda: app.model.now, addr, past=past))

    def filter(self) -> None:
        """Open the filter of the table in focus."""
        pane = self._app.page.filter_pane()
        if pane is not None:
            pane.ask_filter()

    def why(self, prefix: str | None = None) -> None:
        """Run the doctor for `prefix`, else for the one in use."""
        app = self._app
        used = app.model.prefix
        if app.model.condition is not Condition.LIVE:
            self.troubles()
            return
        app.push_screen(DoctorDialog(app.source, prefix or (used.prefix if used else None), app.door))

    def troubles(self) -> None:
        """List what is not well."""
        model = self._app.model
        found = troubles(model.state) if model.state else ()
        copied = next((item.fix for item in found if item.fix), None)
        self._app.push_screen(
            Reader(
                "What is not well, and what mends it",
                self._troubles_told,
                copied=copied,
                copied_as="the first fix",
                call=lookup.health(self._app.door),
            )
        )

    def _troubles_told(self, width: int) -> Content:
        model = self._app.model
        stale = model.condition is not Condition.LIVE
        parts: list[Content] = []
        if model.loss is not None:
            lost = Trouble(Level.FAIL, "connection", model.loss.text, model.loss.next, "f", "Troubles")
            parts.append(_trouble(lost, width, stale=False))
        parts += [_trouble(item, width, stale=stale) for item in (troubles(model.state) if model.state else ())]
        if not parts and model.state is None:
            return content(("⟳ nothing is known yet", Tone.BUSY))
        return Content("\n\n").join(parts) if parts else content(("● all well, nothing needs you", Tone.OK))

    def open(self) -> None:
        """Show everything known of what the cursor is on."""
        pane = self._app.page.focused_pane
        subject = pane.subject(self._app.view) if pane is not None else None
        if pane is None or subject is None:
            self._app.say("Detail", content("There is nothing under the cursor to open."), severity="warning")
            return
        mirror = pane.chosen(self._app.view) if isinstance(pane, MirrorsPane) else None
        if mirror is not None:
            app = self._app
            app.push_screen(MirrorDialog(mirror, app.source, app.model, app.door, self.drain_named))
            return
        heading, lines = subject
        self._app.push_screen(
            Reader(
                heading, partial(sheet, lines), copied=pane.copied(self._app.view), call=pane.outside(self._app.view)
            )
        )

    def zoom(self) -> None:
        """Give the focused pane the whole screen, or give it back."""
        if len(self._app.page.panes) == 1 and not self._app.page.zoomed:
            self._app.say("Zoom", content("There is only this pane here: it has the whole screen already."))
            return
        self._app.page.toggle_zoom()
        self._app.redraw()

    async def jump(self) -> None:
        """Go to the pane whose letter is pressed."""
        panes = self._app.page.panes
        places = [(Offset(pane.region.x + 1, pane.region.y), f"{pane.topic:<{pane.title_width}}") for pane in panes]
        chosen = await self._app.push_screen_wait(Letters(places))
        if chosen is not None and panes[chosen].is_attached:
            panes[chosen].target.focus()

    def copy(self) -> None:
        """Copy what is under the cursor."""
        pane = self._app.page.focused_pane
        text = pane.copied(self._app.view) if pane is not None else None
        if not text:
            self._app.say("Copy", content("There is nothing under the cursor to copy."), severity="warning")
            return
        self._app.copy_to_clipboard(text)
        self._app.say(
            "Copied", content(f"{text}\nSent to the terminal's clipboard. If it stays empty, select it with the mouse.")
        )

    def pause(self) -> None:
        """Freeze the tables, or let them go on."""
        self._app.paused = not self._app.paused
        self._app.redraw()

    async def read_only(self) -> None:
        """Refuse acts at once; allow them again only after a question."""
        app = self._app
        if not app.read_only:
            app.read_only = True
        elif await app.push_screen_wait(
            Choice(
                "Allow acts again?",
                content("The console is read-only. With acts allowed, s F X D change the engine."),
                [Answer("go", "Allow acts", call.attach(app.door, read_only=False))],
                cancel="Stay read-only",
            )
        ):
            app.read_only = False
        app.redraw()

    def engine(self) -> None:
        """Show the engine and its store."""
        state = self._app.model.state
        if state is None:
            self.troubles()
            return
        now = self._app.model.now
        lines = [("engine at", self._app.door.target), *facts(state.engine, now), ("", ""), *facts(state.store, now)]
        self._app.push_screen(
            Reader(
                "Engine and store",
                partial(sheet, lines),
                copied=self._app.door.target,
                copied_as="its place",
                call=lookup.state(self._app.door),
            )
        )

    def again(self) -> None:
        """Say that nothing is asked for here; screens that ask for something have an act of their own."""
        self._app.say("Again", content("All of this screen comes by itself, as the engine tells it."))

    def help(self) -> None:
        """Explain the focused pane and list the keys."""
        app = self._app
        app.push_screen(
            Reader(
                "Help",
                partial(help_page.page, app.page.focused_pane, app.standing),
                wide=True,
                call=lookup.manual(app.door),
            )
        )

    def back(self) -> None:
        """Leave the past, else the filter, else the zoom, else a page that was opened over another one; toasts go."""
        app, page = self._app, self._app.page
        app.clear_notifications()
        if app.past is not None:
            app.past.leave()
            return
        pane = page.filter_pane()
        if pane is not None and pane.drop_filter():
            pane.target.focus()
        elif page.zoomed:
            page.toggle_zoom()
        elif len(app.screen_stack) > 1:
            app.pop_screen()
            return
        app.redraw()


_STEP = 11


def _ending(leases: int) -> str:
    return figure.many(leases, "lease ends by itself", "leases end by themselves")


def _trouble(item: Trouble, width: int, *, stale: bool) -> Content:
    step, helps = ("fix", item.fix) if item.fix else ("key", f"{key_name(item.key)} {item.title}")
    return Content("\n").join([
        hang(content(verdict(item.level, stale=stale)), content((item.subject, Tone.STRONG)), _STEP, width),
        hang(Content(""), Content(item.text), _STEP, width),
        hang(content((step, Tone.KEY)), content((helps, Tone.STRONG)), _STEP, width),
    ])  # fmt: skip
