"""AsyncRenewer: keeps leases alive from a task of its own, each from half of its TTL on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from operator import itemgetter

import anyio

from ipv6console.client.errors import EngineRefused, EngineUnreachable, LeaseLost
from ipv6console.client.hold import Clock, Hold
from ipv6console.client.shield import in_trio

logger = logging.getLogger("ipv6console.client")

_LONGEST_WAIT = 3_600.0
"""Seconds after which the clock is read again in any case: it also runs while the machine sleeps, a wait does not."""


class AsyncRenewer:
    """Awaits `renew(hold)` for every hold it keeps, otherwise as Renewer.

    On asyncio a timer starts the task at half of the first TTL; on trio it is a system task, which ends with the run.
    Neither is a task group, so a session may be left in any order and from any task.
    """

    def __init__(self, renew: Callable[[Hold], Awaitable[object]], clock: Clock) -> None:
        self._renew = renew
        self._clock = clock
        self._due: dict[Hold, float] = {}
        self._wakes_at = 0.0
        self._run: _Run | None = None
        self._abandoned = False

    def keep(self, hold: Hold) -> None:
        """Renew `hold` from half of its time on; called again after its time has changed."""
        self._due[hold] = hold.renew_at
        if self._run is None:
            self._run = _Run(self._keep_alive)
            self._wakes_at = hold.renew_at
            self._run.begin(self._pause(hold.renew_at))
        elif hold.renew_at < self._wakes_at:
            self._wakes_at = hold.renew_at
            self._run.wake(self._pause(hold.renew_at))

    def drop(self, hold: Hold) -> None:
        """Let `hold` run out."""
        self._due.pop(hold, None)

    async def stop(self) -> None:
        """Renew nothing any more, and wait for the task to end."""
        self.abandon()
        if self._run is not None:
            await self._run.stop()

    def abandon(self) -> None:
        """Renew nothing any more; the task ends when it sees it. May be called from any thread."""
        self._abandoned = True

    async def _keep_alive(self, run: _Run) -> None:
        try:
            while self._due and not self._abandoned:
                hold, self._wakes_at = min(self._due.items(), key=itemgetter(1))
                pause = self._pause(self._wakes_at)
                if pause > 0:
                    await run.wait(pause)
                else:
                    await self._attempt(hold)
        finally:
            self._run = None

    def _pause(self, until: float) -> float:
        return min(until - self._clock(), _LONGEST_WAIT)

    async def _attempt(self, hold: Hold) -> None:
        try:
            hold.require()
            # Stopping waits for an answer under way: a renewal cut short helps nobody.
            with anyio.CancelScope(shield=True):
                await self._renew(hold)
        except LeaseLost as lost:
            self._give_up(hold, lost.cause)
        except (EngineUnreachable, EngineRefused) as error:
            self._again(hold, error)
        except RuntimeError as error:  # its client was closed before it was given back
            self._give_up(hold, str(error))
        else:
            self._set(hold, hold.renew_at)

    def _again(self, hold: Hold, error: Exception) -> None:
        if hold.ended():
            self._give_up(hold, f"its lease ran out before it could be renewed: {error}")
            return
        logger.warning("the lease on %s is not renewed yet: %s", hold.addr, error)
        self._set(hold, hold.retry_at(self._clock()))

    def _give_up(self, hold: Hold, cause: str) -> None:
        if self._due.pop(hold, None) is None:
            return  # it was given back meanwhile
        hold.lose(cause)
        logger.warning("the lease on %s is lost: %s", hold.addr, cause)

    def _set(self, hold: Hold, due: float) -> None:
        if hold in self._due:
            self._due[hold] = due


class _Run:
    """One life of the renewing task, from the first lease it keeps to the last."""

    def __init__(self, work: Callable[[_Run], Awaitable[None]]) -> None:
        self._work = work
        self._scope = anyio.CancelScope()
        self._changed = anyio.Event()
        self._ended = anyio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def begin(self, pause: float) -> None:
        """Start the work, on asyncio after `pause` seconds."""
        if in_trio():
            import trio  # noqa: PLC0415 - only those who run it have it

            trio.lowlevel.spawn_system_task(self._live, name="ipv6console-renewer")
        else:
            self._timer = asyncio.get_running_loop().call_later(max(pause, 0.0), self._start)

    def wake(self, pause: float) -> None:
        """Let the work go on, or begin, earlier: after `pause` seconds."""
        if self._timer is not None and self._task is None:
            self._timer.cancel()
            self.begin(pause)
        else:
            self._changed.set()

    async def wait(self, seconds: float) -> None:
        """Return after that time or when woken."""
        with anyio.move_on_after(seconds):
            await self._changed.wait()
            self._changed = anyio.Event()

    async def stop(self) -> None:
        """Cancel the task and wait for its end."""
        if self._timer is not None and self._task is None:
            self._timer.cancel()
        else:
            self._scope.cancel()
            await self._ended.wait()

    def _start(self) -> None:
        self._task = asyncio.get_running_loop().create_task(self._live(), name="ipv6console-renewer")

    async def _live(self) -> None:
        try:
            with self._scope:
                await self._work(self)
        finally:
            self._ended.set()
