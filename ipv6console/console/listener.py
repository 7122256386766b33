"""Listening to every engine that is open: its frames, its silence, its greeting, and what was seen of it at last."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from textual.content import Content

from ipv6console.console.context import Context
from ipv6console.console.model import SILENCE
from ipv6console.console.seen import Unremembered
from ipv6console.console.source import Refused
from ipv6console.wire.delta import DeltaGap
from ipv6console.wire.frame import StateFrame

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

_PROBE_AFTER = SILENCE * 0.6


class Listener:
    """Takes into each engine's model what the engine tells, for as long as it is open."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._forgetful = False

    def listen(self, context: Context) -> None:
        """Go on reading what an engine tells."""
        self._app.run_worker(self._listen(context), name="listen", group=_group(context), exit_on_error=True)

    async def leave(self, context: Context) -> None:
        """Read no more of an engine, and let its connection go."""
        self._keep(context)
        self._app.workers.cancel_group(self._app, _group(context))
        await context.source.close()

    async def _listen(self, context: Context) -> None:
        app = self._app
        async with aclosing(context.source.frames()) as frames:
            async for frame in frames:
                try:
                    context.model.take(frame)
                except DeltaGap:
                    await self._ask_state(context)
                if isinstance(frame, StateFrame) and not context.welcomed:
                    context.welcomed = True
                    if app.drawing:
                        app.draw()  # the next tick would be up to a quarter of a second away
                    app.call_after_refresh(self._settle, context)

    def _settle(self, context: Context) -> None:
        """Load what keys need before one is pressed, and greet, now that the engine is on the screen."""
        app = self._app
        app.run_worker(app.get_ready(lambda: app.desk.welcome(context)), name="settle", exit_on_error=True)

    async def _ask_state(self, context: Context) -> None:
        context.probing = True
        try:
            async with asyncio.timeout(SILENCE):
                context.model.take(StateFrame(state=await context.source.state()))
        except (Refused, TimeoutError):
            context.model.version += 1
        finally:
            context.probing = False

    def tick(self) -> None:
        """Note the rates of all engines, and ask those that have been silent whether they still answer."""
        for context in self._app.contexts:
            live = context.model
            live.sample()
            if live.joined and live.silence > _PROBE_AFTER and not context.probing:
                context.probing = True
                self._app.run_worker(self._ask_state(context), name="probe", exit_on_error=True)

    def keep_in_mind(self) -> None:
        """Remember of all engines what was seen."""
        for context in self._app.contexts:
            self._keep(context)

    def _keep(self, context: Context) -> None:
        memory = self._app.means.memory
        if memory is None or not context.welcomed:
            return
        from ipv6console.console.recall import keep_in_mind  # noqa: PLC0415 - not for the first picture

        try:
            keep_in_mind(memory, context.model)
        except Unremembered as error:
            if not self._forgetful:
                self._forgetful = True
                told = Content(f"{error}, so it is not known next time.")
                self._app.say("Since you last looked", told, severity="warning")


def _group(context: Context) -> str:
    return f"listen-{context.number}"
