"""Kept events, asked for through the engine: those still in memory and those only the store has."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ipv6console.engine import journal
from ipv6console.wire.event import EventFilter, EventLevel

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio


async def test_pages_join_what_is_in_memory_to_what_is_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "_RECENT", 4)
    engine = world.engine
    since = (await engine.events(0, 1)).last
    written = journal.Journal(world.store, world.clock)
    await written.open()
    for number in range(10):
        written.write("test.told" if number % 2 else "test.other", f"event {number}")
    ids = [since + 1 + number for number in range(10)]
    assert [event.id for event in (await written.page(since, 100)).events] == ids
    assert [event.id for event in (await written.page(since, 3)).events] == ids[:3]
    assert [event.id for event in (await written.page(ids[7], 3)).events] == ids[8:]
    assert [event.id for event in (await written.page(since, 3, before=ids[9] + 1)).events] == ids[7:]
    assert [event.id for event in (await written.page(since, 8, before=ids[9] + 1)).events] == ids[2:]
    assert [event.id for event in (await written.page(since, 3, before=ids[3])).events] == ids[:3]
    told = EventFilter(kind="test.told")
    assert [event.id for event in (await written.page(since, 100, told)).events] == ids[1::2]
    assert [event.id for event in (await written.page(since, 3, told, before=ids[9])).events] == ids[3:9:2]


@pytest.mark.parametrize(
    ("before", "told"),
    [
        (["engine.started", "engine.failed"], ["engine.crashed"]),
        (["engine.started", "engine.crashed", "engine.started"], ["engine.crashed"]),
        (["engine.started", "engine.stopped"], []),
        (["prefix.gone"], []),
    ],
)
async def test_an_engine_that_ended_without_a_word_is_told_of_by_the_next(
    world: World, before: list[str], told: list[str]
) -> None:
    written = journal.Journal(world.store, world.clock)
    await written.open()
    written.write("engine.stopped", "the one before all of them")
    for kind in before:
        written.write(kind, "as it was then")
    started = written.write("engine.started", "the engine started")
    await written.mourn(started)
    after = (await written.page(started.id, 10)).events
    assert [event.kind for event in after] == told
    assert all(event.level is EventLevel.WARNING for event in after)
