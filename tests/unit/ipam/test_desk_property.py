"""Whatever is asked, however others answer, and whenever the process dies: no prefix is lost or had by two."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import count
from random import Random
from typing import Any

from hypothesis import given, note, settings
from hypothesis import strategies as st

from ipv6console.ipam.book import is_held, payload_of
from ipv6console.ipam.change import Change, IntentRecorded
from ipv6console.ipam.errors import IpamError
from ipv6console.ipam.lifecycle import LIVE, TRANSITIONS, State, state_of
from ipv6console.ipam.subscribers import Desk
from tests.unit.ipam.outside import Committed, Mood, Outside

KEYS = [("acme", "a"), ("acme", "b"), ("other", "a")]
PREFIXES = 2

MOODS = (Mood.WELL, Mood.WELL, Mood.WELL, *Mood)
FALLS = ("", "", "", "", "", "before", "after")
"""When the process dies around a commit."""
DEEDS = {
    "work": 30, "take": 8, "answer": 12, "allocate": 14, "activate": 14, "revoke": 10, "suspend": 4, "resume": 4,
    "cancel": 3, "crash": 3, "remake": 1, "purge": 2,
}  # fmt: skip


def deed(chance: Random) -> tuple[Any, ...]:
    """Return something that happens."""
    name = chance.choices(list(DEEDS), list(DEEDS.values()))[0]
    mood, fall, place = chance.choice(MOODS), chance.choice(FALLS), chance.randrange(3)
    more: dict[str, tuple[Any, ...]] = {
        "work": (mood, fall),
        "take": (chance.choice((0.0, 2.0, 400.0)),),
        "answer": (place, mood, fall),
        "activate": (chance.choice(KEYS), chance.random() < 0.5, fall),
        "revoke": (chance.choice(KEYS), chance.random() < 0.5, chance.random() < 0.8, fall),
        "cancel": (place, fall),
        "crash": (chance.choices(MOODS, k=4),),
        "remake": (fall,),
        "purge": (fall,),
    }
    return name, *more.get(name, (chance.choice(KEYS), fall))


class Lives:
    """A desk, what it committed, and the systems beside it."""

    def __init__(self) -> None:
        self.now = 1_000.0
        self.store = Committed()
        self.outside = Outside(PREFIXES)
        self.flights: list[tuple[IntentRecorded, bool]] = []
        self.numbers = count()
        self.fresh()
        for key in KEYS:
            self.store.commit(self.desk.make(key, "pd", 56, self.now))

    def fresh(self) -> None:
        """A new process: what it holds is what was committed."""
        self.desk = Desk(300.0, Random(0), lambda: f"op{next(self.numbers)}")
        self.desk.restore(self.store.snapshot(), self.now)
        self.flights = []

    def decide(self, act: Callable[[], tuple[Change, ...]], fall: str) -> None:
        with suppress(IpamError):
            changes = act()
            if fall != "before":
                self.store.commit(changes)
            if fall:
                self.fresh()

    def allocate(self, key: tuple[str, str], fall: str) -> None:
        self.decide(
            lambda: self.desk.allocate(key, size=None, parent=None, registry="netbox", actor="t", now=self.now), fall
        )

    def activate(self, key: tuple[str, str], coa: bool, fall: str) -> None:
        self.decide(lambda: self.desk.activate(key, username="u", nas_ip=None, coa=coa, actor="t", now=self.now), fall)

    def suspend(self, key: tuple[str, str], fall: str) -> None:
        self.decide(lambda: self.desk.suspend(key, "t", self.now), fall)

    def resume(self, key: tuple[str, str], fall: str) -> None:
        self.decide(lambda: self.desk.resume(key, "t", self.now), fall)

    def revoke(self, key: tuple[str, str], disconnect: bool, release: bool, fall: str) -> None:
        self.decide(lambda: self._revoke(key, disconnect=disconnect, release=release), fall)

    def cancel(self, place: int, fall: str) -> None:
        steps = list(self.desk.outbox)
        if not steps:
            return
        step = steps[place % len(steps)]
        # Giving up the very step that takes back what was made leaves it to the leak finder, and says so.
        if "undo" not in payload_of(step):
            self.decide(lambda: self.desk.cancel(step.id, "no patience", "t", self.now), fall)

    def take(self, seconds: float) -> None:
        self.now += seconds
        self.flights += self.desk.outbox.take(self.now, 2)

    def work(self, mood: Mood, fall: str) -> None:
        self.now += 400.0
        for step, again in self.desk.outbox.take(self.now, 2):
            self._land(step, mood, again=again, fall=fall)

    def answer(self, place: int, mood: Mood, fall: str) -> None:
        if not self.flights:
            return
        step, again = self.flights.pop(place % len(self.flights))
        self._land(step, mood, again=again, fall=fall)

    def crash(self, mood: list[Mood]) -> None:
        for (step, again), how in zip(self.flights, mood, strict=False):
            self.outside.ask(step, self.store.subscribers[step.tenant, step.subscriber], how, again=again)
        self.fresh()

    def remake(self, fall: str) -> None:
        self.decide(lambda: self.desk.remove(KEYS[0], "t", self.now), fall)
        self.decide(lambda: self.desk.make(KEYS[0], "pd", 56, self.now), fall)

    def purge(self, fall: str) -> None:
        self.decide(lambda: self.desk.purge(self.now - 300.0, self.now, 10)[1], fall)

    def the_desk_is_what_was_committed(self) -> None:
        book = self.desk.book
        assert {(row.tenant, row.id): row for row in book.rows()} == self.store.subscribers
        assert {row.id for row in self.desk.outbox} == {row.id for row in self.store.snapshot().intents}
        for state in State:
            expected = sum(state_of(row) is state for row in book.rows())
            assert expected == book.states()[state] == len(list(book.in_state(state)))

    def no_transition_is_illegal(self) -> None:
        for turn in self.store.turns:
            before, after = State(turn.before), State(turn.after)
            begins = after is State.PENDING and before in {State.PENDING, State.REVOKED, State.FAILED}
            assert begins or before is after or after in TRANSITIONS[before], turn
        self.store.turns.clear()

    def no_prefix_is_had_by_two(self) -> None:
        had = [row.network for row in self.desk.book.rows() if state_of(row) in LIVE]
        assert len(had) == len(set(had))

    def whoever_has_a_prefix_has_it_in_the_ipam_too(self) -> None:
        for row in self.desk.book.rows():
            owned = [entry for entry in self.outside.entries.values() if entry.owner == (row.tenant, row.id)]
            assert len(owned) <= 1
            if state_of(row) in LIVE:
                assert [(entry.id, entry.network) for entry in owned] == [(row.ipv6_netbox_prefix_id, row.network)]
            if state_of(row) is State.REVOKED and not is_held(row):
                assert not owned

    def end_well(self) -> None:
        for step, again in self.flights:
            self._land(step, Mood.WELL, again=again, fall="")
        self.flights = []
        self._work_off()
        for key in KEYS:
            row = self.desk.book.get(key)
            if row is None or not is_held(row):
                continue
            if row.ipv6_netbox_prefix_id not in self.outside.entries:
                # A release was given up that had been done: the leak finder says so, and this is its repair.
                assert state_of(row) in {State.FAILED, State.REVOKED}
                self.store.commit(self.desk.lose(key, "it is not in the IPAM", "t", self.now))
            elif state_of(row) is State.FAILED:
                self.store.commit(self._revoke(key, disconnect=False, release=True))
        self._work_off()
        held = {
            (row.ipv6_netbox_prefix_id, row.network, (row.tenant, row.id))
            for row in self.store.subscribers.values()
            if row.network is not None
        }
        assert held == {(entry.id, entry.network, entry.owner) for entry in self.outside.entries.values()}
        assert len(held) + len(self.outside.free) == PREFIXES

    def _revoke(self, key: tuple[str, str], *, disconnect: bool, release: bool) -> tuple[Change, ...]:
        return self.desk.revoke(
            key, username="u", nas_ip=None, disconnect=disconnect, release=release, actor="t", now=self.now
        )

    def _land(self, step: IntentRecorded, mood: Mood, *, again: bool, fall: str) -> None:
        key = step.tenant, step.subscriber
        row = self.store.subscribers.get(key)
        if row is not None:
            result = self.outside.ask(step, row, mood, again=again)
            self.decide(lambda: self.desk.answered(step, result, again=again, now=self.now), fall)
        self.desk.outbox.let_go(key)

    def _work_off(self) -> None:
        for _ in range(100):
            if not len(self.desk.outbox):
                return
            self.now += 400.0
            for step, again in self.desk.outbox.take(self.now, 100):
                self._land(step, Mood.WELL, again=again, fall="")
        raise AssertionError(list(self.desk.outbox))


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**64))
def test_every_prefix_is_held_by_one_subscriber_everywhere_or_free_everywhere(seed: int) -> None:
    chance, lives = Random(seed), Lives()
    done = [deed(chance) for _ in range(120)]
    note("\n".join(map(str, done)))
    for name, *arguments in done:
        getattr(lives, name)(*arguments)
        lives.the_desk_is_what_was_committed()
        lives.no_transition_is_illegal()
        lives.no_prefix_is_had_by_two()
        lives.whoever_has_a_prefix_has_it_in_the_ipam_too()
    lives.end_well()
