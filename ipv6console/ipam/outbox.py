"""The outbox: steps that other systems have to take, one after the other for each subscriber, until they are answered."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator
from enum import StrEnum
from random import Random

from ipv6console.ipam.change import IntentRecorded

Key = tuple[str, str]
"""A subscriber: tenant and id."""

FIRST_RETRY = 1.0
_JITTER = 0.2
_DOUBLINGS = 30


class Step(StrEnum):
    """What is asked for: of the IPAM to allocate, release or mark a prefix, of RADIUS a CoA or Disconnect."""

    ALLOCATE = "allocate"
    COA = "coa"
    DISCONNECT = "disconnect"
    RELEASE = "release"
    MARK = "mark"


class Fate(StrEnum):
    """What became of a step."""

    PENDING = "pending"
    DONE = "done"
    REFUSED = "refused"
    CANCELLED = "cancelled"


class Outbox:
    """Pending steps. A mark waits for no other kind of step and none waits for it: no state depends on one.

    A step that was taken keeps its subscriber busy until it is let go of, also when it ended meanwhile: what was asked
    of another system is still on its way there.
    """

    def __init__(self, retry_max: float, random: Random) -> None:
        self._retry_max = retry_max
        self._random = random
        self._steps: dict[str, IntentRecorded] = {}
        self._of: dict[Key, list[str]] = {}
        self._due: list[tuple[float, int, str]] = []
        self._numbers = 0
        self._busy: set[Key] = set()
        self._never_taken: set[str] = set()

    def __len__(self) -> int:
        return len(self._steps)

    def __iter__(self) -> Iterator[IntentRecorded]:
        """Yield pending steps, the oldest first."""
        return iter(self._steps.values())

    def restore(self, rows: Iterable[IntentRecorded], now: float) -> None:
        """Hold these steps and no other; whoever is busy stays so."""
        self._steps.clear()
        self._of.clear()
        self._due.clear()
        # Whether one of these was asked for before is not known: it may have been taken and never answered.
        self._never_taken.clear()
        for row in sorted(rows, key=lambda row: (row.created_at, row.place)):
            if row.state == Fate.PENDING:
                # The wall clock may have been set back since: nothing is put off longer than it would be today.
                self._steps[row.id] = row._replace(next_at=min(row.next_at, now + self._retry_max))
                self._of.setdefault((row.tenant, row.subscriber), []).append(row.id)
        for names in self._of.values():
            names.sort(key=lambda name: self._steps[name].place)
        for key in self._of:
            self._line_up(key)

    def find(self, name: str) -> IntentRecorded | None:
        """Return the pending step of this id."""
        return self._steps.get(name)

    def of(self, key: Key) -> tuple[IntentRecorded, ...]:
        """Return the pending steps of a subscriber, in order."""
        return tuple(self._steps[name] for name in self._of.get(key, ()))

    def awaited(self, key: Key) -> tuple[IntentRecorded, ...]:
        """Return those of them that a state waits for: all but marks."""
        return tuple(row for row in self.of(key) if row.step != Step.MARK)

    def add(self, key: Key, name: str, step: Step, payload: str, *, actor: str, now: float) -> IntentRecorded:
        """Want a step, after all others of the subscriber."""
        mine = self._of.setdefault(key, [])
        place = self._steps[mine[-1]].place + 1 if mine else 0
        row = IntentRecorded(
            name, *key, place, step.value, Fate.PENDING.value, payload, 0, now, now, now, actor, None, None
        )
        self._steps[name] = row
        mine.append(name)
        self._never_taken.add(name)
        self._line_up(key)
        return row

    def take(self, now: float, most: int) -> list[tuple[IntentRecorded, bool]]:
        """Return up to `most` due steps, one a subscriber, that is busy from now on; and whether each may have been tried.

        Those of busy subscribers are due once they are let go of.
        """
        taken: list[tuple[IntentRecorded, bool]] = []
        while len(taken) < most and self._due and self._due[0][0] <= now:
            at, _, name = heapq.heappop(self._due)
            row = self._steps.get(name)
            if row is None or row.next_at != at:
                continue
            key = row.tenant, row.subscriber
            if key in self._busy or name not in self._heads(key):
                continue
            self._busy.add(key)
            taken.append((row, name not in self._never_taken))
            self._never_taken.discard(name)
        return taken

    def let_go(self, key: Key) -> None:
        """What was taken of this subscriber is over; its next step may be taken."""
        self._busy.discard(key)
        self._line_up(key)

    def busy(self, key: Key) -> bool:
        """Return whether a step of this subscriber was taken and not let go of."""
        return key in self._busy

    def wake_at(self) -> float | None:
        """Return when the next step is due at the earliest, None when there is none to wait for."""
        while self._due:
            at, _, name = self._due[0]
            row = self._steps.get(name)
            if row is not None and row.next_at == at and (row.tenant, row.subscriber) not in self._busy:
                return at
            heapq.heappop(self._due)
        return None

    def end(
        self, name: str, fate: Fate, now: float, *, answer: str | None, reason: str | None = None
    ) -> IntentRecorded:
        """Return the step as it ended; it is no longer here."""
        row = self._steps.pop(name)
        key = row.tenant, row.subscriber
        self._never_taken.discard(name)
        self._of[key].remove(name)
        if not self._of[key]:
            del self._of[key]
        self._line_up(key)
        tried = row.attempts + (fate in (Fate.DONE, Fate.REFUSED))
        return row._replace(
            state=fate.value,
            attempts=tried,
            changed_at=now,
            answer=row.answer if answer is None else answer,
            reason=reason,
        )

    def postpone(self, name: str, now: float, answer: str, after: float | None) -> IntentRecorded:
        """Try it again: in 1 s, twice as long each time up to `retry_max`, give or take a fifth; not before `after` s."""
        row = self._steps[name]
        doubled = FIRST_RETRY * 2.0 ** min(row.attempts, _DOUBLINGS)
        wait = min(doubled, self._retry_max) * self._random.uniform(1.0 - _JITTER, 1.0 + _JITTER)
        wait = max(min(wait, self._retry_max), after or 0.0)
        return self._put(row._replace(attempts=row.attempts + 1, next_at=now + wait, changed_at=now, answer=answer))

    def hasten(self, name: str, now: float) -> IntentRecorded:
        """Try it again now."""
        return self._put(self._steps[name]._replace(next_at=now, changed_at=now))

    def _put(self, row: IntentRecorded) -> IntentRecorded:
        self._steps[row.id] = row
        self._line_up((row.tenant, row.subscriber))
        return row

    def _heads(self, key: Key) -> list[str]:
        heads: dict[bool, str] = {}
        for name in self._of.get(key, ()):
            heads.setdefault(self._steps[name].step == Step.MARK, name)
        return list(heads.values())

    def _line_up(self, key: Key) -> None:
        if key in self._busy:
            return
        for name in self._heads(key):
            self._numbers += 1
            heapq.heappush(self._due, (self._steps[name].next_at, self._numbers, name))
