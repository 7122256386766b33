"""Kept events: paged by number, forgotten by age, and never a reason for a commit to fail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from ipv6console.pool.change import MirrorRecorded
from ipv6console.store import events, writer
from ipv6console.store.database import SqliteStore
from ipv6console.wire.event import Event, EventFilter, EventLevel
from ipv6console.wire.status import Level

pytestmark = pytest.mark.anyio


def event(number: int, *, at: float = 0.0, text: str = "something happened", **data: object) -> Event:
    return Event(
        id=number,
        at=at,
        level=EventLevel.WARNING,
        kind="prefix.gone",
        text=text,
        subject="2001:db8::/64",
        actor="kernel",
        data=data,
    )


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = await SqliteStore.open(tmp_path / "engine.db")
    await opened.load()
    yield opened
    await opened.close()


async def limit_pages(store: SqliteStore, pages: int) -> None:
    """Let the database grow to `pages` pages (at least what it has), as a full disk would."""
    sql = f"PRAGMA max_page_count = {pages}"
    await store._writer.perform(lambda: store._file.connection.exec_driver_sql(sql).scalar_one())


async def test_an_event_is_kept_as_it_was(store: SqliteStore) -> None:
    kept = event(1, at=1.5, leases=3, names=["a", "b"], inner={"x": None})
    plain = Event(id=2, at=2.5, level=EventLevel.INFO, kind="spawn.done", text="2 addresses")
    store.record([kept, plain])
    assert await store.events(0, 10) == (kept, plain)


async def test_events_are_paged_oldest_first(store: SqliteStore) -> None:
    store.record([event(number) for number in range(1, 8)])
    pages = []
    since = 0
    while page := await store.events(since, 3):
        pages.append([row.id for row in page])
        since = page[-1].id
    assert pages == [[1, 2, 3], [4, 5, 6], [7]]


async def test_events_are_paged_backwards_from_an_id_and_still_oldest_first(store: SqliteStore) -> None:
    store.record([event(number) for number in range(1, 8)])
    pages = []
    before = 8
    while page := await store.events(0, 3, before=before):
        pages.append([row.id for row in page])
        before = page[0].id
    assert pages == [[5, 6, 7], [2, 3, 4], [1]]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (EventFilter(level=EventLevel.WARNING), [2, 3]),
        (EventFilter(kind="prefix."), [2]),
        (EventFilter(subject="task1"), [1, 3]),
        (EventFilter(actor="UID 0"), [3]),
        (EventFilter(text="50% ban"), [3]),
        (EventFilter(text="50_ ban"), []),
        (EventFilter(start=2.0, until=3.0), [2]),
        (EventFilter(subject="task1", start=2.0), [3]),
    ],
)
async def test_only_wanted_events_are_found_in_the_file_and_in_memory(
    store: SqliteStore, wanted: EventFilter, found: list[int]
) -> None:
    kept = (
        Event(id=1, at=1.0, level=EventLevel.INFO, kind="mirror.made", text="new", subject="task1"),
        Event(id=2, at=2.0, level=EventLevel.WARNING, kind="prefix.gone", text="gone", subject="2001:db8::/64"),
        Event(id=3, at=3.0, level=EventLevel.ERROR, kind="x", text="50% BANNED", subject="task1", actor="unix uid 0"),
    )
    store.record(kept)
    assert [row.id for row in await store.events(0, 10, wanted)] == found
    assert [row.id for row in kept if wanted.wants(row)] == found


async def test_wanted_events_are_found_however_many_others_lie_between(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "_AT_ONCE", 10)
    store.record([event(number, text="rare" if number in {3, 57, 99} else "usual") for number in range(1, 101)])
    rare = EventFilter(text="rare")
    assert [row.id for row in await store.events(0, 2, rare)] == [3, 57]
    assert [row.id for row in await store.events(57, 2, rare)] == [99]
    assert [row.id for row in await store.events(0, 2, rare, before=99)] == [3, 57]
    assert [row.id for row in await store.events(0, 2, rare, before=1_000)] == [57, 99]


async def test_a_page_of_no_events_is_empty(store: SqliteStore) -> None:
    store.record([event(1)])
    assert await store.events(0, 0) == ()
    assert await store.events(0, -1) == ()
    assert await store.events(1, 10) == ()


async def test_the_newest_number_is_known_after_a_restart(store: SqliteStore, tmp_path: Path) -> None:
    assert await store.last_event() == 0
    store.record([event(41), event(42)])
    await store.close()
    again = await SqliteStore.open(tmp_path / "engine.db")
    assert await again.last_event() == 42
    await again.close()


async def test_old_events_are_forgotten_however_many_they_are(store: SqliteStore) -> None:
    store.record([event(number, at=float(number)) for number in range(1, 2_501)])
    assert await store.forget_events(2_400.0) == 2_399
    assert [row.id for row in await store.events(0, 2)] == [2_400, 2_401]
    assert await store.forget_events(2_400.0) == 0


async def test_a_value_json_does_not_know_is_kept_as_text(store: SqliteStore) -> None:
    store.record([event(1, where=Path("/tmp/x"))])
    assert (await store.events(0, 1))[0].data == {"where": "/tmp/x"}


async def test_events_that_cannot_be_saved_show_in_the_status_and_are_saved_later(store: SqliteStore) -> None:
    await limit_pages(store, 1)
    store.record([event(1, text="x" * 100_000)])
    await store.commit([MirrorRecorded(1, "task1", 0.0, draining=False)])
    assert await store.events(0, 10) == ()
    status = store.status()
    assert status.level is Level.WARN
    assert status.text.startswith("changes are saved; events not saved yet: 1, lost: 0; the disk is full")
    await limit_pages(store, 1_000_000)
    store.record([event(2)])
    assert [row.id for row in await store.events(0, 10)] == [1, 2]
    assert store.status().level is Level.OK


async def test_only_so_many_unsaved_events_are_held_and_the_lost_are_counted(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_UNSAVED_EVENTS", 2)
    await limit_pages(store, 1)
    store.record([event(number, text="x" * 100_000) for number in range(1, 6)])
    await store.last_event()
    assert "not saved yet: 2, lost: 3; the disk is full" in store.status().text
    await limit_pages(store, 1_000_000)
    await store.load()
    assert [row.id for row in await store.events(0, 10)] == [4, 5]
    assert store.status().level is Level.WARN
    assert store.status().text == "changes are saved; events not saved yet: 0, lost: 3"


async def test_an_event_no_database_can_hold_does_not_stand_in_the_way_of_the_next(store: SqliteStore) -> None:
    store.record([event(2**70)])
    await store.last_event()
    assert "not saved yet: 0, lost: 1" in store.status().text
    await store.load()
    store.record([event(1)])
    assert [row.id for row in await store.events(0, 10)] == [1]


async def test_an_event_recorded_after_the_end_is_only_logged(
    store: SqliteStore, caplog: pytest.LogCaptureFixture
) -> None:
    await store.close()
    store.record([event(1)])
    assert "1 events came after the store was closed" in caplog.text
