"""One decision about a thing at a time, from what it rests on to its commit."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Hashable
from typing import TypeVar
from weakref import WeakValueDictionary

T = TypeVar("T")


class Turns:
    """A lock for every thing there is, for as long as somebody has use for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[Hashable, asyncio.Lock] = WeakValueDictionary()
        self._running: set[asyncio.Task[object]] = set()

    def of(self, thing: Hashable) -> asyncio.Lock:
        """Return the lock of `thing`."""
        lock = self._locks.get(thing)
        if lock is None:
            lock = self._locks[thing] = asyncio.Lock()
        return lock

    async def to_its_end(self, work: Coroutine[object, object, T]) -> T:
        """Do `work` to its end, also when whoever waits for it goes away: what was begun is committed or refused."""
        task: asyncio.Task[T] = asyncio.ensure_future(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def finished(self) -> None:
        """Return when everything begun has ended."""
        await asyncio.gather(*self._running, return_exceptions=True)
