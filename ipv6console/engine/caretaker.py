"""Looks after what lies about: prefixes that got stuck, and lives that ended long ago."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ipv6console.engine.core import Core
from ipv6console.engine.errors import Refusal
from ipv6console.engine.turns import Turns
from ipv6console.ipam.book import prefix_of
from ipv6console.ipam.change import SubscriberRecorded
from ipv6console.ipam.lifecycle import State, entered, state_of
from ipv6console.ipam.outbox import Key
from ipv6console.ipam.subscribers import Desk
from ipv6console.quantity import many

_EVERY = 30.0
_PURGE_EVERY = 3_600.0
_AT_ONCE = 500
_DAY = 86_400.0
_HOUR = 3_600.0


class Caretaker:
    """Tells once of what is stuck, tries again what is being revoked too long, and forgets old lives."""

    def __init__(self, core: Core, desk: Desk, turns: Turns, commit: Callable[..., Awaitable[None]]) -> None:
        self._core = core
        self._desk = desk
        self._turns = turns
        self._commit = commit
        self._told: set[tuple[Key, State]] = set()
        self._purge_at = 0.0

    @property
    def stuck(self) -> int:
        """How many subscribers are stuck, as of the last look."""
        return len(self._told)

    async def run(self) -> None:
        """Look around until cancelled."""
        while True:
            await self.tick()
            await asyncio.sleep(_EVERY)

    async def tick(self) -> None:
        """Do what is due now; while the store is broken nothing is."""
        if self._core.broken is not None:
            return
        try:
            await self._look_for_stuck()
            if self._core.clock.now() >= self._purge_at:
                await self._purge()
        except Refusal:
            # The journal says that the store cannot commit; what was to be done is due again when it can.
            return

    async def _look_for_stuck(self) -> None:
        now, limits = self._core.clock.now(), self._core.settings.lifecycle
        found = self._desk.stuck(now - limits.stuck_allocated, now - limits.stuck_revoking)
        rows = {((row.tenant, row.id), state_of(row)): row for row in found}
        new = rows.keys() - self._told
        self._told = set(rows)
        for key, state in sorted(new):
            self._tell(rows[key, state], now)
            if state is State.REVOKING:
                await self._try_again(key)

    def _tell(self, row: SubscriberRecorded, now: float) -> None:
        hours = (now - entered(row)) / _HOUR
        name = f"{row.tenant}/{row.id}"
        steps = self._desk.outbox.awaited((row.tenant, row.id))
        if state_of(row) is State.ALLOCATED:
            text = f"{name}: {prefix_of(row)} has been allocated for {hours:.1f} h and is not active; activate or revoke it"
        else:
            waits = ", ".join(f"{step.step}: {step.answer or 'not answered yet'}" for step in steps) or "nothing"
            text = f"{name}: {prefix_of(row)} has been being revoked for {hours:.1f} h; it waits for {waits}; tried again now"
        self._core.journal.warn("subscriber.stuck", text, subject=name, state=row.ipv6_state)

    async def _try_again(self, key: Key) -> None:
        async with self._turns.of(key):
            self._core.working()
            steps = self._desk.outbox.awaited(key)
            if steps:
                await self._commit(self._desk.retry(steps[0].id, "", self._core.clock.now()))

    async def _purge(self) -> None:
        now = self._core.clock.now()
        before = now - self._core.settings.lifecycle.keep_revoked_days * _DAY
        self._core.working()
        gone, changes = self._desk.purge(before, now, _AT_ONCE)
        await self._commit(changes)
        if gone:
            text = f"{many(len(gone), 'life', 'lives')} of prefixes revoked long ago forgotten; the subscribers stay"
            self._core.journal.write("subscriber.purged", text, count=len(gone))
        if len(gone) < _AT_ONCE:
            self._purge_at = now + _PURGE_EVERY
