"""The history: who held which address when, who bans us, and forgetting both by age."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as sqlalchemy_event

from ipv6console.pool.change import (
    AddressAdded,
    Change,
    LeaseEnded,
    MirrorFlushed,
    MirrorRecorded,
    PoolEmptied,
    PrefixRecorded,
    UsageRecorded,
)
from ipv6console.store import database, lookup
from ipv6console.store import history as pieces
from ipv6console.store.database import SqliteStore
from ipv6console.store.rows import driver_of
from ipv6console.wire.target import TargetRow

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96


def ended(
    address: int, since: float, until: float, *, mirror: str = "task1", target: str | None = None, verdict: str = "idle"
) -> LeaseEnded:
    return LeaseEnded(BASE + address, mirror, "curl", since, until, verdict, target, f"at {until}")


def banned(address: int, until: float, target: str, *, mirror: str = "task1") -> LeaseEnded:
    return ended(address, 0.0, until, mirror=mirror, target=target, verdict="bad")


async def statements(store: SqliteStore, asked: Awaitable[object]) -> list[tuple[str, Any]]:
    """Return what the database is told while `asked` is awaited, with the parameters."""
    seen: list[tuple[str, Any]] = []

    def note(_connection: object, _cursor: object, statement: str, parameters: object, *_rest: object) -> None:
        seen.append((statement, parameters))

    sqlalchemy_event.listen(store._file.connection, "before_cursor_execute", note)
    await asked
    sqlalchemy_event.remove(store._file.connection, "before_cursor_execute", note)
    return seen


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "engine.db")
    yield opened
    await opened.close()


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database, to be copied: making one for every example would take most of the time."""
    path = tmp_path_factory.mktemp("blank") / "engine.db"

    async def make() -> None:
        await (await SqliteStore.open(path)).close()

    asyncio.run(make())
    return path


@asynccontextmanager
async def temporary_store(blank: Path, rows: Sequence[Change]) -> AsyncIterator[SqliteStore]:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(blank, folder)
        opened = await SqliteStore.open(Path(folder) / "engine.db")
        await opened.commit(rows)
        try:
            yield opened
        finally:
            await opened.close()


async def test_an_ended_lease_is_kept_as_it_was_also_over_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    plain = LeaseEnded(BASE + 1, "task1", "uid 1000", 1.5, 2.5, "expired")
    full = LeaseEnded(BASE + 2, "task2", "curl", 3.5, 4.5, "bad", "a.example", "http 429")
    await store.commit([plain, full])
    await store.close()
    again = await SqliteStore.open(tmp_path / "engine.db")
    assert await again.history(None, None, None, 10) == (full, plain)
    await again.close()


async def test_who_held_an_address_at_a_time_includes_both_ends(store: SqliteStore) -> None:
    first, second, third = ended(1, 10.0, 20.0), ended(1, 20.0, 30.0), ended(1, 40.0, 50.0)
    await store.commit([first, second, third, ended(2, 0.0, 99.0)])
    found = {at: await store.history(BASE + 1, None, at, 10) for at in (9.9, 10.0, 20.0, 30.0, 35.0, 50.0, 50.1)}
    assert found == {
        9.9: (),
        10.0: (first,),
        20.0: (second, first),
        30.0: (second,),
        35.0: (),
        50.0: (third,),
        50.1: (),
    }


async def test_the_history_outlives_the_mirror_and_the_pool_it_speaks_of(store: SqliteStore) -> None:
    lease = ended(1, 1.0, 2.0)
    await store.commit(
        [
            PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
            AddressAdded(1, 1, BASE + 1, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False),
            UsageRecorded(1, 1, "idle", None, None, 2.0, None, owned=False, strikes=0, uses=1),
            lease,
        ]
    )
    await store.commit([MirrorFlushed(1), PoolEmptied()])
    assert await store.history(BASE + 1, None, None, 10) == (lease,)


async def test_an_ended_lease_of_a_commit_that_fails_is_not_kept(store: SqliteStore) -> None:
    unknown = UsageRecorded(9, 9, "idle", None, None, 2.0, None, owned=False, strikes=0, uses=1)
    results = await asyncio.gather(store.commit([ended(1, 1.0, 2.0), unknown]), return_exceptions=True)
    assert [type(result).__name__ for result in results] == ["StoreError"]
    await store.load()
    assert await store.history(None, None, None, 10) == ()


async def test_reports_that_wait_together_need_one_statement_for_usage_and_one_for_history(
    store: SqliteStore,
) -> None:
    await store.commit(
        [
            PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False),
            *(AddressAdded(number, 1, BASE + number, 0.0) for number in range(100)),
        ]
    )
    reports: list[Change] = []
    for number in range(100):
        reports.append(UsageRecorded(1, number, "idle", None, None, 2.0, None, owned=False, strikes=0, uses=1))
        reports.append(ended(number, 1.0, 2.0))
    seen: list[str] = []
    driver = driver_of(store._file.connection)
    driver.set_trace_callback(lambda sql: seen.append(sql.partition("(")[0].strip()))
    await store.commit(reports)
    driver.set_trace_callback(None)
    said = [sql for sql in seen if not sql.startswith("PRAGMA busy_timeout")]
    assert [(sql, len(list(rows))) for sql, rows in groupby(said)] == [
        ("BEGIN IMMEDIATE", 1),
        ("INSERT INTO usage", 100),
        ("INSERT INTO history", 100),
        ("COMMIT", 1),
    ]


