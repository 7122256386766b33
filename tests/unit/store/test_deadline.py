"""Deadlines that are moved to another clock."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from ipv6console.engine.clock import Era
from ipv6console.engine.protocol import StoreError
from ipv6console.pool.change import AddressAdded, MirrorRecorded, PrefixRecorded, UsageRecorded
from ipv6console.store.database import SqliteStore

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96
NOW, DAY, LONGEST = 1_000_000.0, 86_400.0, 3_600.0


async def moved(path: Path, usage: UsageRecorded, seconds: float, *, ttl: float | None = None) -> UsageRecorded:
    """Commit one usage, set the wall clock by so many seconds, or boot (0), and return what the next engine reads."""
    await keep(path, usage, ttl=ttl)
    store = await SqliteStore.open(path)
    after = Era("boot", 5.0 + seconds) if seconds else Era("another boot", 5.0)
    assert await store.carry_over(after, NOW, LONGEST) == (seconds or None)
    [found] = (await store.load()).usages
    await store.close()
    return found


async def keep(path: Path, usage: UsageRecorded, *, ttl: float | None = None) -> None:
    """Commit one usage in the era of boot 5.0."""
    store = await SqliteStore.open(path)
    assert await store.carry_over(Era("boot", 5.0), NOW, LONGEST) is None
    await store.commit(
        [
            PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False, lease_ttl=ttl),
            AddressAdded(1, 1, BASE + 1, 0.0),
            usage,
        ]
    )
    await store.close()


def lease(until: float) -> UsageRecorded:
    return UsageRecorded(1, 1, "using", "token", "worker", NOW - DAY, until, owned=True, strikes=0, uses=1)


async def test_a_lease_keeps_its_length(tmp_path: Path) -> None:
    found = await moved(tmp_path / "engine.db", lease(NOW - DAY + 600.0), DAY)
    assert (found.since, found.until) == (NOW, NOW + 600.0)


async def test_no_lease_runs_longer_than_one_may(tmp_path: Path) -> None:
    assert (await moved(tmp_path / "engine.db", lease(NOW + DAY), 0.0)).until == NOW + LONGEST


async def test_what_a_mirror_allows_of_its_own_is_let_be(tmp_path: Path) -> None:
    assert (await moved(tmp_path / "engine.db", lease(NOW + DAY / 2), 0.0, ttl=DAY)).until == NOW + DAY / 2


async def test_bans_by_one_host_move_too_and_ended_ones_stay_ended(tmp_path: Path) -> None:
    bans = json.dumps({"shop.example": [2, NOW - DAY + 60.0], "old.example": [1, 0.0], "far.example": [1, NOW + DAY]})
    usage = UsageRecorded(1, 1, "bad", None, None, NOW, NOW, False, 0, 1, None, bans)
    found = await moved(tmp_path / "engine.db", usage, DAY)
    assert json.loads(found.bans or "") == {
        "shop.example": [2, NOW + 60.0],
        "old.example": [1, 0.0],
        "far.example": [1, NOW + LONGEST],
    }


async def test_what_is_idle_has_no_deadline_to_move(tmp_path: Path) -> None:
    usage = UsageRecorded(1, 1, "idle", None, None, NOW, None, False, 0, 1)
    assert (await moved(tmp_path / "engine.db", usage, DAY)).until is None


async def test_what_was_moved_is_not_moved_again(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await keep(path, lease(NOW - DAY + 600.0))
    for expected in (DAY, 0.0):
        store = await SqliteStore.open(path)
        assert await store.carry_over(Era("boot", 5.0 + DAY), NOW, LONGEST) == expected
        [found] = (await store.load()).usages
        assert (found.since, found.until) == (NOW, NOW + 600.0)
        await store.close()


async def test_nothing_is_moved_unless_it_is_noted_as_well(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await keep(path, lease(NOW - DAY + 600.0))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TRIGGER failure BEFORE INSERT ON era BEGIN SELECT raise(ABORT, 'no'); END")
    store = await SqliteStore.open(path)
    with pytest.raises(StoreError):
        await store.carry_over(Era("boot", 5.0 + DAY), NOW, LONGEST)
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT until FROM usage").fetchall() == [(NOW - DAY + 600.0,)]
