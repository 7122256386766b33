"""Spaces, subscribers and their outbox: any sequence of their changes against a dumb model, and what is kept of the past."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Table

from ipv6console.engine.clock import Era
from ipv6console.engine.protocol import Durability, StoreError
from ipv6console.ipam.change import (
    BindingEnded,
    BindingRecorded,
    Change,
    DelegationRecorded,
    DelegationRemoved,
    IntentPlace,
    IntentRecorded,
    IntentsForgotten,
    PastBinding,
    RangeRecorded,
    RangeRemoved,
    ReservationRecorded,
    ReservationRemoved,
    RestEnded,
    RestRow,
    SpaceRecorded,
    SpaceRemoved,
    SpaceSnapshot,
    SubscriberRecorded,
    SubscriberRemoved,
    TransitionRecorded,
)
from ipv6console.pool.change import TokenRecorded
from ipv6console.store import spacetables
from ipv6console.store.backup import back_up, restore
from ipv6console.store.database import SqliteStore
from tests.unit.store.test_schema import make_release

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96
NET4 = 0xC6336400


def made(key: int = 1, name: str = "lab", *, at: float = 1.0) -> SpaceRecorded:
    return SpaceRecorded(key, name, "", "random", 3600.0, "", at)


def bound(key: int, address: int, name: str = "a", *, family: int = 6, space: int = 1) -> BindingRecorded:
    return BindingRecorded(
        key, space, family, address, "vms", name, "vm", "web", '["x"]', '{"rack":"7"}', "alice", 2.0, None
    )


def ended(row: BindingRecorded, *, at: float = 9.0, rests_until: float | None = None) -> BindingEnded:
    return BindingEnded(row.id, row.space_id, row.family, row.address, at, "released", "bob", rests_until)


def subscriber(name: str, *, tenant: str = "default", network: int | None = None) -> SubscriberRecorded:
    length = None if network is None else 56
    row = [tenant, name, "pd", 56, "pending", network, length, *[None] * 9, 1.0, 2.0, 2.0, *[None] * 6]
    return SubscriberRecorded._make(row)


def intent(key: str, *, state: str = "pending", at: float = 1.0, tenant: str = "default") -> IntentRecorded:
    return IntentRecorded(key, tenant, "anna", 1, "release", state, "{}", 0, 1.0, 2.0, at, "alice", None, None)


KEYS = st.integers(1, 4)
SPACES = st.integers(1, 2)
TIMES = st.floats(0, 4e9, allow_nan=False)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=8)
OWNERS = st.sampled_from(["anna", "ben"])
TENANTS = st.sampled_from(["default", "north"])
FAMILIES = st.sampled_from([(4, NET4), (6, BASE)])
HOSTS = st.integers(0, 2)
MAYBE = st.none() | TIMES


def edges(kind: Any, *rest: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.builds(
        lambda key, space, family, low, high, *others: kind(
            key, space, family[0], family[1] + low, family[1] + low + high, *others
        ),
        KEYS,
        SPACES,
        FAMILIES,
        HOSTS,
        HOSTS,
        *rest,
    )


CHANGES = st.one_of(
    st.builds(SpaceRecorded, SPACES, st.sampled_from(["lab", "prod"]), TEXTS, TEXTS, TIMES, TEXTS, st.just(0.0)),
    st.builds(SpaceRemoved, SPACES),
    edges(RangeRecorded, TEXTS, TIMES),
    st.builds(RangeRemoved, KEYS),
    edges(ReservationRecorded, TEXTS, TEXTS, TIMES),
    st.builds(ReservationRemoved, KEYS),
    st.builds(
        lambda key, space, family, host, *rest: BindingRecorded(key, space, family[0], family[1] + host, *rest),
        KEYS,
        SPACES,
        FAMILIES,
        HOSTS,
        st.sampled_from(["vms", "pods"]),
        OWNERS,
        TEXTS,
        TEXTS,
        TEXTS,
        TEXTS,
        TEXTS,
        TIMES,
        MAYBE,
    ),
    # The binding is filled in by the model: only what is bound can end.
    st.builds(BindingEnded, KEYS, SPACES, st.just(6), st.just(0), TIMES, TEXTS, TEXTS, MAYBE),
    st.builds(lambda space, family, host: RestEnded(space, family[0], family[1] + host), SPACES, FAMILIES, HOSTS),
    st.builds(
        DelegationRecorded,
        KEYS,
        SPACES,
        KEYS,
        st.integers(0, 2**128 - 1),
        st.integers(1, 128),
        st.sampled_from(["op-1", "op-2"]),
        TENANTS,
        OWNERS,
        TEXTS,
        TIMES,
    ),
    st.builds(DelegationRemoved, KEYS),
    st.builds(
        SubscriberRecorded,
        TENANTS,
        OWNERS,
        TEXTS,
        st.integers(1, 128),
        TEXTS,
        st.none() | st.integers(0, 2**128 - 1),
        st.none() | st.integers(1, 128),
        st.none() | TEXTS,
        st.none() | st.integers(1, 2**62),
        st.none() | st.integers(1, 2**62),
        *([st.none() | TEXTS] * 6),
        TIMES,
        TIMES,
        *([MAYBE] * 7),
    ),
    st.builds(SubscriberRemoved, TENANTS, OWNERS),
    st.builds(TransitionRecorded, TENANTS, OWNERS, TIMES, TEXTS, TEXTS, st.none() | TEXTS, TEXTS, TEXTS),
    st.builds(
        IntentRecorded,
        st.sampled_from(["i-1", "i-2", "i-3"]),
        TENANTS,
        OWNERS,
        KEYS,
        TEXTS,
        st.sampled_from(["pending", "done", "refused", "cancelled"]),
        TEXTS,
        KEYS,
        TIMES,
        TIMES,
        TIMES,
        TEXTS,
        st.none() | TEXTS,
        st.none() | TEXTS,
    ),
    st.builds(IntentsForgotten, TIMES),
)


@dataclass
class Model:
    """The dumb model: dicts, and every rule of `ipam.change` written out."""

    spaces: dict[int, SpaceRecorded] = field(default_factory=dict)
    ranges: dict[int, RangeRecorded] = field(default_factory=dict)
    reservations: dict[int, ReservationRecorded] = field(default_factory=dict)
    bindings: dict[int, BindingRecorded] = field(default_factory=dict)
    rests: dict[tuple[int, int, int], RestRow] = field(default_factory=dict)
    delegations: dict[int, DelegationRecorded] = field(default_factory=dict)
    subscribers: dict[tuple[str, str], SubscriberRecorded] = field(default_factory=dict)
    intents: dict[str, IntentRecorded] = field(default_factory=dict)
    timeline: list[TransitionRecorded] = field(default_factory=list)
    past: list[PastBinding] = field(default_factory=list)

    def take(self, change: Change) -> Change | None:
        """Apply what a space could have decided, made to fit, and return it; None for what none could."""
        match change:
            case SpaceRecorded():
                fits = all(row.name != change.name or row.id == change.id for row in self.spaces.values())
            case SpaceRemoved():
                held = [row.space_id for row in self.bindings.values()]
                fits = change.id not in [*held, *(row.space_id for row in self.delegations.values())]
            case BindingRecorded():
                others = [row for row in self.bindings.values() if row.id != change.id]
                fits = change.space_id in self.spaces and not any(
                    row[1:4] == change[1:4] or (row.space_id, row[4:6]) == (change.space_id, change[4:6])
                    for row in others
                )
            case BindingEnded():
                was = self.bindings.get(change.id)
                fits = was is not None
                if was is not None:
                    change = change._replace(space_id=was.space_id, family=was.family, address=was.address)
            case DelegationRecorded():
                fits = change.space_id in self.spaces and all(
                    row.operation != change.operation or row.id == change.id for row in self.delegations.values()
                )
            case RangeRecorded() | ReservationRecorded():
                fits = change.space_id in self.spaces
            case _:
                fits = True
        if not fits:
            return None
        self.apply(change)
        return change

    def apply(self, change: Change) -> None:
        match change:
            case SpaceRemoved():
                self.spaces.pop(change.id, None)
                self.ranges = {key: row for key, row in self.ranges.items() if row.space_id != change.id}
                self.reservations = {key: row for key, row in self.reservations.items() if row.space_id != change.id}
                self.rests = {key: row for key, row in self.rests.items() if row.space_id != change.id}
            case RangeRemoved() | ReservationRemoved() | DelegationRemoved() | RestEnded() | IntentsForgotten():
                self.drop(change)
            case BindingEnded():
                was = self.bindings.pop(change.id)
                self.past.append(PastBinding(was, change.ended_at, change.reason, change.actor))
                if change.rests_until is not None:
                    self.rests[was[1:4]] = RestRow(*was[1:4], change.rests_until)
            case SubscriberRemoved():
                self.subscribers.pop((change.tenant, change.id), None)
                self.timeline = [row for row in self.timeline if row[:2] != tuple(change)]
            case TransitionRecorded():
                self.timeline.append(change)
            case _:
                self.keep(change)

    def drop(self, change: Change) -> None:
        match change:
            case RangeRemoved():
                self.ranges.pop(change.id, None)
            case ReservationRemoved():
                self.reservations.pop(change.id, None)
            case DelegationRemoved():
                self.delegations.pop(change.id, None)
            case RestEnded():
                self.rests.pop((change.space_id, change.family, change.address), None)
            case IntentsForgotten():
                for row in self.ended():
                    if row.changed_at < change.before:
                        del self.intents[row.id]

    def keep(self, change: Change) -> None:
        match change:
            case SpaceRecorded():
                self.spaces[change.id] = change
            case RangeRecorded():
                self.ranges[change.id] = change
            case ReservationRecorded():
                self.reservations[change.id] = change
            case BindingRecorded():
                self.bindings[change.id] = change
            case DelegationRecorded():
                self.delegations[change.id] = change
            case SubscriberRecorded():
                self.subscribers[change[:2]] = change
            case IntentRecorded():
                self.intents[change.id] = change

    def snapshot(self) -> SpaceSnapshot:
        return SpaceSnapshot(
            tuple(self.spaces[key] for key in sorted(self.spaces)),
            tuple(self.ranges[key] for key in sorted(self.ranges)),
            tuple(self.reservations[key] for key in sorted(self.reservations)),
            tuple(self.bindings[key] for key in sorted(self.bindings)),
            # By text, as they are kept: these few sort alike.
            tuple(self.rests[key] for key in sorted(self.rests)),
            tuple(self.delegations[key] for key in sorted(self.delegations)),
            tuple(self.subscribers[key] for key in sorted(self.subscribers)),
            tuple(row for key, row in sorted(self.intents.items()) if row.state == "pending"),
        )

    def ended(self) -> tuple[IntentRecorded, ...]:
        over = [row for row in self.intents.values() if row.state != "pending"]
        return tuple(sorted(over, key=lambda row: (row.changed_at, row.id), reverse=True))


@given(drawn=st.lists(st.tuples(CHANGES, st.booleans()), max_size=50))
@settings(max_examples=100, deadline=None)
def test_any_sequence_of_changes_is_loaded_as_the_state_it_adds_up_to(drawn: list[tuple[Change, bool]]) -> None:
    model = Model()
    groups: list[list[Change]] = [[]]
    for change, cut in drawn:
        if (taken := model.take(change)) is not None:
            groups[-1].append(taken)
        if cut:
            groups.append([])

    async def go(path: Path) -> None:
        store = await SqliteStore.open(path)
        await asyncio.gather(*(store.commit(changes) for changes in groups))
        assert (await store.load()).space == model.snapshot()
        await store.close()
        again = await SqliteStore.open(path)
        assert (await again.load()).space == model.snapshot()
        assert await again.ended_intents(None, None, None, 100) == model.ended()
        assert await again.count_ended_intents(None, None) == len(model.ended())
        for tenant in ("default", "north"):
            for name in ("anna", "ben"):
                timeline = tuple(row for row in reversed(model.timeline) if row[:2] == (tenant, name))
                assert await again.transitions(tenant, name, 100) == timeline
        for key in model.spaces:
            past = tuple(row for row in reversed(model.past) if row.binding.space_id == key)
            assert await again.binding_history(key, None, None, 100) == past
        await again.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(go(Path(folder) / "engine.db"))


@pytest.mark.parametrize(
    ("table", "change", "left_out"),
    [
        (spacetables.space, SpaceRecorded, set()),
        (spacetables.space_range, RangeRecorded, set()),
        (spacetables.reservation, ReservationRecorded, set()),
        (spacetables.binding, BindingRecorded, set()),
        (spacetables.rest, RestRow, set()),
        (spacetables.delegation, DelegationRecorded, set()),
        (spacetables.subscriber, SubscriberRecorded, set()),
        (spacetables.transition, TransitionRecorded, {"id"}),
        (spacetables.intent, IntentRecorded, set()),
    ],
)
def test_the_columns_of_a_table_are_the_fields_of_its_change_in_their_order(
    table: Table, change: type[SpaceRecorded], left_out: set[str]
) -> None:
    assert tuple(column.name for column in table.columns if column.name not in left_out) == change._fields


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    opened = await SqliteStore.open(tmp_path / "engine.db")
    await opened.commit([made()], Durability.POWER)
    yield opened
    await opened.close()


@pytest.mark.parametrize(
    "second",
    [
        bound(2, BASE + 2, "a"),
        bound(2, BASE + 1, "b"),
        bound(2, BASE + 2, "b", space=2),
        made(2, "lab"),
        DelegationRecorded(2, 1, 1, BASE, 56, "op-1", "default", "anna", "reserved", 1.0),
        SpaceRemoved(1),
    ],
)
async def test_what_would_break_a_rule_is_refused_and_nothing_of_its_commit_stays(
    store: SqliteStore, second: Change
) -> None:
    held = DelegationRecorded(1, 1, 1, BASE, 56, "op-1", "default", "anna", "reserved", 1.0)
    await store.commit([bound(1, BASE + 1), held])
    before = await store.load()
    steps: list[Change] = [
        subscriber("anna", network=BASE),
        TransitionRecorded("default", "anna", 1.0, "pending", "allocated", None, "alice", ""),
        intent("i-1"),
        intent("i-2", state="done"),
        ended(bound(1, BASE + 1), rests_until=99.0),
        bound(1, BASE + 1),
    ]
    with pytest.raises(StoreError):
        await store.commit([*steps, second])
    assert await store.load() == before
    assert await store.ended_intents(None, None, None, 10) == ()
    assert await store.transitions("default", "anna", 10) == ()
    assert await store.binding_history(1, None, None, 10) == ()


async def test_a_change_of_a_subscriber_and_its_step_are_there_together_or_not_at_all(store: SqliteStore) -> None:
    broken = bound(7, BASE, space=99)
    with pytest.raises(StoreError):
        await asyncio.gather(
            store.commit([subscriber("anna"), intent("i-1")], Durability.POWER), store.commit([broken])
        )
    assert (await store.load()).space == SpaceSnapshot(spaces=(made(),))
    await store.commit([subscriber("anna"), intent("i-1")], Durability.POWER)
    assert (await store.load()).space[-2:] == ((subscriber("anna"),), (intent("i-1"),))


async def test_ended_bindings_are_found_by_address_and_by_instance_the_last_ended_first(store: SqliteStore) -> None:
    rows = [bound(1, BASE + 1, "a"), bound(2, NET4 + 1, "b", family=4), bound(3, BASE + 1, "c")]
    rows[2] = rows[2]._replace(instance="pods")
    for number, row in enumerate(rows):
        await store.commit([row, ended(row, at=10.0 + number)])
    past = [PastBinding(row, 10.0 + number, "released", "bob") for number, row in enumerate(rows)]
    assert await store.binding_history(1, BASE + 1, None, 10) == (past[2], past[0])
    assert await store.binding_history(1, NET4 + 1, None, 10, family=4) == (past[1],)
    assert await store.binding_history(1, None, "vms", 1) == (past[1],)
    assert await store.binding_history(2, None, None, 10) == ()
    assert await store.forget_binding_history(11.5) == 2
    assert await store.binding_history(1, None, None, 10) == (past[2],)


async def test_a_new_space_does_not_inherit_the_past_of_one_that_had_its_number(store: SqliteStore) -> None:
    row = bound(1, BASE + 1)
    await store.commit([row, ended(row, at=10.0, rests_until=99.0), SpaceRemoved(1), made(1, "other", at=11.0)])
    assert await store.binding_history(1, None, None, 10) == ()
    assert (await store.load()).space == SpaceSnapshot(spaces=(made(1, "other", at=11.0),))


async def test_ended_steps_are_read_on_from_where_a_page_ended(store: SqliteStore) -> None:
    steps = [
        intent(f"i-{number}", state="done" if number % 3 else "refused", at=float(number // 2)) for number in range(9)
    ]
    await store.commit([*steps, intent("p"), intent("n", state="done", tenant="north")])
    wanted = sorted((row for row in steps), key=lambda row: (row.changed_at, row.id), reverse=True)
    found: list[IntentRecorded] = []
    place: IntentPlace | None = None
    while page := await store.ended_intents("default", None, place, 4):
        found += page
        place = IntentPlace(page[-1].changed_at, page[-1].id)
    assert found == wanted
    assert await store.ended_intents("north", "refused", None, 4) == ()
    assert await store.count_ended_intents("default", "refused") == 3
    other = intent("o", state="done")._replace(subscriber="other")
    await store.commit([other])
    assert await store.ended_intents("default", None, None, 4, subscriber="other") == (other,)
    assert await store.count_ended_intents(None, None, subscriber="other") == 1


async def test_a_database_from_before_spaces_comes_up_with_its_tokens_for_every_tenant(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    make_release(path, "0005")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("INSERT INTO token VALUES ('ci', 'digest', 'read', 1.0, 'alice')")
        connection.commit()
    store = await SqliteStore.open(path)
    mine = TokenRecorded("shop", "digest", "operate", 2.0, "alice", "north")
    await store.commit([mine, made()])
    snapshot = await store.load()
    await store.close()
    assert snapshot.tokens == (TokenRecorded("ci", "digest", "read", 1.0, "alice", None), mine)
    assert snapshot.space == SpaceSnapshot(spaces=(made(),))


async def test_bindings_rests_and_steps_keep_their_time_when_the_wall_clock_was_set(
    store: SqliteStore, tmp_path: Path
) -> None:
    rows = [bound(1, BASE + 1)._replace(expires_at=500.0), bound(2, BASE + 2, "b"), bound(3, BASE + 3, "c")]
    await store.carry_over(Era("boot", 5.0), 100.0, 60.0)
    await store.commit([*rows, ended(rows[2], rests_until=300.0), intent("i-1")])
    await store.close()
    again = await SqliteStore.open(tmp_path / "engine.db")
    assert await again.carry_over(Era("boot", 1_005.0), 1_100.0, 60.0) == 1_000.0
    snapshot = await again.load()
    await again.close()
    assert [row.expires_at for row in snapshot.space.bindings] == [1_500.0, None]
    assert snapshot.space.rests == (RestRow(1, 6, BASE + 3, 1_300.0),)
    assert snapshot.space.intents == (intent("i-1")._replace(next_at=1_002.0),)


async def test_a_backup_has_spaces_subscribers_and_what_ended(store: SqliteStore, tmp_path: Path) -> None:
    row = bound(1, BASE + 1)
    entry = TransitionRecorded("default", "anna", 1.0, "pending", "allocated", None, "alice", "")
    await store.commit([row, bound(2, NET4, "b", family=4), ended(row, rests_until=99.0)])
    await store.commit([subscriber("anna", network=BASE), entry, intent("i-1"), intent("i-2", state="done")])
    kept = (await store.load()).space
    await anyio.to_thread.run_sync(back_up, tmp_path / "engine.db", tmp_path / "copy")
    await anyio.to_thread.run_sync(restore, tmp_path / "copy", tmp_path / "other" / "engine.db")
    other = await SqliteStore.open(tmp_path / "other" / "engine.db")
    assert (await other.load()).space == kept
    assert [len(part) for part in kept] == [1, 0, 0, 1, 1, 0, 1, 1]
    assert await other.transitions("default", "anna", 10) == (entry,)
    assert await other.ended_intents(None, None, None, 10) == (intent("i-2", state="done"),)
    assert len(await other.binding_history(1, None, None, 10)) == 1
    await other.close()


async def test_spaces_and_subscribers_are_readable_with_the_sqlite3_shell(store: SqliteStore, tmp_path: Path) -> None:
    row = bound(1, BASE + 1)
    entry = TransitionRecorded("default", "anna", 60.0, "pending", "allocated", "2001:db8::/56", "alice", "it has it")
    anna = subscriber("anna", network=BASE)._replace(registry="netbox", ipv6_netbox_prefix_id=7)
    await store.commit([row, bound(2, NET4 + 7, "b", family=4), ended(row, at=60.0), anna, entry, intent("i-1")])
    asked = "; ".join(
        f"SELECT * FROM {view}" for view in ("bound", "past_binding", "subscriber_prefix", "timeline", "outbox")
    )
    done = await anyio.run_process(["sqlite3", str(tmp_path / "engine.db"), asked])
    assert done.stdout.decode().splitlines() == [
        'lab|198.51.100.7|vms|b|vm|web|["x"]|alice|1970-01-01 00:00:02|',
        "lab|2001:db8::1|vms|a|vm|web|1970-01-01 00:00:02|1970-01-01 00:01:00|released|bob",
        "default|anna|pending|2001:db8::/56|netbox|7||||||1970-01-01 00:00:02",
        "1970-01-01 00:01:00|default|anna|pending|allocated|2001:db8::/56|alice|it has it",
        "i-1|default|anna|release|pending|0|1970-01-01 00:00:01|1970-01-01 00:00:02|alice||",
    ]
