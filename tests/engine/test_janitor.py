"""What the janitor keeps of the past, and what it throws away."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from ipv6console.config import Settings
from ipv6console.engine import janitor
from ipv6console.engine.protocol import HostPrefix, StoreError
from ipv6console.pool.change import LeaseEnded
from ipv6console.store import lookup
from ipv6console.wire.status import Level

if TYPE_CHECKING:
    from tests.engine.conftest import World

pytestmark = pytest.mark.anyio

ADDRESS = 0x20010DB8 << 96


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, pool=replace(settings.pool, history_rows=50, history_days=2))


async def kept(world: World, *, past: list[float], count: int) -> list[float]:
    """Commit leases that ended so many seconds ago, let time pass until `count` of them are left; return those."""
    now = world.clock.now()
    await world.store.commit([LeaseEnded(ADDRESS, "task1", "curl", now - ago, now - ago, "idle") for ago in past])
    async with asyncio.timeout(30):
        while len(page := (await world.engine.history("2001:db8::", None, None, 1_000)).entries) > count:
            world.clock.time += 10.0
            await world.engine._janitor.tick()
    return [now - row.since for row in page]


async def test_of_past_leases_as_many_are_kept_as_the_settings_say_and_those_the_newest(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "BLOCK", 10)
    # Fifty in full blocks, and one after them.
    assert await kept(world, past=[float(200 - number) for number in range(200)], count=51) == list(range(1, 52))


async def test_past_leases_older_than_the_settings_say_go_however_few_there_are(world: World) -> None:
    hour = 3_600.0
    left = await kept(world, past=[72 * hour, 49 * hour, 47 * hour, hour], count=2)
    assert left == [hour, 47 * hour]


async def test_what_left_with_its_prefix_is_deleted_after_the_pool_went_on(
    filled: World, prefix: Callable[..., HostPrefix], monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, deleting, deleted = asyncio.Event(), asyncio.Event(), asyncio.Event()
    delete = filled.store.delete_departed

    async def held() -> bool:
        deleting.set()
        await go_on.wait()
        more = await delete()
        if not more:
            deleted.set()
        return more

    monkeypatch.setattr(filled.store, "delete_departed", held)
    await filled.engine.pick("task1", filled.caller)
    filled.watch.show(prefix("2001:db8:0:2::/64"))
    await filled.event("prefix.gone")
    await deleting.wait()
    await filled.filled()
    assert (await filled.engine.pick("task1", filled.caller)).success
    await filled.store.checkpoint()
    assert rows(filled, "2001:db8:0:1:") == 5
    go_on.set()
    await deleted.wait()
    assert rows(filled, "2001:db8:0:1:") == 0
    assert rows(filled, "2001:db8:0:2:") >= 5


async def test_what_could_not_be_deleted_is_tried_again(filled: World, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = asyncio.Queue[None]()

    async def refuse() -> bool:
        tried.put_nowait(None)
        raise StoreError("another program is writing", "close it")

    monkeypatch.setattr(janitor, "_PACK_EVERY", 0.0)
    monkeypatch.setattr(filled.store, "delete_departed", refuse)
    await filled.engine.flush(None, filled.caller)
    async with asyncio.timeout(30):
        for _ in range(3):
            await tried.get()
    assert filled.engine.health().level is not Level.FAIL


def rows(world: World, begin: str) -> int:
    """Return how many addresses that begin so are in the database, whatever the pool says."""
    with closing(sqlite3.connect(world.store._file.path)) as connection:
        return int(
            connection.execute("SELECT count(*) FROM address WHERE address LIKE ?", (f"{begin}%",)).fetchone()[0]
        )
