"""Addresses that leave all at once: noted in a small commit, deleted in pieces, whenever the engine is killed."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import pytest

from ipv6console.pool.change import AddressAdded, Change, MirrorRecorded, PoolEmptied, PrefixEmptied, PrefixRecorded
from ipv6console.pool.change import UsageRecorded as Usage
from ipv6console.store import departure
from ipv6console.store.database import SqliteStore

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96
PREFIXES = [PrefixRecorded(key, BASE + (key << 64), 64, "up0", "interface", "active", 0.0, 0.0) for key in (1, 2)]
COUNT = 3_000


def added(row: int, *, address: int | None = None) -> AddressAdded:
    number = row if address is None else address
    return AddressAdded(row, number % 2 + 1, BASE + (number % 2 + 1 << 64) + number, row + 0.5)


async def filled(path: Path) -> SqliteStore:
    store = await SqliteStore.open(path)
    await store.commit([*PREFIXES, *(added(row) for row in range(COUNT))])
    return store


def stored(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


@pytest.mark.parametrize(
    ("change", "left"),
    [(PrefixEmptied(1), [added(row) for row in range(1, COUNT, 2)]), (PoolEmptied(), [])],
)
async def test_what_left_is_gone_for_every_start_however_much_of_it_was_deleted_when_the_engine_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change, left: list[AddressAdded]
) -> None:
    path = tmp_path / "engine.db"
    monkeypatch.setattr(departure, "_MOST", 256)
    store = await filled(path)
    await store.commit([change])
    assert stored(path, "address") == COUNT  # the commit that tells it does not wait for the rows
    counts = [COUNT]
    while await store.delete_departed():
        counts.append(stored(path, "address"))
        # As it is on the disk at this moment.
        killed = tmp_path / f"killed-{len(counts)}"
        killed.mkdir()
        for suffix in ("", "-wal"):
            shutil.copy(path.with_name(path.name + suffix), killed / (path.name + suffix))
        if len(counts) % 4 == 2:
            successor = await SqliteStore.open(killed / path.name)
            snapshot = await successor.load()
            assert list(snapshot.addresses) == left
            if counts[-1] > len(left):
                assert snapshot.spent == COUNT  # an id below would be taken for one of those that left
            while await successor.delete_departed():
                pass
            assert (await successor.load()).spent == 0
            await successor.close()
            assert stored(killed / path.name, "address") == len(left)
    assert counts[-1] == len(left)
    assert max(before - after for before, after in pairwise(counts)) <= 256
    assert len(counts) > 5
    await store.close()


async def test_an_address_may_come_back_before_its_row_that_left_is_deleted(tmp_path: Path) -> None:
    store = await filled(tmp_path / "engine.db")
    back = added(COUNT, address=4)
    usage = Usage(1, COUNT, "bad", None, None, 1.0, 2.0, False, 1, 1)
    await store.commit([PrefixEmptied(1), back, MirrorRecorded(1, "task1", 0.0, False), usage])
    for _ in range(2):
        snapshot = await store.load()
        assert [row for row in snapshot.addresses if row.prefix_id == 1] == [back]
        assert snapshot.usages == (usage,)
        while await store.delete_departed():
            pass
    await store.commit([PrefixEmptied(1)])
    assert [row for row in (await store.load()).addresses if row.prefix_id == 1] == []
    await store.close()


async def test_what_many_mirrors_knew_of_an_address_that_left_is_deleted_in_pieces_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "engine.db"
    monkeypatch.setattr(departure, "_MOST", 256)
    store = await filled(path)
    mirrors = range(1, 501)
    await store.commit([MirrorRecorded(key, f"task{key}", 0.0, False) for key in mirrors])
    await store.commit([Usage(key, row, "using", "t", "h", 1.0, 2.0, False, 0, 1) for key in mirrors for row in (2, 5)])
    await store.commit([PrefixEmptied(1)])
    assert {usage.address_id for usage in (await store.load()).usages} == {5}
    assert stored(path, "lease") == 500  # what people see with the sqlite3 shell
    counts = [stored(path, "usage")]
    while await store.delete_departed():
        counts.append(stored(path, "usage"))
    assert counts[0] == 1_000
    assert counts[-1] == 500
    assert max(before - after for before, after in pairwise(counts)) <= 256
    await store.close()
