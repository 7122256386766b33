"""Leaving the console: what becomes of the engine it owns, and the question about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from textual.content import Content

from ipv6console.console import call, figure
from ipv6console.console.context import Context
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.source import Refused
from ipv6console.console.tone import content
from ipv6console.wire.frame import StateFrame

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

PATIENCE = 1.0
"""Seconds the engine has to say what it would lose by being stopped."""

_QUESTION = "quit-question"


class Departure:
    """The ways out of one console."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app

    @property
    def own(self) -> Context | None:
        """The engine this console was started for, which it may own; it can be closed only when it owns it not."""
        return self._app.contexts.numbered(1)

    @property
    def in_lab(self) -> bool:
        """Whether the engine is a lab's: it ends with the lab, and the lab with its console."""
        own = self.own
        return own is not None and own.model.state is not None and own.model.state.engine.lab is not None

    async def at_stake(self) -> int | None:
        """Ask the engine how many leases its stop would end; None when it does not say so within PATIENCE.

        Nothing is at stake with somebody else's engine, with one that is given up, and in a lab, which ends anyway.
        """
        own = self.own
        if own is None or own.owner is None or own.owner.failure is not None or self.in_lab:
            return 0
        try:
            async with asyncio.timeout(PATIENCE):
                state = await own.source.state()
        except (Refused, TimeoutError):
            return None
        own.model.take(StateFrame(state=state))
        return 0 if state.engine.lab is not None else state.pool.leased

    def quietly(self) -> None:
        """Leave without asking anybody but the engine: one with live leases, or that does not answer, runs on."""
        self._app.run_worker(self._quietly(), name="leave", exit_on_error=True)

    async def _quietly(self) -> None:
        self._app.exit("stop" if await self.at_stake() == 0 else "leave")

    async def ask(self) -> None:
        """Leave; with an own engine and live leases ask, and by default leave the engine running."""
        app = self._app
        if app.screen.id == _QUESTION:
            app.exit("leave")
            return
        leased = await self.at_stake()
        if leased == 0:
            app.exit("stop")
            return
        question = Choice("Quit", self._question(leased), self._answers(), cancel=None)
        question.id = _QUESTION
        answer = await app.push_screen_wait(question)
        if answer in {"leave", "stop"}:
            app.exit(answer)

    @staticmethod
    def _question(leased: int | None) -> Content:
        known = (
            "The engine does not answer, so it is not known whether leases are live"
            if leased is None
            else figure.many(leased, "lease is live", "leases are live")
        )
        return content(f"{known}. The engine can run on without this console; ipv6console attaches to it again.")

    def _answers(self) -> tuple[Answer, ...]:
        own = self.own
        door = self._app.door if own is None else own.door
        pid = own.model.state.engine.pid if own is not None and own.model.state is not None else None
        return (
            Answer("leave", "Leave the engine running", call.attach(door, read_only=False)),
            Answer("stop", "Stop the engine; its leases end", None if pid is None else call.stop(pid)),
            Answer("stay", "Stay here"),
        )
