"""The console app: wires the source, the model, the screens and the acts together."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from textual import on
from textual.app import App
from textual.content import Content
from textual.screen import Screen

from ipv6console.console.action import action
from ipv6console.console.call import Door
from ipv6console.console.context import Context, Contexts, standing_of
from ipv6console.console.crew import Crew, provider
from ipv6console.console.dress import Dress, bindings
from ipv6console.console.keyring import Keys, for_key
from ipv6console.console.listener import Listener
from ipv6console.console.look import Look, Looks
from ipv6console.console.means import Means
from ipv6console.console.model import Condition, Model
from ipv6console.console.rewind import Rewinder
from ipv6console.console.screens.page import BREAKPOINTS, Page
from ipv6console.console.source import Owner, Source
from ipv6console.console.standing import Standing, obstacle
from ipv6console.console.tab import TABS
from ipv6console.console.terminal import Terminal, TerminalDriver, Vanished
from ipv6console.console.tone import Tone
from ipv6console.console.widgets.chrome import Where
from ipv6console.console.widgets.pane import View

TICK = 0.25
_KEEP_EVERY = 30.0


class ConsoleApp(Crew, App[str]):
    """The console. Returns "leave" when the engine it owns is to run on, else "stop" or None.

    `label` is LOCAL or ATTACHED with the place, `target` a Unix socket's path or a base URL; `clock` is monotonic
    seconds, `zone` the time zone of shown times (None is the local one). `look` is worn, `looks` renews it. `means` are what the console may use of the
    host it runs on; `minds_signals` is for the one console that has the terminal.
    """

    TITLE = "ipv6console"
    DEFAULT_MODE = "overview"
    COMMANDS: ClassVar[set[Any]] = {provider}
    ENABLE_COMMAND_PALETTE = True

    def __init__(
        self,
        source: Source,
        *,
        label: str,
        target: str,
        read_only: bool = False,
        look: Look | None = None,
        looks: Looks | None = None,
        owner: Owner | None = None,
        clock: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
        means: Means | None = None,
        minds_signals: bool = True,
    ) -> None:
        super().__init__(driver_class=TerminalDriver)
        self.clock, self.means = clock, means or Means()
        self.zone, self._minds_signals = zone, minds_signals
        first = Context(
            number=1, source=source, model=Model(clock), label=label, target=target, read_only=read_only, owner=owner,
            secrets=self.means.secrets,
        )  # fmt: skip
        self._others = self._bindings
        self.dress = Dress(self, look or Look(), looks)
        self.bind_keys(self.dress.look.keys)
        self._filters.append(self.dress.ascii)
        self.contexts = Contexts(first)
        self.listener = Listener(self)
        self._furnish(first)
        self._terminal = Terminal(self)
        self._drawn: tuple[object, ...] = ()
        self.drawing = self._rested = False
        self._last_page: Page | None = None
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = list(BREAKPOINTS)

    def wall(self, at: float) -> str:
        """Return a time in unix seconds as time of day."""
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone).strftime("%H:%M:%S")

    def moment(self, at: float) -> str:
        """Return a time in unix seconds as date and time of day."""
        return datetime.fromtimestamp(at, UTC).astimezone(self.zone).strftime("%Y-%m-%d %H:%M:%S %Z")

    def on_mount(self) -> None:
        """Start reading, drawing, and minding signals."""
        self.dress.put_on()
        if self._minds_signals:
            self._terminal.mind(self.leave_quietly)
        for context in self.contexts:
            if context.rewinder is None:
                self._furnish(context)
            self.listener.listen(context)
        if self.means.memory is not None:
            self.set_interval(_KEEP_EVERY, self.listener.keep_in_mind)

    @on(Vanished)
    def _leave_with_the_terminal(self) -> None:
        self.departure.quietly()

    def bind_keys(self, keys: Keys) -> None:
        """Let these keys do the actions of the registry, before whatever else they do in an app."""
        own = bindings(keys)
        for key, held in self._others.key_to_bindings.items():
            own.key_to_bindings.setdefault(key, held)
        self._bindings = own

    def on_page_shown(self) -> None:
        """Draw a page that has come to the front; from the first one on, go on drawing."""
        if not self.drawing:
            self.drawing = True
            self.set_interval(TICK, self.draw)
        self.redraw()

    async def on_unmount(self) -> None:
        """Let go of signals and connections, and keep in mind what was seen."""
        if self._minds_signals:
            self._terminal.let_go()
        self.listener.keep_in_mind()
        for context in self.contexts:
            await context.source.close()

    def _furnish(self, context: Context) -> None:
        """Give an engine its pages and its way back in time."""
        for tab in TABS:
            self.add_mode(context.mode(tab.mode), tab.load)
        context.rewinder = Rewinder(
            context.source, context.model, run=self._run_rewind, changed=self._moved, told=self.wall,
            say=lambda text: self.say("Rewind", Content(text), severity="warning"),
        )  # fmt: skip

    def _moved(self) -> None:
        """Show another moment; tables that stood still would show none but their own, also when it is live again."""
        if self.past is not None:
            self.paused = False
        self.redraw()

    def _run_rewind(self, chase: Coroutine[Any, Any, None]) -> None:
        self.run_worker(chase, name="rewind", group="rewind", exit_on_error=True)

    def push_screen(self, screen: Any, *args: Any, **options: Any) -> Any:
        """Push a screen; a dialog is told which engine it is about, since several may be open, and no toast hides it."""
        from ipv6console.console.screens.dialog import Dialog  # noqa: PLC0415 - the first one loads it

        if isinstance(screen, Dialog):
            self.clear_notifications()
            screen.place = f"{self.context.host} · {self.label}"
        return super().push_screen(screen, *args, **options)

    def open_engine(self, context: Context) -> None:
        """Open another engine and show it."""
        self.contexts.add(context)
        self._furnish(context)
        self.listener.listen(context)
        self.show_engine(context)

    def show_engine(self, context: Context) -> None:
        """Put an engine on the screen, on the page that it was left at; the one left is live again."""
        left = self.contexts.shown
        if context is left:
            return
        if left.rewinder is not None:
            left.rewinder.leave()
        left.tab = self.page.mode
        self.contexts.show(context)
        self.switch_mode(context.mode(context.tab))

    async def close_engine(self, context: Context) -> None:
        """Let go of an engine that is not on the screen; it runs on."""
        if context not in self.contexts:
            return  # the key was pressed twice
        self.contexts.drop(context)
        for tab in TABS:  # at first: the next engine that is opened may get the same number
            await self.remove_mode(context.mode(tab.mode))
        await self.listener.leave(context)

    @property
    def context(self) -> Context:
        """The engine on the screen."""
        return self.contexts.shown

    @property
    def past(self) -> Rewinder | None:
        """The way back in time, while something of the past is on the screen."""
        rewinder = self.context.rewinder
        return rewinder if rewinder is not None and rewinder.model is not None else None

    @property
    def model(self) -> Model:
        """What is known, or was at the moment that is shown."""
        past = self.past
        return past.model if past is not None and past.model is not None else self.context.model

    @property
    def source(self) -> Source:
        """Where to ask for more, and to act; while the past is shown it refuses both."""
        past = self.past
        return past.source if past is not None and past.source is not None else self.context.source

    @property
    def label(self) -> str:
        """LOCAL or ATTACHED."""
        return self.context.label

    @property
    def door(self) -> Door:
        """How the engine on the screen is named outside."""
        return self.context.door

    @property
    def owner(self) -> Owner | None:
        """The engine child, when this console started the engine on the screen."""
        return self.context.owner

    @property
    def read_only(self) -> bool:
        """Whether acts on the engine on the screen are refused."""
        return self.context.read_only

    @read_only.setter
    def read_only(self, refused: bool) -> None:
        self.context.read_only = refused
        self.context.source.introduce(read_only=refused)

    @property
    def paused(self) -> bool:
        """Whether the tables stand still."""
        return self.context.paused

    @paused.setter
    def paused(self, still: bool) -> None:
        self.context.paused = still

    @property
    def page(self) -> Page:
        """The page that is shown, also while a dialog is over it; the last one while the app takes its screens down."""
        found = next((screen for screen in reversed(self.screen_stack) if isinstance(screen, Page)), self._last_page)
        if found is None:
            raise LookupError("no page was shown yet")
        self._last_page = found
        return found

    def show_page(self, mode: str) -> None:
        """Go to the page of a tab; from that very page, back to how it was opened, but not out of the past."""
        mode = self.context.mode(mode)
        if mode != self.current_mode:
            self.switch_mode(mode)
        elif self.past is None:
            self.acts.back()

    @property
    def standing(self) -> Standing:
        """What decides which acts are possible."""
        page = self.page
        return Standing(
            condition=self.context.model.condition, read_only=self.read_only, too_small=page.too_small, here=page.here,
            past=self.past is not None, drains=page.drains,
            notifiers=self.model.state.engine.notifiers if self.model.state else 0,
        )  # fmt: skip

    @property
    def view(self) -> View:
        """What panes draw from."""
        page = self.page
        return View(
            model=self.model, paused=self.paused, compact=page.has_class("-narrow"), wide=page.has_class("-wide"),
            wall=self.wall, moment=self.moment, source=self.source, door=self.door, past=self.past is not None,
        )  # fmt: skip

    def draw(self) -> None:
        """Draw what changed since the last time; panes compare, so that nothing else is painted."""
        if not self.is_running or not self.page.is_mounted:
            return
        self.listener.tick()
        model, past = self.context.model, self.past
        where = Where(
            label=self.label, place=self.door.target, read_only=self.read_only,
            paused=self.paused, number=self.context.number if len(self.contexts) > 1 else None,
            notice=self.owner.failure if self.owner else None,
            past=None if past is None else past.moment, wall=self.wall,
            live=("", Tone.PLAIN) if past is None else standing_of(self.context)[0],
        )  # fmt: skip
        page = self.page
        moment = (where, self.paused, self.size, page, page.focused, model.condition)
        # While data comes in, one clock is enough: a second one out of step would draw everything twice a second.
        second = int(model.now) if model.condition is Condition.LIVE else int(model.silence)
        parts = (model.version, second, id(self.model), *moment)
        if parts == self._drawn:
            self._rested = True
            return
        if not self._rested and parts[1:] == self._drawn[1:]:
            self._rested = True  # news after news waits one tick: twice a second is what eyes follow
            return
        self._drawn, self._rested = parts, False
        with self.batch_update():
            page.draw(self.view, where, self.standing)

    def on_table_pane_refiltered(self) -> None:
        """Draw what passes the filter now."""
        self._drawn = ()
        self.draw()

    def redraw(self) -> None:
        """Draw at once, whether or not anything seems changed."""
        self._drawn = ()
        self.page.forget()
        self.draw()

    def action_key(self, key: str) -> None:
        """Do what `key` is for where the focus is."""
        item = for_key(key, self.page.here)
        if item is not None:
            self.action_act(item.id)

    def action_act(self, action_id: str) -> None:
        """Do an action of the registry, or say why not."""
        item = action(action_id)
        if self.screen.is_modal and item.id != "quit":
            return
        reason = obstacle(item, self.standing)
        if reason is not None:
            self.say(f"{item.title}: not now", Content(reason), severity="warning")
            return
        self.acts.do(item.id)

    def say(self, heading: str, text: Content, *, severity: Any = "information") -> None:
        """Show a toast in place of the one of this heading: more of the same would only hide the screen."""
        for toast in list(self._notifications):
            if toast.title == heading:
                self._unnotify(toast, refresh=False)
        self.notify(text.plain, title=heading, severity=severity, markup=False)

    def _load_screen_css(self, screen: Screen[Any]) -> None:
        """Take a page's stylesheet as what it is, the newest: Textual would read all of them a second time."""
        super()._load_screen_css(screen)
        screen._css_update_count = self._css_update_count  # noqa: SLF001 - there is no public way

    def _fatal_error(self) -> None:
        """Leave; `start.run` says what happened once the terminal is restored, without the values of variables."""
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """What made the console stop, None when nothing did."""
        return self._exception


__all__ = ["Condition", "ConsoleApp"]
