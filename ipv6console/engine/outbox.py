"""The worker of the outbox: takes what is due to other systems, many subscribers at a time, one step of each."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from ipv6console.engine.core import Core
from ipv6console.engine.courier import Courier
from ipv6console.engine.errors import Refusal
from ipv6console.engine.turns import Turns
from ipv6console.ipam.change import Change, IntentRecorded
from ipv6console.ipam.result import Postponed, Result
from ipv6console.ipam.subscribers import Desk

AT_ONCE = 16
_NAP = 0.5
"""The clock of the engine is looked at so often at least while something is put off."""
log = logging.getLogger("ipv6console")


class Worker:
    """Takes steps only when they are committed, and believes an answer only when what follows is committed too."""

    def __init__(
        self, core: Core, desk: Desk, courier: Courier, turns: Turns, commit: Callable[..., Awaitable[None]]
    ) -> None:
        self._core = core
        self._desk = desk
        self._courier = courier
        self._turns = turns
        self._commit = commit
        self._woken = asyncio.Event()
        self._flights: set[asyncio.Task[None]] = set()

    def wake(self) -> None:
        """Look at once whether something is due."""
        self._woken.set()

    async def run(self) -> None:
        """Take steps until cancelled."""
        try:
            while True:
                self._woken.clear()
                if self._core.broken is None:
                    self._depart()
                await self._nap()
        finally:
            for flight in self._flights:
                flight.cancel()
            await asyncio.gather(*self._flights, return_exceptions=True)

    def _depart(self) -> None:
        for step, again in self._desk.outbox.take(self._core.clock.now(), AT_ONCE - len(self._flights)):
            flight = asyncio.create_task(self._fly(step, again))
            self._flights.add(flight)
            flight.add_done_callback(self._landed)

    def _landed(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        self.wake()
        error = None if flight.cancelled() else flight.exception()
        if error is not None:
            self._core.fall("Worker.fly", error)

    async def _nap(self) -> None:
        # While the store is broken nothing is due: whoever follows it wakes the worker when it is mended.
        at = None if self._core.broken is not None else self._desk.outbox.wake_at()
        if at is None or len(self._flights) >= AT_ONCE:
            await self._woken.wait()
            return
        try:
            async with asyncio.timeout(min(max(at - self._core.clock.now(), 0.0), _NAP)):
                await self._woken.wait()
        except TimeoutError:
            return

    async def _fly(self, step: IntentRecorded, again: bool) -> None:
        key = step.tenant, step.subscriber
        try:
            # Whoever decided on this step has its turn until that is committed, or taken back.
            async with self._turns.of(key):
                row = self._desk.book.get(key)
                gone = self._core.broken is not None or row is None or self._desk.outbox.find(step.id) is None
            if row is None or gone:
                return
            try:
                result: Result = await self._courier.bring(step, row, again=again)
            except Exception as error:
                # Whatever it is, the step is still to be taken.
                log.exception("step %s of %s/%s", step.step, *key)
                result = Postponed(f"a defect: {error!r}")
            await self._turns.to_its_end(self._land(step, result, again=again))
        except Refusal as refusal:
            # The journal says that the store cannot commit; the step is still there when it can, and is taken again.
            log.info("the answer to step %s of %s/%s was not kept: %s", step.step, *key, refusal.detail)
        finally:
            self._desk.outbox.let_go(key)

    async def _land(self, step: IntentRecorded, result: Result, *, again: bool) -> None:
        async with self._turns.of((step.tenant, step.subscriber)):
            if self._core.broken is None:
                now = self._core.clock.now()
                changes: tuple[Change, ...] = self._desk.answered(step, result, again=again, now=now)
                await self._commit(changes)
