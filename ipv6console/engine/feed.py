"""Feeds: what happened, to as many watchers as there are, none of which can slow the engine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Subscription(Generic[T]):
    """One watcher's bounded queue."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: list[T] = []
        self._missed = 0
        self._ready = asyncio.Event()

    def put(self, item: T) -> None:
        """Queue `item`; a full queue is dropped, and nothing is queued until the watcher has been told."""
        if self._missed or len(self._items) >= self._size:
            self._missed += 1 + len(self._items)
            self._items.clear()
        else:
            self._items.append(item)
        self._ready.set()

    async def next(self) -> tuple[list[T], int]:
        """Wait, then return everything queued and how many items were missed; after a gap the list is empty."""
        await self._ready.wait()
        return self.now()

    def now(self) -> tuple[list[T], int]:
        """Return what is queued already, as `next` does."""
        self._ready.clear()
        items, missed = self._items, self._missed
        self._items, self._missed = [], 0
        return items, missed


class Feed(Generic[T]):
    """Publishes items to every subscription."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription[T]] = set()
        self._watched = asyncio.Event()

    @property
    def watchers(self) -> int:
        """The number of subscriptions."""
        return len(self._subscriptions)

    async def watched(self) -> None:
        """Return when there is a watcher, at once when there is one already."""
        await self._watched.wait()

    @contextmanager
    def subscribe(self, size: int = 32) -> Iterator[Subscription[T]]:
        """Return a subscription that gets everything published from now on, at most `size` items behind."""
        subscription: Subscription[T] = Subscription(size)
        self._subscriptions.add(subscription)
        self._watched.set()
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            if not self._subscriptions:
                self._watched.clear()

    def publish(self, item: T) -> None:
        """Hand `item` to every watcher; never waits."""
        for subscription in self._subscriptions:
            subscription.put(item)
