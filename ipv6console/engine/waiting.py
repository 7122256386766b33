"""The queue of those who wait for an address."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from ipv6console.engine.core import Core
from ipv6console.pool.change import Change
from ipv6console.pool.lease import Lease
from ipv6console.pool.mirror import Status

Leased = tuple[Lease, Change]


class WaitingRoom:
    """First come, first served, mirror by mirror."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._queues: dict[str, deque[tuple[asyncio.Future[Leased], Callable[[], Leased | None]]]] = {}

    def occupied(self, mirror: str) -> bool:
        """Return whether somebody waits for an address of `mirror`; whoever comes now goes behind them."""
        return bool(self._queues.get(mirror))

    async def wait(self, mirror: str, seconds: float, take: Callable[[], Leased | None]) -> Leased | None:
        """Wait until it is the caller's turn and `take` gives something; None after `seconds`."""
        future: asyncio.Future[Leased] = asyncio.get_running_loop().create_future()
        queue = self._queues.setdefault(mirror, deque())
        place = (future, take)
        queue.append(place)
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            return future.result() if future.done() else None
        except asyncio.CancelledError:
            if future.done():
                await self._give_back(future.result())
            raise
        finally:
            with suppress(ValueError):
                queue.remove(place)
            if not queue:
                self._queues.pop(mirror, None)

    async def run(self) -> None:
        """Serve the queues whenever something changed, until cancelled."""
        changed = self._core.changed.listen()
        while True:
            await changed.wait()
            changed.clear()
            if self._core.broken is None:
                for queue in list(self._queues.values()):
                    self._serve(queue)

    @staticmethod
    def _serve(queue: deque[tuple[asyncio.Future[Leased], Callable[[], Leased | None]]]) -> None:
        while queue:
            future, take = queue[0]
            leased = None if future.done() else take()
            if leased is None and not future.done():
                return
            queue.popleft()
            if leased is not None:
                future.set_result(leased)

    async def _give_back(self, leased: Leased) -> None:
        """Return what was taken for a caller who went away before hearing of it."""
        lease, change = leased
        now = self._core.clock.now()
        await self._core.commit(change, *self._core.working().end(lease, Status.IDLE, now))
        self._core.changed.set()
