"""Commits: shared, ordered, all or none, and refused after a failure until the truth was loaded again."""

from __future__ import annotations

import asyncio
import errno
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from queue import SimpleQueue

import pytest

from ipv6console.engine.protocol import Durability, StoreError
from ipv6console.pool.change import (
    AddressAdded,
    AddressRemoved,
    Change,
    MirrorFlushed,
    MirrorRecorded,
    PrefixRecorded,
    UsageRecorded,
)
from ipv6console.store import writer
from ipv6console.store.database import SqliteStore
from ipv6console.store.fault import Cause, Fault
from ipv6console.wire.status import Level

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96


def using(address: int, *, mirror: int = 1, uses: int = 1, holder: str = "curl") -> UsageRecorded:
    return UsageRecorded(mirror, address, "using", "token", holder, 1.0, 2.0, owned=False, strikes=0, uses=uses)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    """A store with one prefix, one mirror and 9 addresses."""
    opened = await SqliteStore.open(tmp_path / "engine.db", busy_timeout=0.05)
    await opened.commit(
        [
            PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False),
            *(AddressAdded(number, 1, BASE + number, 0.0) for number in range(1, 10)),
        ]
    )
    yield opened
    await opened.close()


@asynccontextmanager
async def held_up(store: SqliteStore) -> AsyncIterator[None]:
    """Keep the writer busy inside the block, so that what is committed there queues up."""
    gate = threading.Event()
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def wait() -> None:
        loop.call_soon_threadsafe(started.set)
        gate.wait()

    task = asyncio.ensure_future(store._writer.perform(wait))
    await started.wait()
    try:
        yield
    finally:
        gate.set()
        await task


async def queued(store: SqliteStore, *batches: Sequence[Change]) -> list[asyncio.Task[None]]:
    """Start one commit for each of `batches`, in their order, and return once all of them are queued."""
    target = store.status().queue + len(batches)
    tasks = [asyncio.create_task(store.commit(batch)) for batch in batches]
    await asyncio.sleep(0)
    assert store.status().queue == target
    return tasks


def limit_pages(store: SqliteStore, pages: int) -> int:
    """Let the database grow to `pages` pages (at least what it has), as a full disk would; return the limit."""
    sql = f"PRAGMA max_page_count = {pages}"
    return int(store._file.connection.exec_driver_sql(sql).scalar_one())


async def test_commits_that_wait_together_share_one_transaction(store: SqliteStore) -> None:
    before = store.status().commits
    async with held_up(store):
        tasks = await queued(store, *([using(number)] for number in range(1, 10)))
        assert store.status().queue == 9
    await asyncio.gather(*tasks)
    assert store.status().commits == before + 1
    assert store.status().queue == 0
    assert len((await store.load()).usages) == 9


class Bell(SimpleQueue[object]):
    """A queue that counts how often its reader is woken."""

    rings = 0

    def put(self, item: object, block: bool = True, timeout: float | None = None) -> None:
        Bell.rings += 1
        super().put(item, block, timeout)


async def test_commits_of_one_turn_of_the_loop_wake_the_writer_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SimpleQueue", Bell)
    store = await SqliteStore.open(tmp_path / "engine.db")
    before = Bell.rings
    rows = [MirrorRecorded(number, f"task{number}", 0.0, draining=False) for number in range(9)]
    await asyncio.gather(*(store.commit([row], Durability.POWER) for row in rows))
    assert Bell.rings == before + 1
    assert (await store.load()).mirrors == tuple(rows)
    await store.close()


async def test_what_need_not_outlive_the_power_is_committed_without_waking_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SimpleQueue", Bell)
    store = await SqliteStore.open(tmp_path / "engine.db")
    # The first of a new log waits for the disk.
    await store.commit([MirrorRecorded(0, "task0", 0.0, draining=False)])
    while store._writer._away:  # noqa: ASYNC110 - nobody is told of it
        await asyncio.sleep(0)
    before, commits = Bell.rings, store.status().commits
    rows = [MirrorRecorded(number, f"task{number}", 0.0, draining=False) for number in range(1, 10)]
    await asyncio.gather(*(store.commit([row]) for row in rows))
    assert Bell.rings == before
    assert store.status().commits == commits + 1
    assert (await store.load()).mirrors[1:] == tuple(rows)
    await store.close()


async def test_while_another_program_writes_the_loop_goes_on_and_the_commit_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "SimpleQueue", Bell)
    store = await SqliteStore.open(tmp_path / "engine.db")
    await store.commit([MirrorRecorded(0, "task0", 0.0, draining=False)])
    before = Bell.rings
    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        commit = asyncio.create_task(store.commit([MirrorRecorded(1, "task1", 0.0, draining=False)]))
        while Bell.rings == before:  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0)
        assert not commit.done()
        other.execute("COMMIT")
    await commit
    assert [row.name for row in (await store.load()).mirrors] == ["task0", "task1"]
    await store.close()


