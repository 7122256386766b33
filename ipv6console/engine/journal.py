"""The journal: numbered events for operators, kept, and published to those who watch."""

from __future__ import annotations

import logging
from collections import Counter, deque
from typing import Any

from ipv6console.engine.clock import Clock
from ipv6console.engine.errors import Unavailable
from ipv6console.engine.feed import Feed
from ipv6console.engine.protocol import Store, StoreError
from ipv6console.quantity import addresses
from ipv6console.wire.event import EVERY_EVENT, Event, EventFilter, EventLevel, EventPage

_RECENT = 1_000
_FEW = 20
_RUN = ("engine.started", "engine.stopped")
_LOGGED = {EventLevel.INFO: logging.INFO, EventLevel.WARNING: logging.WARNING, EventLevel.ERROR: logging.ERROR}
log = logging.getLogger("ipv6console")


class Journal:
    """Writes events; what happens many times a second is tallied and written once a tick."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self.feed: Feed[Event] = Feed()
        self.last = 0
        self.counts: Counter[str] = Counter()
        self._store = store
        self._clock = clock
        self._recent: deque[Event] = deque(maxlen=_RECENT)
        self._bans: Counter[str] = Counter()
        self._added = 0

    async def open(self) -> None:
        """Continue the numbering of the kept events."""
        self.last = await self._store.last_event()

    def write(
        self,
        kind: str,
        text: str,
        *,
        level: EventLevel = EventLevel.INFO,
        subject: str | None = None,
        actor: str | None = None,
        **data: Any,
    ) -> Event:
        """Number, keep and publish one event; `kind` is dotted, `subject` the object it is about."""
        self.last += 1
        self.counts[kind] += 1
        event = Event(
            id=self.last,
            at=self._clock.now(),
            level=level,
            kind=kind,
            text=text,
            subject=subject,
            actor=actor,
            data=data,
        )
        self._recent.append(event)
        self._store.record((event,))
        self.feed.publish(event)
        log.log(_LOGGED[level], "%s: %s", kind, text)
        return event

    def warn(self, kind: str, text: str, **more: Any) -> Event:
        """Write an event an operator should look at."""
        return self.write(kind, text, level=EventLevel.WARNING, **more)

    def fail(self, kind: str, text: str, **more: Any) -> Event:
        """Write an event that means something does not work."""
        return self.write(kind, text, level=EventLevel.ERROR, **more)

    def ban(self, mirror: str) -> None:
        """Count a bad verdict for the next tick."""
        self._bans[mirror] += 1

    def added(self) -> None:
        """Count an address that entered the pool for the next tick."""
        self._added += 1

    def tick(self) -> None:
        """Write what was tallied."""
        if self._added:
            self.write("pool.spawned", f"{addresses(self._added)} verified and added", count=self._added)
            self._added = 0
        for mirror, count in self._bans.items():
            self.warn("address.bad", f"{addresses(count)} reported bad in {mirror}", subject=mirror, count=count)
        self._bans.clear()

    async def page(
        self, since: int, limit: int, wanted: EventFilter = EVERY_EVENT, *, before: int | None = None
    ) -> EventPage:
        """Return up to `limit` wanted events after number `since`, oldest first; raises Unavailable.

        With `before` those nearest below that number instead of those nearest above `since`.
        """
        # What the store has not saved yet is still among the recent ones.
        oldest = self._recent[0].id if self._recent else self.last + 1
        recent = [event for event in self._recent if _between(event, since, before) and wanted.wants(event)]
        if before is None:
            kept = await self._kept(since, limit, wanted, oldest, newest=False) if since + 1 < oldest else ()
            return EventPage(events=(*kept, *recent)[:limit], last=self.last)
        recent = recent[-limit:]
        if len(recent) < limit and since + 1 < min(oldest, before):
            kept = await self._kept(since, limit - len(recent), wanted, min(oldest, before), newest=True)
            recent = [*kept, *recent]
        return EventPage(events=tuple(recent), last=self.last)

    async def mourn(self, started: Event) -> None:
        """Tell of the engine that ran before the one `started` tells of, when it ended without a word."""
        runs = EventFilter(kind="engine.")
        try:
            page = await self.page(0, _FEW, runs, before=started.id)
        except Unavailable as refusal:
            log.warning("how the engine before this one ended is not known: %s", refusal.detail)
            return
        if (
            next((event.kind for event in reversed(page.events) if event.kind in _RUN), "engine.stopped")
            == "engine.started"
        ):
            text = "the engine that ran before ended without a word: it was killed, or its host went down"
            self.warn("engine.crashed", f"{text}; what it had acknowledged is kept")

    async def _kept(
        self, since: int, limit: int, wanted: EventFilter, below: int, *, newest: bool
    ) -> tuple[Event, ...]:
        try:
            if newest:
                return await self._store.events(since, limit, wanted, before=below)
            return tuple(event for event in await self._store.events(since, limit, wanted) if event.id < below)
        except StoreError as error:
            raise Unavailable(f"the kept events cannot be read: {error}", next=error.fix) from error


def _between(event: Event, since: int, before: int | None) -> bool:
    return event.id > since and (before is None or event.id < before)