LEASES = st.lists(
    st.builds(
        lambda address, since, length, mirror, verdict, target: ended(
            address, float(since), float(since + length), mirror=mirror, verdict=verdict, target=target
        ),
        st.integers(1, 3),
        st.integers(0, 9),
        st.integers(0, 9),
        st.sampled_from(["a", "b"]),
        st.sampled_from(["idle", "bad"]),
        st.sampled_from([None, "", "x", "y", "z"]),
    ),
    max_size=40,
)


@pytest.fixture
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "_AT_ONCE", 3)
    monkeypatch.setattr(database, "_BLOCKS_AT_ONCE", 2)
    monkeypatch.setattr(database, "_ROWS_AT_ONCE", 3)
    monkeypatch.setattr(lookup, "BLOCK", 4)


@given(
    rows=LEASES,
    question=st.tuples(
        st.none() | st.integers(1, 4),
        st.none() | st.sampled_from(["a", "b", "c"]),
        st.none() | st.integers(0, 20).map(float),
    ),
    limit=st.integers(-1, 12),
    indexed=st.lists(st.integers(0, 40), max_size=3),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("small_pieces")
def test_any_question_to_the_history_is_answered_as_a_plain_search_would(
    blank: Path,
    rows: list[LeaseEnded],
    question: tuple[int | None, str | None, float | None],
    limit: int,
    indexed: list[int],
) -> None:
    address, mirror, at = question
    newest_first = [row for _, row in sorted(enumerate(rows), key=lambda item: (item[1].until, item[0]), reverse=True)]
    expected = [
        row
        for row in newest_first
        if (address is None or row.address == BASE + address)
        and (mirror is None or row.mirror == mirror)
        and (at is None or row.since <= at <= row.until)
    ]

    async def ask() -> tuple[LeaseEnded, ...]:
        async with temporary_store(blank, []) as store:
            for start, end in pairwise([0, *sorted(indexed), len(rows)]):
                await store.commit(rows[start:end])
                await store.index_history()
            return await store.history(None if address is None else BASE + address, mirror, at, limit)

    assert asyncio.run(ask()) == tuple(expected[: max(limit, 0)])


@given(rows=LEASES, mirror=st.none() | st.sampled_from(["a", "b", "c"]))
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.usefixtures("small_pieces")
def test_targets_count_every_bad_verdict_that_names_a_host(
    blank: Path, rows: list[LeaseEnded], mirror: str | None
) -> None:
    bans = [row for row in rows if row.verdict == "bad" and row.target is not None and mirror in {None, row.mirror}]
    expected = {
        key: (
            count,
            len({row.address for row in bans if (row.mirror, row.target) == key}),
            max(row.until for row in bans if (row.mirror, row.target) == key),
        )
        for key, count in Counter((row.mirror, row.target) for row in bans).items()
    }

    async def ask() -> tuple[TargetRow, ...]:
        async with temporary_store(blank, rows) as store:
            return await store.targets(mirror, 100)

    found = asyncio.run(ask())
    assert {(row.dbname, row.target): (row.bans, row.addresses, row.last_at) for row in found} == expected
    assert [row.last_reason for row in found] == [f"at {row.last_at}" for row in found]
    assert [row.bans for row in found] == sorted((row.bans for row in found), reverse=True)


async def test_of_many_targets_those_with_most_bans_are_given(store: SqliteStore) -> None:
    await store.commit(
        [
            banned(1, 10.0, "seldom.example"),
            *(banned(number, float(number), "often.example") for number in range(5)),
            *(banned(1, float(number), "twice.example", mirror="task2") for number in range(2)),
        ]
    )
    assert await store.targets(None, 2) == (
        TargetRow(dbname="task1", target="often.example", bans=5, addresses=5, last_at=4.0, last_reason="at 4.0"),
        TargetRow(dbname="task2", target="twice.example", bans=2, addresses=1, last_at=1.0, last_reason="at 1.0"),
    )
    assert await store.targets("task2", 0) == ()


async def test_old_history_is_forgotten_however_much_it_is_its_targets_with_it(store: SqliteStore) -> None:
    await store.commit([banned(number, float(number), "a.example") for number in range(1, 2_501)])
    assert await store.forget_history(2_400.0, 10_000) == 2_399
    assert [row.until for row in await store.history(None, None, None, 1_000)][-2:] == [2_401.0, 2_400.0]
    assert [row.bans for row in await store.targets(None, 1)] == [101]
    assert await store.forget_history(2_400.0, 10_000) == 0


@pytest.fixture
def blocks_of_ten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup, "BLOCK", 10)