async def test_who_was_refused_hears_it_once_though_others_of_the_same_turn_wait_for_another_program(
    tmp_path: Path,
) -> None:
    store = await SqliteStore.open(tmp_path / "engine.db")
    await store.commit([MirrorRecorded(0, "task0", 0.0, draining=False)])
    owner = store._writer
    while owner._away:  # noqa: ASYNC110 - nobody is told of it
        await asyncio.sleep(0)
    heard: list[tuple[str, bool]] = []
    done = asyncio.Event()

    def late(error: StoreError | None) -> None:
        heard.append(("late", error is None))
        done.set()

    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        row = MirrorRecorded(1, "task1", 0.0, draining=False)
        store.submit([row], Durability.PROCESS, lambda error: heard.append(("stale", error is None)))
        owner._fail(Fault(Cause.FULL, "the disk was full", "make room"))
        owner._loaded = owner._generation
        store.submit([row], Durability.PROCESS, late)
        while not heard:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)
        other.execute("COMMIT")
    await done.wait()
    assert heard == [("stale", False), ("late", True)]
    assert store.status().queue == 0
    await store.close()


async def test_a_long_log_is_copied_into_the_file_by_the_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_LOG", 20)
    store = await SqliteStore.open(tmp_path / "engine.db")
    log = tmp_path / "engine.db-wal"
    sizes = []
    for number in range(200):
        await store.commit([MirrorRecorded(number, f"task{number}", 0.0, draining=False)])
        sizes.append(log.stat().st_size)
    # Begun anew again and again, it never has more than some twenty commits of a few pages each.
    assert sizes[-1] == sizes[100] < 150 * 4_096
    assert len((await store.load()).mirrors) == 200
    await store.close()


async def test_what_is_asked_in_the_same_turn_as_a_commit_and_after_it_knows_of_it(store: SqliteStore) -> None:
    commit, load = asyncio.create_task(store.commit([using(3)])), asyncio.create_task(store.load())
    await commit
    assert [row.address_id for row in (await load).usages] == [3]


async def test_commits_one_after_the_other_are_transactions_of_their_own(store: SqliteStore) -> None:
    before = store.status().commits
    for number in range(1, 4):
        await store.commit([using(number)])
    assert store.status().commits == before + 3


async def test_usage_recorded_after_a_flush_in_the_same_batch_survives(store: SqliteStore) -> None:
    await store.commit([using(1), using(2)])
    async with held_up(store):
        tasks = await queued(store, [using(3)], [MirrorFlushed(1)], [using(4, holder="after")])
    await asyncio.gather(*tasks)
    assert [row.address_id for row in (await store.load()).usages] == [4]


async def test_an_address_removed_and_added_again_in_one_commit_has_no_usage(store: SqliteStore) -> None:
    await store.commit([using(1)])
    await store.commit([AddressRemoved(1), AddressAdded(1, 1, BASE + 1, 7.0)])
    snapshot = await store.load()
    assert snapshot.usages == ()
    assert snapshot.addresses[0] == AddressAdded(1, 1, BASE + 1, 7.0)


async def test_the_newest_of_several_records_of_one_usage_in_a_batch_counts(store: SqliteStore) -> None:
    await store.commit([using(1, uses=number) for number in range(1, 50)])
    assert [row.uses for row in (await store.load()).usages] == [49]


async def test_an_empty_commit_is_no_transaction(store: SqliteStore) -> None:
    before = store.status().commits
    await store.commit([])
    assert store.status().commits == before


async def test_a_full_disk_refuses_the_whole_batch_and_says_what_helps(store: SqliteStore) -> None:
    before = await store.load()
    await store._writer.perform(lambda: limit_pages(store, 1))
    with pytest.raises(StoreError, match="the disk is full") as refusal:
        await store.commit([MirrorRecorded(2, "task2", 0.0, draining=False), using(1, holder="x" * 100_000)])
    assert "free space" in refusal.value.fix
    assert store.status().level is Level.FAIL
    assert "the disk is full" in store.status().text
    assert await store.load() == before


async def test_after_a_full_disk_is_lifted_and_the_state_loaded_the_store_commits_again(store: SqliteStore) -> None:
    await store._writer.perform(lambda: limit_pages(store, 1))
    with pytest.raises(StoreError):
        await store.commit([using(1, holder="x" * 100_000)])
    await store._writer.perform(lambda: limit_pages(store, 1_000_000))
    with pytest.raises(StoreError, match="the disk is full"):
        await store.commit([using(2)])
    await store.load()
    assert store.status().level is Level.OK
    await store.commit([using(2)])
    assert [row.address_id for row in (await store.load()).usages] == [2]


async def test_everything_queued_behind_a_failed_commit_is_refused_too(store: SqliteStore) -> None:
    await store._writer.perform(lambda: limit_pages(store, 1))
    async with held_up(store):
        tasks = await queued(store, [using(1)], [using(2, holder="x" * 100_000)])
        barrier = asyncio.create_task(store.last_event())
        await asyncio.sleep(0)
        tasks += await queued(store, [using(3)])
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await barrier
    assert [type(result) for result in results] == [StoreError] * 3
    assert (await store.load()).usages == ()


