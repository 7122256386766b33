"""Leaving the console: what becomes of the engine it owns, and the question about it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from ipv6console.console import call, figure
from ipv6console.console.context import Context
from ipv6console.console.screens.dialog import Answer, Choice
from ipv6console.console.source import Refused
from ipv6console.console.tone import content
from ipv6console.wire.frame import StateFrame
from ipv6console.wire.state import State

if TYPE_CHECKING:
    from ipv6console.console.app import ConsoleApp

PATIENCE = 1.0
"""Seconds the engine has to say what it would lose by being stopped."""

RECENT = 60.0
"""Seconds since its last pick for which a scraper counts as at work, though it holds no lease right now."""

_QUESTION = "quit-question"


class Departure:
    """The ways out of one console."""

    def __init__(self, app: ConsoleApp) -> None:
        self._app = app
        self._asking = False

    @property
    def own(self) -> Context | None:
        """The engine this console was started for, which it may own; it can be closed only when it owns it not."""
        return self._app.contexts.numbered(1)

    @property
    def in_lab(self) -> bool:
        """Whether the engine is a lab's: it ends with the lab, and the lab with its console."""
        own = self.own
        return own is not None and own.model.state is not None and own.model.state.engine.lab is not None

    async def at_stake(self) -> str | None:
        """Ask the engine who would miss it, and return that in words; None when nobody would.

        Not saying so within PATIENCE counts as being missed. Nobody misses somebody else's engine when this console
        leaves, one that is given up, or a lab, which ends anyway.
        """
        own = self.own
        if own is None or own.owner is None or own.owner.failure is not None or self.in_lab:
            return None
        try:
            async with asyncio.timeout(PATIENCE):
                state = await own.source.state()
        except (Refused, TimeoutError):
            return "The engine does not answer, so it is not known whether leases are live"
        own.model.take(StateFrame(state=state))
        return None if state.engine.lab is not None else _users(state)

    def quietly(self) -> None:
        """Leave without asking anybody but the engine: one that is in use, or that does not answer, runs on."""
        self._app.run_worker(self._quietly(), name="leave", exit_on_error=True)

    async def _quietly(self) -> None:
        self._app.exit("stop" if await self.at_stake() is None else "leave")

    async def ask(self) -> None:
        """Leave; with an own engine that is in use ask, and by default leave the engine running."""
        if self._app.screen.id == _QUESTION:
            self._app.exit("leave")
        elif not self._asking:
            self._asking = True
            try:
                await self._ask()
            finally:
                self._asking = False

    async def _ask(self) -> None:
        app = self._app
        stake = await self.at_stake()
        if stake is None:
            app.exit("stop")
            return
        text = content(f"{stake}. The engine can run on without this console; ipv6console attaches to it again.")
        question = Choice("Quit", text, self._answers(), cancel=None)
        question.id = _QUESTION
        answer = await app.push_screen_wait(question)
        if answer in {"leave", "stop"}:
            app.exit(answer)

    def _answers(self) -> tuple[Answer, ...]:
        own = self.own
        door = self._app.door if own is None else own.door
        pid = own.model.state.engine.pid if own is not None and own.model.state is not None else None
        return (
            Answer("leave", "Leave the engine running", call.attach(door, read_only=False)),
            Answer("stop", "Stop the engine; its leases end", None if pid is None else call.stop(pid)),
            Answer("stay", "Stay here"),
        )


def _users(state: State) -> str | None:
    if state.pool.leased:
        return figure.many(state.pool.leased, "lease is live", "leases are live")
    picked = max((mirror.last_pick_at or 0.0 for mirror in state.mirrors), default=0.0)
    since = max(0.0, state.at - picked)
    if since >= RECENT:
        return None
    return f"No lease is live, but the last pick was {figure.age(since)} ago"
