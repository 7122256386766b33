"""The events a log shows: stretches that were looked at, and the gaps between them that were not."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field

from ipv6console.console.sieve import EVERYTHING, Sieve
from ipv6console.wire.event import Event

MOST = 5_000
"""Events held at most; what is farthest from the reader is let go and asked for again when it is wanted."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Events with low <= id <= high that were not looked at, or, when `lost`, that the engine no longer has."""

    low: int
    high: int
    lost: bool = False

    @property
    def size(self) -> int:
        """How many events there are at most."""
        return self.high - self.low + 1


Item = Event | Gap


@dataclass(slots=True)
class _Stretch:
    """All ids from `low` to `high` were looked at; `events` are those that passed."""

    low: int
    high: int
    events: list[Event] = field(default_factory=list)


class Ledger:
    """What is known of the log under one sieve. Ids grow by one, so that what is missing shows.

    `version` grows with every change of `items`, which are in the order of their ids. `last` is the highest id known.
    """

    def __init__(self, sieve: Sieve = EVERYTHING) -> None:
        self.sieve = sieve
        self.version = 0
        self.last = 0
        self._stretches: list[_Stretch] = []
        self._items: list[Item] | None = []

    @property
    def items(self) -> list[Item]:
        """Events and gaps; a gap comes first while older events may be kept, and last while newer ones are let go."""
        if self._items is None:
            self._items = self._laid()
        return self._items

    @property
    def held(self) -> int:
        """How many events are held."""
        return sum(len(stretch.events) for stretch in self._stretches)

    @property
    def at_end(self) -> bool:
        """Whether the newest known event was looked at."""
        return bool(self._stretches) and self._stretches[-1].high >= self.last

    def follow(self, events: Iterable[Event]) -> None:
        """Take in what the stream brought, in order; a jump of ids leaves a gap, and where the end is let go it grows."""
        for event in events:
            if event.id <= self.last:
                continue
            joins = self.at_end and event.id == self.last + 1
            if not joins and (self.at_end or not self._stretches):
                self._stretches.append(_Stretch(event.id, event.id))
                self._changed()
                joins = True
            self.last = event.id
            if not joins:
                self._changed()
                continue
            stretch = self._stretches[-1]
            stretch.high = event.id
            if self.sieve.passes(event):
                stretch.events.append(event)
                if self._items is not None:
                    self._items.append(event)
                self.version += 1

    def cover(self, low: int, high: int, events: Iterable[Event]) -> None:
        """Take in that all ids from `low` to `high` were looked at, and that `events` among them are wanted."""
        if high < low:
            return
        fresh = _Stretch(max(1, low), high, [event for event in events if self.sieve.passes(event)])
        kept: list[_Stretch] = []
        for stretch in self._stretches:
            if stretch.high < fresh.low - 1 or stretch.low > fresh.high + 1:
                kept.append(stretch)
            else:
                fresh = _joined(stretch, fresh)
        kept.append(fresh)
        self._stretches = sorted(kept, key=lambda stretch: stretch.low)
        self.last = max(self.last, high)
        self._changed()

    def trim(self, index: int, most: int = MOST) -> None:
        """Let go of what is farthest from the item at `index` until at most `most` events are held."""
        excess = self.held - most
        if excess <= 0:
            return
        at = self.items[min(max(0, index), len(self.items) - 1)]
        place = number(at)
        while excess > 0 and self._stretches:
            first, last = self._stretches[0], self._stretches[-1]
            at_front = place - first.low >= last.high - place
            excess -= self._shortened(first if at_front else last, excess, front=at_front)
        self._changed()

    def find(self, event_id: int) -> int:
        """Return the index of the item with this id, of the gap it is in, or of what comes next."""
        return min(bisect_left(self.items, event_id, key=number), max(0, len(self.items) - 1))

    def moment(self, at: float) -> int:
        """Return the index of the first event at or after `at` (unix seconds), of the last item when there is none."""
        events = [(index, item) for index, item in enumerate(self.items) if isinstance(item, Event)]
        place = bisect_left(events, at, key=lambda pair: pair[1].at)
        return events[place][0] if place < len(events) else max(0, len(self.items) - 1)

    def spans(self, at: float) -> bool:
        """Whether what happened around `at` (unix seconds) was looked at, so that `moment` tells the truth."""
        for stretch in self._stretches:
            if not stretch.events:
                continue
            first, last = stretch.events[0].at, stretch.events[-1].at
            after = first <= at or stretch.low <= 1
            before = at <= last or (stretch is self._stretches[-1] and self.at_end)
            if after and before:
                return True
        return False

    def _shortened(self, stretch: _Stretch, excess: int, *, front: bool) -> int:
        if len(stretch.events) <= excess:
            self._stretches.remove(stretch)
            return len(stretch.events)
        if front:
            stretch.events = stretch.events[excess:]
            stretch.low = stretch.events[0].id
        else:
            stretch.events = stretch.events[:-excess]
            stretch.high = stretch.events[-1].id
        return excess

    def _changed(self) -> None:
        self._items = None
        self.version += 1

    def _laid(self) -> list[Item]:
        items: list[Item] = []
        looked = 0
        for stretch in self._stretches:
            if stretch.low > looked + 1:
                items.append(Gap(looked + 1, stretch.low - 1))
            items += self._without_lost(stretch) if self.sieve.everything else stretch.events
            looked = stretch.high
        if looked < self.last:
            items.append(Gap(looked + 1, self.last))
        return items

    @staticmethod
    def _without_lost(stretch: _Stretch) -> list[Item]:
        items: list[Item] = []
        expected = stretch.low
        for event in stretch.events:
            if event.id > expected:
                items.append(Gap(expected, event.id - 1, lost=True))
            items.append(event)
            expected = event.id + 1
        return items


def number(item: Item) -> int:
    """Return the id of an event, the last one of a gap."""
    return item.high if isinstance(item, Gap) else item.id


def _joined(one: _Stretch, other: _Stretch) -> _Stretch:
    """Return both as one; where they overlap they say the same."""
    first, second = sorted((one, other), key=lambda stretch: stretch.low)
    rest = bisect_right(second.events, first.high, key=lambda event: event.id)
    return _Stretch(first.low, max(first.high, second.high), first.events + second.events[rest:])