async def counted(store: SqliteStore) -> list[int]:
    """Return how many rows the history and its index have."""
    tables = ("history", "history_block")
    connection = store._file.connection
    return await store._writer.perform(
        lambda: [int(connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar_one()) for name in tables]
    )


@pytest.mark.usefixtures("blocks_of_ten")
async def test_of_more_history_than_is_to_be_kept_the_oldest_blocks_go(store: SqliteStore) -> None:
    await store.commit([banned(number, float(number), "a.example") for number in range(1, 96)])
    assert await store.index_history() == 9
    assert await store.forget_history(0.0, 50) == 39
    left = [row.until for row in await store.history(None, None, None, 1_000)]
    assert (min(left), max(left)) == (40.0, 95.0)
    assert [row.bans for row in await store.targets(None, 1)] == [len(left)]
    assert await store.forget_history(0.0, 50) == 0
    assert await store.history(BASE + 39, None, None, 10) == ()
    assert [row.until for row in await store.history(BASE + 40, None, None, 10)] == [40.0]


@pytest.mark.usefixtures("blocks_of_ten")
async def test_what_is_forgotten_leaves_nothing_in_the_index_and_its_numbers_to_nobody(store: SqliteStore) -> None:
    await store.commit([ended(number, 0.0, float(number)) for number in range(1, 101)])
    await store.index_history()
    assert await store.forget_history(1_000.0, 1_000) == 99
    assert await counted(store) == [1, 0]
    await store.commit([ended(7, 0.0, float(number)) for number in range(2_000, 2_030)])
    await store.index_history()
    assert len(await store.history(BASE + 7, None, None, 100)) == 30
    assert [row.until for row in await store.history(BASE + 100, None, None, 100)] == [100.0]


@pytest.mark.usefixtures("blocks_of_ten")
async def test_a_long_history_without_an_index_gets_it_in_parts_with_commits_in_between(store: SqliteStore) -> None:
    await store.commit([ended(number, 0.0, float(number)) for number in range(1_000)])
    indexing = asyncio.create_task(store.index_history())
    await store.commit([ended(1, 0.0, 1.0)])
    assert not indexing.done()
    done = await indexing
    while part := await store.index_history():
        done += part
    assert done == (await counted(store))[1] == 100


@pytest.mark.usefixtures("blocks_of_ten")
async def test_an_address_is_looked_up_without_reading_the_leases_of_others(store: SqliteStore) -> None:
    await store.commit([ended(number, float(number), number + 1.0) for number in range(1_000)])
    while await store.index_history():
        pass
    seen = await statements(store, store.history(BASE + 500, None, 500.5, 10))
    assert (
        len(seen) == 5
    )  # how far the index reaches, a hundred blocks in two pieces, the one block and the newest rows


async def test_commits_get_in_between_the_pieces_of_a_long_search(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pieces, "_AT_ONCE", 10)
    await store.commit([ended(number, 0.0, float(number)) for number in range(1_000)])
    search = asyncio.create_task(store.history(None, "unknown", None, 1))
    await store.commit([ended(1, 0.0, 1.0)])
    assert not search.done()
    assert await search == ()


@pytest.mark.parametrize(
    ("question", "index"),
    [
        (lambda store: store.history(BASE + 1, None, 1.0, 5), "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (lambda store: store.history(BASE + 1, "task1", None, 5), "INTEGER PRIMARY KEY (rowid>? AND rowid<?)"),
        (lambda store: store.history(None, None, None, 5), "ix_history_until"),
        (lambda store: store.history(None, "task1", 1.0, 5), "ix_history_until"),
        (lambda store: store.targets(None, 5), "ix_history_ban"),
        (lambda store: store.targets("task1", 5), "ix_history_ban"),
        (lambda store: store.forget_history(1.0, 10), "ix_history_until"),
    ],
)
async def test_every_question_is_answered_from_an_index_in_its_order(
    store: SqliteStore, question: Callable[[SqliteStore], Awaitable[object]], index: str
) -> None:
    # A block of every kind: one that is indexed, and leases after it.
    await store.commit([ended(1, 0.0, float(number)) for number in range(lookup.BLOCK + 10)])
    await store.index_history()
    asked = await statements(store, question(store))

    def explain() -> list[str]:
        connection = store._file.connection
        return [
            str(row[3])
            for sql, values in asked
            for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", values)
            # One row a block, a thousand or so: it may be read whole. A plain SEARCH is for the least or the greatest id.
            if "history" in str(row[3]) and "history_block" not in str(row[3]) and row[3] != "SEARCH history"
        ]

    plan = await store._writer.perform(explain)
    assert plan
    assert [step for step in plan if index not in step and "INTEGER PRIMARY KEY" not in step] == []
    assert [step for step in plan if step.startswith("SCAN")] == []
