"""A store, an IPAM and a RADIUS server of dictionaries, that fail as a test says."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from itertools import count
from typing import NamedTuple

from ipv6console.ipam.book import payload_of
from ipv6console.ipam.change import (
    Change,
    IntentRecorded,
    IntentsForgotten,
    SpaceSnapshot,
    SubscriberRecorded,
    SubscriberRemoved,
    TransitionRecorded,
)
from ipv6console.ipam.outbox import Fate, Step
from ipv6console.ipam.result import Done, Granted, Postponed, Refused, Result

NETWORK = 0x20010DB8 << 96


class Committed:
    """What was committed."""

    def __init__(self) -> None:
        self.subscribers: dict[tuple[str, str], SubscriberRecorded] = {}
        self.intents: dict[str, IntentRecorded] = {}
        self.turns: list[TransitionRecorded] = []

    def commit(self, changes: Sequence[Change]) -> None:
        for change in changes:
            match change:
                case SubscriberRecorded():
                    self.subscribers[change.tenant, change.id] = change
                case SubscriberRemoved():
                    del self.subscribers[change.tenant, change.id]
                case IntentRecorded():
                    self.intents[change.id] = change
                case TransitionRecorded():
                    self.turns.append(change)
                case IntentsForgotten(before):
                    self.intents = {
                        key: row
                        for key, row in self.intents.items()
                        if row.state == Fate.PENDING or row.changed_at >= before
                    }
                case _:
                    raise AssertionError(change)

    def snapshot(self) -> SpaceSnapshot:
        pending = tuple(row for row in self.intents.values() if row.state == Fate.PENDING)
        return SpaceSnapshot(subscribers=tuple(self.subscribers.values()), intents=pending)


class Mood(Enum):
    """How a system takes the next request."""

    WELL = "well"
    AWAY = "away"
    LOST_ANSWER = "does it, and the answer is lost"
    REFUSES = "refuses"


class Entry(NamedTuple):
    """A prefix the IPAM holds."""

    id: int
    network: int
    operation: str
    owner: tuple[str, str]


class Outside:
    """An IPAM with a few prefixes, and RADIUS."""

    def __init__(self, prefixes: int) -> None:
        self.free = [NETWORK + (number << 72) for number in range(prefixes)]
        self.entries: dict[int, Entry] = {}
        self._ids = count(1)

    def ask(self, step: IntentRecorded, row: SubscriberRecorded, mood: Mood, *, again: bool) -> Result:
        """Do what `step` asks, as the engine would have it done, and answer."""
        if mood is Mood.AWAY:
            return Postponed("no answer")
        match Step(step.step):
            case Step.ALLOCATE:
                result = self._allocate(step, mood, again=again)
            case Step.RELEASE:
                result = self._release(step, row, mood)
            case Step.MARK:
                result = Refused("400") if mood is Mood.REFUSES else Done("marked")
            case Step.COA:
                result = Refused("nak Session-Context-Not-Found") if mood is Mood.REFUSES else Done("ack")
            case Step.DISCONNECT:
                result = Postponed("nak Administratively-Prohibited") if mood is Mood.REFUSES else Done("ack")
        return Postponed("timeout") if mood is Mood.LOST_ANSWER else result

    def _allocate(self, step: IntentRecorded, mood: Mood, *, again: bool) -> Result:
        size = payload_of(step)["size"]
        known = [entry for entry in self.entries.values() if entry.operation == step.id]
        if again and mood is Mood.REFUSES:
            return Refused("403, already for the look-up")
        if again and known:
            return Granted("netbox", known[0].id, known[0].network, size, None)
        assert not known, "asked for twice without a look"
        if mood is Mood.REFUSES:
            return Refused("403")
        if not self.free:
            return Refused("exhausted")
        entry = Entry(next(self._ids), self.free.pop(0), step.id, (step.tenant, step.subscriber))
        self.entries[entry.id] = entry
        return Granted("netbox", entry.id, entry.network, size, None)

    def _release(self, step: IntentRecorded, row: SubscriberRecorded, mood: Mood) -> Result:
        operation = payload_of(step).get("undo")
        if operation is None:
            number = row.ipv6_netbox_prefix_id
        else:
            number = next((entry.id for entry in self.entries.values() if entry.operation == operation), None)
        entry = self.entries.get(number) if number is not None else None
        if entry is None:
            return Done("there no more")
        if mood is Mood.REFUSES:
            return Refused("403", Granted("netbox", entry.id, entry.network, row.prefix_size, None))
        del self.entries[entry.id]
        self.free.append(entry.network)
        return Done("given back")
