"""Leases nobody heard of: their caller went away while they were being written."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ipv6console.engine.core import Core
from ipv6console.engine.errors import Refusal
from ipv6console.pool.change import Change
from ipv6console.pool.lease import Lease
from ipv6console.pool.mirror import Status
from ipv6console.pool.pool import Pool


def lives(pool: Pool, lease: Lease) -> bool:
    """Return whether `lease` has not ended meanwhile, by a flush or because its address left the pool."""
    mirror = pool.mirrors.get(lease.mirror)
    held = None if mirror is None else mirror.leases.get(lease.row)
    return held is not None and held.token == lease.token


class Unheard:
    """Ends leases whose tokens nobody knows, so nobody else could."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._running: set[asyncio.Task[None]] = set()

    async def give_back(self, leases: Sequence[Lease], *unwritten: Change) -> None:
        """Make the addresses idle again; `unwritten` is what leased them, if it is not committed yet.

        For a caller that was cancelled: it does not wait for the disk.
        """
        self.end(leases, *unwritten)
        # Its first step decides and queues all of it.
        await asyncio.sleep(0)

    def end(self, leases: Sequence[Lease], *unwritten: Change) -> None:
        """Make the addresses idle again, in the next turn of the loop."""
        task = asyncio.create_task(self._end(leases, unwritten))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _end(self, leases: Sequence[Lease], unwritten: Sequence[Change]) -> None:
        core = self._core
        try:
            pool, now = core.working(), core.clock.now()
            ended = [change for lease in leases if lives(pool, lease) for change in pool.end(lease, Status.IDLE, now)]
            if ended:
                core.changed.set()
                await core.commit(*unwritten, *ended)
        except Refusal:
            # The journal has said so. What was not committed is forgotten when the pool is read back, the rest expires.
            return
