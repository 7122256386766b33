"""The queue of those who wait for an address."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from ipv6console.engine.core import Core
from ipv6console.engine.unheard import Unheard
from ipv6console.pool.change import Change
from ipv6console.pool.lease import Lease

Leased = tuple[Lease, Change]


class Place(NamedTuple):
    """One who waits: where the lease goes, how to take one, and the host it is for, None for any."""

    future: asyncio.Future[Leased]
    take: Callable[[], Leased | None]
    host: str | None


class WaitingRoom:
    """First come, first served, mirror by mirror; who waits in vain for one host lets those for other hosts pass."""

    def __init__(self, core: Core, unheard: Unheard) -> None:
        self._core = core
        self._unheard = unheard
        self._queues: dict[str, deque[Place]] = {}

    @property
    def empty(self) -> bool:
        """Whether nobody waits for anything."""
        return not self._queues

    def occupied(self, mirror: str, host: str | None) -> bool:
        """Return whether somebody waits for what a pick for `host` would get; whoever comes now goes behind them.

        Those who wait are served first. What is left then is nothing they could have.
        """
        queue = self._queues.get(mirror)
        if not queue:
            return False
        self._serve(queue)
        return host is None or any(place.host == host for place in queue if not place.future.done())

    async def wait(
        self, mirror: str, seconds: float, take: Callable[[], Leased | None], host: str | None
    ) -> Leased | None:
        """Wait until it is the caller's turn and `take` gives something; None after `seconds`."""
        place = Place(asyncio.get_running_loop().create_future(), take, host)
        queue = self._queues.setdefault(mirror, deque())
        queue.append(place)
        future = place.future
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.shield(future)
        except TimeoutError:
            return future.result() if future.done() else None
        except asyncio.CancelledError:
            if future.done():
                lease, change = future.result()
                await self._unheard.give_back([lease], change)
            raise
        finally:
            with suppress(ValueError):
                queue.remove(place)
            if not queue and self._queues.get(mirror) is queue:
                del self._queues[mirror]

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
    def _serve(queue: deque[Place]) -> None:
        in_vain: set[str | None] = set()
        for place in list(queue):
            if place.future.done() or place.host in in_vain:
                continue
            leased = place.take()
            if leased is None:
                # What a host cannot have now nobody can who names none.
                in_vain.update((place.host, None))
            else:
                queue.remove(place)
                place.future.set_result(leased)
