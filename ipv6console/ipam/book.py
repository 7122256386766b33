"""The book of subscribers: their rows with what is counted of them, and one decision about one of them as it is made."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from socket import AF_INET6, inet_ntop
from typing import Any

from ipv6console.ipam.change import Change, IntentRecorded, SubscriberRecorded, SubscriberRemoved, TransitionRecorded
from ipv6console.ipam.errors import NotFound
from ipv6console.ipam.lifecycle import State, begun, entered, moved, state_of
from ipv6console.ipam.outbox import Fate, Key, Outbox, Step

_FEW = 20
"""One in so many is few."""
UNHELD: dict[str, None] = dict.fromkeys(("network", "length", "registry", "ipv6_netbox_prefix_id", "parent"))
"""What a row says of a prefix that nobody holds for it."""


def prefix_of(row: SubscriberRecorded) -> str | None:
    """Return the prefix a subscriber has, in CIDR form."""
    if row.network is None or row.length is None:
        return None
    return f"{inet_ntop(AF_INET6, row.network.to_bytes(16, 'big'))}/{row.length}"


def is_held(row: SubscriberRecorded) -> bool:
    """Return whether an IPAM holds a prefix for the subscriber, as far as we know."""
    return row.ipv6_netbox_prefix_id is not None


@dataclass(slots=True)
class Tally:
    """What is counted of the subscribers of one tenant: by state, with a prefix, and with one that an IPAM holds."""

    states: Counter[State] = field(default_factory=Counter)
    prefixes: int = 0
    held: int = 0

    def count(self, row: SubscriberRecorded, by: int) -> None:
        """Count `row` in (1) or out (-1)."""
        self.states[state_of(row)] += by
        self.prefixes += by * (row.network is not None)
        self.held += by * is_held(row)


Place = tuple[str | None, int | None, State]
"""Of what a prefix is: the IPAM that gave it, the number there of what it was cut from, and its state; none has no IPAM."""


class Book:
    """Every subscriber and every pending step."""

    def __init__(self, outbox: Outbox, new_id: Callable[[], str]) -> None:
        self.outbox = outbox
        self.new_id = new_id
        self.revision = 0
        self._rows: dict[Key, SubscriberRecorded] = {}
        self._order: list[Key] = []
        self._tallies: dict[str, Tally] = {}
        self._by_state: dict[State, dict[Key, None]] = {state: {} for state in State}
        self._places: Counter[Place] = Counter()

    def restore(self, rows: Iterable[SubscriberRecorded], steps: Iterable[IntentRecorded], now: float) -> None:
        """Hold what was committed and nothing else."""
        self._rows.clear()
        self._order.clear()
        self._tallies.clear()
        self._places.clear()
        for keys in self._by_state.values():
            keys.clear()
        for row in sorted(rows, key=entered):
            self._count(row, 1)
            self._rows[row.tenant, row.id] = row
            self._by_state[state_of(row)][row.tenant, row.id] = None
        self._order = sorted(self._rows)
        self.outbox.restore(steps, now)
        self.revision += 1

    def row(self, key: Key) -> SubscriberRecorded:
        """Return the row of a subscriber; raises NotFound."""
        row = self._rows.get(key)
        if row is None:
            raise NotFound(
                f"there is no subscriber {key[1]} of tenant {key[0]}",
                next="see GET /api/v1/network/subscribers, or make it with POST there",
            )
        return row

    def get(self, key: Key) -> SubscriberRecorded | None:
        """Return the row of a subscriber if there is one."""
        return self._rows.get(key)

    def rows(self, after: Key | None = None) -> Iterator[SubscriberRecorded]:
        """Yield rows ordered by tenant and id, those behind `after`."""
        start = 0 if after is None else bisect_left(self._order, (after[0], after[1] + "\0"))
        for place in range(start, len(self._order)):
            yield self._rows[self._order[place]]

    def of_tenant(self, tenant: str, after: Key | None = None) -> Iterator[SubscriberRecorded]:
        """Yield the rows of one tenant, ordered by id, those behind `after`."""
        for row in self.rows(max(after or (tenant, ""), (tenant, ""))):
            if row.tenant != tenant:
                break
            yield row

    def in_state(self, state: State) -> Iterator[SubscriberRecorded]:
        """Yield the rows in one state, in the order in which they came to it; none may change meanwhile."""
        return (self._rows[key] for key in self._by_state[state])

    def few_in_state(self, state: State) -> list[SubscriberRecorded] | None:
        """Return the rows in one state ordered by tenant and id; None when it is quicker to look through all for them."""
        keys = self._by_state[state]
        return [self._rows[key] for key in sorted(keys)] if len(keys) * _FEW <= len(self._rows) else None

    def tallies(self) -> dict[str, Tally]:
        """Return what is counted, by tenant."""
        return self._tallies

    def put(self, row: SubscriberRecorded) -> None:
        """Keep `row` in the place of the one with its key."""
        key = row.tenant, row.id
        before = self._rows.get(key)
        if before is None:
            insort(self._order, key)
        else:
            self._count(before, -1)
        if before is None or (state_of(before), entered(before)) != (state_of(row), entered(row)):
            if before is not None:
                del self._by_state[state_of(before)][key]
            self._by_state[state_of(row)][key] = None
        self._rows[key] = row
        self._count(row, 1)
        self.revision += 1

    def drop(self, key: Key) -> None:
        """Forget a subscriber."""
        row = self._rows.pop(key)
        self._count(row, -1)
        del self._by_state[state_of(row)][key]
        del self._order[bisect_left(self._order, key)]
        self.revision += 1

    def places(self) -> Counter[Place]:
        """Return how many prefixes are in which state, by what they were cut from."""
        return self._places

    def _count(self, row: SubscriberRecorded, by: int) -> None:
        tally = self._tallies.setdefault(row.tenant, Tally())
        tally.count(row, by)
        if by < 0 and not tally.states.total():
            del self._tallies[row.tenant]
        place = row.registry, row.parent, state_of(row)
        self._places[place] += by
        if not self._places[place]:
            del self._places[place]

    def states(self) -> Counter[State]:
        """Return how many subscribers are in which state."""
        total: Counter[State] = Counter()
        for tally in self._tallies.values():
            total.update(tally.states)
        return total


class Deed:
    """One decision about one subscriber: the book follows at once, `changes` is what is to be committed for it."""

    def __init__(self, book: Book, key: Key, actor: str, now: float) -> None:
        self.key = key
        self.now = now
        self.row = book.row(key)
        self._book = book
        self._actor = actor
        self._before = self.row
        self._steps: dict[str, IntentRecorded] = {}
        self._turns: list[TransitionRecorded] = []

    @property
    def state(self) -> State:
        """Where the prefix stands by now."""
        return state_of(self.row)

    @property
    def awaited(self) -> tuple[IntentRecorded, ...]:
        """The pending steps that a state waits for."""
        return self._book.outbox.awaited(self.key)

    def set(self, **fields: Any) -> None:
        """Change what the row says beside its state."""
        self.row = self.row._replace(**fields)

    def move(self, after: State, text: str, **fields: Any) -> None:
        """Go to another state; raises IllegalTransition, and then nothing has changed."""
        before, held = self.state, prefix_of(self.row)
        self.row = moved(self.row, after, self.now)._replace(**fields)
        self._turn(before, text, prefix_of(self.row) or held)

    def begin(self, operation: str, text: str) -> None:
        """Begin a new life; raises IllegalTransition, and then nothing has changed."""
        before = self.state
        self.row = begun(self.row, operation, self.now)
        self._turn(before, text, None)

    def note(self, text: str) -> None:
        """Write into the history what did not change the state."""
        self._turn(self.state, text, prefix_of(self.row))

    def want(self, step: Step, name: str | None = None, **payload: Any) -> None:
        """Ask another system for a step."""
        book = self._book
        text = json.dumps({key: value for key, value in payload.items() if value is not None})
        row = book.outbox.add(self.key, name or book.new_id(), step, text, actor=self._actor, now=self.now)
        self._steps[row.id] = row

    def end(self, step: IntentRecorded, fate: Fate, *, answer: str | None = None, reason: str | None = None) -> None:
        """End a pending step."""
        self._steps[step.id] = self._book.outbox.end(step.id, fate, self.now, answer=answer, reason=reason)

    def drop(self, *steps: Step, reason: str) -> None:
        """Cancel pending steps of some kinds."""
        for row in self._book.outbox.of(self.key):
            if row.step in steps:
                self.end(row, Fate.CANCELLED, reason=reason)

    def postpone(self, step: IntentRecorded, answer: str, after: float | None) -> None:
        """Try a pending step again later."""
        self._steps[step.id] = self._book.outbox.postpone(step.id, self.now, answer, after)

    def hasten(self, step: IntentRecorded) -> None:
        """Try a pending step again now."""
        self._steps[step.id] = self._book.outbox.hasten(step.id, self.now)

    def changes(self) -> tuple[Change, ...]:
        """Put the row into the book and return everything to be committed, all or none of it."""
        rows: list[Change] = []
        if self.row != self._before:
            self.row = self.row._replace(changed_at=self.now)
            self._book.put(self.row)
            rows.append(self.row)
        elif self._steps:
            self._book.revision += 1
        return (*rows, *self._steps.values(), *self._turns)

    def remove(self) -> tuple[Change, ...]:
        """Take the subscriber out of the book; its history goes with it."""
        self._book.drop(self.key)
        return (*self._steps.values(), SubscriberRemoved(*self.key))

    def _turn(self, before: State, text: str, prefix: str | None) -> None:
        turn = TransitionRecorded(*self.key, self.now, before.value, self.state.value, prefix, self._actor, text)
        self._turns.append(turn)


def payload_of(step: IntentRecorded) -> dict[str, Any]:
    """Return what a step needs that the subscriber's row does not say."""
    payload: dict[str, Any] = json.loads(step.payload)
    return payload