async def test_a_commit_decided_before_the_state_was_loaded_again_is_refused(store: SqliteStore) -> None:
    with pytest.raises(StoreError):
        await store.commit([using(99)])
    async with held_up(store):
        reload = asyncio.create_task(store.load())
        await asyncio.sleep(0)
        tasks = await queued(store, [using(1)])
    assert (await reload).usages == ()
    with pytest.raises(StoreError):
        await tasks[0]
    await store.commit([using(2)])
    assert [row.address_id for row in (await store.load()).usages] == [2]


async def test_a_change_that_names_an_unknown_address_is_refused_as_a_defect(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="contradicts what is stored") as refusal:
        await store.commit([using(1), using(99)])
    assert "report it" in refusal.value.fix
    assert (await store.load()).usages == ()


async def test_one_address_cannot_enter_the_pool_under_two_ids(store: SqliteStore) -> None:
    with pytest.raises(StoreError, match="contradicts what is stored"):
        await store.commit([AddressAdded(10, 1, BASE + 1, 0.0)])


async def test_a_locked_database_refuses_and_names_the_way_to_find_who(store: SqliteStore, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked") as refusal:
            await store.commit([using(1)])
        assert refusal.value.fix.startswith("find it with `fuser -v ")
        other.execute("ROLLBACK")
    await store.load()
    await store.commit([using(1)])


async def test_a_database_taken_away_after_a_disk_error_is_asked_back_and_then_used_again(
    store: SqliteStore, tmp_path: Path
) -> None:
    def fail() -> None:
        raise OSError(errno.EIO, "Input/output error")

    path = tmp_path / "engine.db"
    with pytest.raises(StoreError, match=r"the disk under .* fails"):
        await store._writer.perform(fail)
    with pytest.raises(StoreError, match=r"the disk under .* fails"):
        await store.commit([using(1)])
    path.rename(tmp_path / "elsewhere.db")
    with pytest.raises(StoreError, match="was taken away under the running engine") as refusal:
        await store.load()
    assert "put the file back" in refusal.value.fix
    with pytest.raises(StoreError, match=r"the disk under .* fails"):
        await store.last_event()
    (tmp_path / "elsewhere.db").rename(path)
    assert len((await store.load()).addresses) == 9
    await store.commit([using(1)])
    assert store.status().level is Level.OK


async def test_a_token_does_not_get_into_the_log(store: SqliteStore, caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(StoreError):
        await store.commit([using(99)._replace(token="tok-5ecret")])
    assert "refused" in caplog.text
    assert "tok-5ecret" not in caplog.text


async def test_a_caller_that_goes_away_does_not_disturb_the_others(store: SqliteStore) -> None:
    async with held_up(store):
        gone, stays = await queued(store, [using(1)], [using(2)])
        gone.cancel()
    await stays
    assert gone.cancelled()
    assert len((await store.load()).usages) == 2


async def test_closing_commits_what_is_queued(store: SqliteStore, tmp_path: Path) -> None:
    async with held_up(store):
        tasks = await queued(store, *([using(number)] for number in range(1, 10)))
        closing_store = asyncio.create_task(store.close())
        await asyncio.sleep(0)
    await asyncio.gather(*tasks, closing_store)
    again = await SqliteStore.open(tmp_path / "engine.db")
    assert len((await again.load()).usages) == 9
    await again.close()


async def test_a_closed_store_refuses_and_says_so(store: SqliteStore) -> None:
    await store.close()
    with pytest.raises(StoreError, match="is closed"):
        await store.commit([using(1)])
    with pytest.raises(StoreError, match="is closed"):
        await store.last_event()
    assert store.status().level is Level.OFF


async def test_a_checkpoint_brings_the_file_itself_up_to_date(store: SqliteStore, tmp_path: Path) -> None:
    await store.commit([using(1)], Durability.POWER)
    await store.checkpoint()
    alone = tmp_path / "alone.db"
    alone.write_bytes((tmp_path / "engine.db").read_bytes())
    with closing(sqlite3.connect(alone)) as connection:
        assert connection.execute("SELECT address_id FROM usage").fetchall() == [(1,)]


async def test_a_checkpoint_that_a_reader_holds_up_says_so_and_harms_nothing(
    store: SqliteStore, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "engine.db", isolation_level=None)) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM usage").fetchall()
        await store.commit([using(1)])
        with pytest.raises(StoreError, match="another program is reading it"):
            await store.checkpoint()
    await store.commit([using(2)])
    assert store.status().level is Level.OK
    await store.checkpoint()


async def test_the_status_tells_where_the_database_is_and_how_long_a_commit_took(
    store: SqliteStore, tmp_path: Path
) -> None:
    status = store.status()
    assert status.url == f"sqlite:///{tmp_path}/engine.db"
    assert status.level is Level.OK
    assert status.last_commit_ms is not None
    assert status.last_commit_ms > 0
