"""The console app: wires the source, the model, the screens and the acts together."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import aclosing, suppress
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.content import Content

from ipv6console.console import call
from ipv6console.console.act import Acts
from ipv6console.console.action import ACTIONS, Standing, action, for_key, obstacle
from ipv6console.console.model import SILENCE, Condition, Model
from ipv6console.console.palette import ActionProvider
from ipv6console.console.screens.page import BREAKPOINTS, Page
from ipv6console.console.source import Owner, Refused, Source
from ipv6console.console.tab import TABS
from ipv6console.console.widgets.chrome import Where
from ipv6console.console.widgets.pane import View
from ipv6console.wire.delta import DeltaGap
from ipv6console.wire.frame import StateFrame

TICK = 0.25
PATIENCE = 1.0
"""Seconds the engine has to say what it would lose by being stopped."""
_PROBE_AFTER = SILENCE * 0.6
_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


class ConsoleApp(App[str]):
    """The console. Returns "leave" when the engine it owns is to run on, else "stop" or None.

    `label` is LOCAL or ATTACHED with the place, `target` a Unix socket's path or a base URL; `clock` is monotonic
    seconds, `zone` the time zone of shown times (None is the local one).
    """

    TITLE = "ipv6console"
    DEFAULT_MODE = "overview"
    COMMANDS: ClassVar[set[Any]] = {ActionProvider}
    ENABLE_COMMAND_PALETTE = True
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, f"key('{key}')", show=False, priority=key in {"ctrl+c", "ctrl+q"})
        for key in dict.fromkeys(key for item in ACTIONS for key in (item.key, *item.aliases))
    ]

    def __init__(
        self,
        source: Source,
        *,
        label: str,
        target: str,
        read_only: bool = False,
        theme: str = "textual-dark",
        owner: Owner | None = None,
        clock: Callable[[], float] = time.monotonic,
        zone: tzinfo | None = None,
    ) -> None:
        super().__init__()
        for tab in TABS:
            self.add_mode(tab.mode, tab.load)
        self.source, self.label, self.owner = source, label, owner
        self.read_only, self.paused = read_only, False
        self.door = call.Door(target)
        self.model = Model(clock)
        self.acts = Acts(self)
        self._zone = zone
        self._drawn: tuple[object, ...] = ()
        self._told = -1.0
        self._probing = False
        self._drawing = False
        self._wanted_theme = theme
        self.animation_level = "none"
        self.HORIZONTAL_BREAKPOINTS = list(BREAKPOINTS)

    def wall(self, at: float) -> str:
        """Return a time in unix seconds as time of day."""
        return datetime.fromtimestamp(at, UTC).astimezone(self._zone).strftime("%H:%M:%S")

    def moment(self, at: float) -> str:
        """Return a time in unix seconds as date and time of day."""
        return datetime.fromtimestamp(at, UTC).astimezone(self._zone).strftime("%Y-%m-%d %H:%M:%S %Z")

    def on_mount(self) -> None:
        """Start reading, drawing, and minding signals."""
        if self._wanted_theme in self.available_themes:
            self.theme = self._wanted_theme
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError):  # not the main thread: somebody else minds the signals
            for number in _SIGNALS:
                loop.add_signal_handler(number, self.leave_quietly)
        self.run_worker(self._listen(), name="listen", exit_on_error=True)

    def on_page_shown(self) -> None:
        """Draw a page that has come to the front; from the first one on, go on drawing."""
        if not self._drawing:
            self._drawing = True
            self.set_interval(TICK, self.draw)
        self.redraw()

    async def on_unmount(self) -> None:
        """Let go of signals and connection."""
        loop = asyncio.get_running_loop()
        with suppress(ValueError, RuntimeError):
            for number in _SIGNALS:
                loop.remove_signal_handler(number)
        await self.source.close()

    async def _listen(self) -> None:
        async with aclosing(self.source.frames()) as frames:
            async for frame in frames:
                try:
                    self.model.take(frame)
                except DeltaGap:
                    await self._ask_state()

    async def _ask_state(self) -> None:
        self._probing = True
        try:
            async with asyncio.timeout(SILENCE):
                self.model.take(StateFrame(state=await self.source.state()))
        except (Refused, TimeoutError):
            self.model.version += 1
        finally:
            self._probing = False

    @property
    def page(self) -> Page:
        """The page that is shown, also while a dialog is over it."""
        return next(screen for screen in reversed(self.screen_stack) if isinstance(screen, Page))

    def show_page(self, mode: str) -> None:
        """Go to the page of a tab; from that very page, back to how it was opened."""
        if mode == self.current_mode:
            self.acts.back()
        else:
            self.switch_mode(mode)

    @property
    def standing(self) -> Standing:
        """What decides which acts are possible."""
        page = self.page
        return Standing(
            condition=self.model.condition, read_only=self.read_only, too_small=page.too_small, here=page.here
        )

    @property
    def view(self) -> View:
        """What panes draw from."""
        page = self.page
        return View(
            model=self.model, paused=self.paused, compact=page.has_class("-narrow"), wide=page.has_class("-wide"),
            wall=self.wall, moment=self.moment, source=self.source, door=self.door,
        )  # fmt: skip

    def draw(self) -> None:
        """Draw what changed since the last time; panes compare, so that nothing else is painted."""
        if not self.is_running:
            return
        model = self.model
        model.sample()
        if model.joined and model.silence > _PROBE_AFTER and not self._probing:
            self._probing = True
            self.run_worker(self._ask_state(), name="probe", exit_on_error=True)
        where = Where(
            label=self.label, place=self.door.target, read_only=self.read_only,
            paused=self.paused,
            notice=self.owner.failure if self.owner else None,
        )  # fmt: skip
        page = self.page
        moment = (where, self.paused, self.size, page, page.focused, model.condition)
        parts = (model.version, int(model.silence), *moment)
        fresh = parts != self._drawn
        if not fresh and round(model.silence, 1) == self._told:
            return
        self._drawn, self._told = parts, round(model.silence, 1)
        with self.batch_update():
            page.draw(self.view, where, self.standing, panes=fresh)

    def redraw(self) -> None:
        """Draw at once, whether or not anything seems changed."""
        self._drawn = ()
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
            self.notify(reason, title=f"{item.title}: not now", severity="warning", markup=False)
            return
        self.acts.do(item.id)

    def say(self, heading: str, text: Content, *, severity: Any = "information") -> None:
        """Show a toast."""
        self.notify(text.plain, title=heading, severity=severity, markup=False)

    def leave_quietly(self) -> None:
        """Leave without asking anybody but the engine: one with live leases, or that does not answer, runs on."""
        self.run_worker(self._leave_quietly(), name="leave", exit_on_error=True)

    async def _leave_quietly(self) -> None:
        self.exit("stop" if await self.leases_at_stake() == 0 else "leave")

    async def leases_at_stake(self) -> int | None:
        """Ask the engine how many leases its stop would end; None when it does not say so within PATIENCE.

        Nothing is at stake with somebody else's engine, with one that is given up, and in a lab, which ends anyway.
        """
        if self.owner is None or self.owner.failure is not None or self.in_lab:
            return 0
        try:
            async with asyncio.timeout(PATIENCE):
                state = await self.source.state()
        except (Refused, TimeoutError):
            return None
        self.model.take(StateFrame(state=state))
        return 0 if state.engine.lab is not None else state.pool.leased

    @property
    def in_lab(self) -> bool:
        """Whether the engine is a lab's: it ends with the lab, and the lab with its console."""
        return self.model.state is not None and self.model.state.engine.lab is not None

    def _fatal_error(self) -> None:
        """Leave; `start.run` says what happened once the terminal is restored, without the values of variables."""
        self._close_messages_no_wait()

    @property
    def failure(self) -> Exception | None:
        """What made the console stop, None when nothing did."""
        return self._exception


__all__ = ["Condition", "ConsoleApp"]
