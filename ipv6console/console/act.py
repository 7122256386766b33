"""What the actions of the registry do."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING

from textual.content import Content
from textual.geometry import Offset

from ipv6console.console import figure, lookup
from ipv6console.console.deed import Deeds
from ipv6console.console.detail import facts
from ipv6console.console.keyring import key_name
from ipv6console.console.layout import hang, sheet
from ipv6console.console.model import Condition
from ipv6console.console.screens import help as help_page
from ipv6console.console.screens.detail import DetailDialog
from ipv6console.console.screens.dialog import Reader
from ipv6console.console.screens.doctor import DoctorDialog
from ipv6console.console.screens.letters import Letters
from ipv6console.console.screens.mirror import MirrorDialog
from ipv6console.console.screens.who import WhoDialog
from ipv6console.console.tab import TABS
from ipv6console.console.tone import Span, Tone, content, verdict
from ipv6console.console.trouble import Trouble, troubles
from ipv6console.console.widgets.mirrors import MirrorsPane
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp


class Acts(Deeds):
    """The acts of one console, by the ids of the registry."""

    def __init__(self, app: ConsoleApp) -> None:
        super().__init__(app)
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
        app.push_screen(DoctorDialog(app.source, app.model, prefix or (used.prefix if used else None), app.door))

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
        self._app.push_screen(DetailDialog(pane, subject, lambda: self._app.view))

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
            "Copied",
            content(f"{_begun(text)}\nSent to the terminal's clipboard. If it stays empty, select it with the mouse."),
        )

    def pause(self) -> None:
        """Freeze the tables, or let them go on."""
        self._app.paused = not self._app.paused
        self._app.redraw()

    def engine(self) -> None:
        """Show the engine and its store."""
        if self._app.model.state is None:
            self.troubles()
            return
        self._app.push_screen(
            Reader(
                "Engine and store",
                self._engine_told,
                copied=self._app.door.target,
                copied_as="its place",
                call=lookup.state(self._app.door),
            )
        )

    def _engine_told(self, width: int) -> Content:
        model = self._app.model
        if model.state is None:
            return Content("")
        stale = model.condition is Condition.STALE
        head: Span = (
            f"◌ stale {figure.whole_age(model.silence)}: the engine told this last\n\n" if stale else "",
            Tone.WARN,
        )
        missed = figure.many(model.missed, "change", "changes") + " that came too fast; all was asked for again"
        place = [("engine at", self._app.door.target), ("missed", missed if model.missed else "nothing")]
        engine, store = facts(model.state.engine, model.now), facts(model.state.store, model.now)
        return content(head) + sheet([*place, *engine, ("", ""), *store], width)

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
_TOLD_LINES, _TOLD_MOST = 3, 200
"""How much of what was copied a toast repeats: it lies over the screen."""


def _begun(text: str) -> str:
    lines = text.splitlines()
    told = "\n".join(line[:_TOLD_MOST] for line in lines[:_TOLD_LINES])
    if len(lines) > _TOLD_LINES:
        return f"{told}\n… {len(lines):,} lines"
    return told if max(map(len, lines)) <= _TOLD_MOST else f"{told} … {len(text):,} characters"


def _trouble(item: Trouble, width: int, *, stale: bool) -> Content:
    step, helps = ("fix", item.fix) if item.fix else ("key", f"{key_name(item.key)} {item.title}")
    return Content("\n").join([
        hang(content(verdict(item.level, stale=stale)), content((item.subject, Tone.STRONG)), _STEP, width),
        hang(Content(""), Content(item.text), _STEP, width),
        hang(content((step, Tone.KEY)), content((helps, Tone.STRONG)), _STEP, width),
    ])  # fmt: skip
