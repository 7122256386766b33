"""Packed addresses: what a start reads is what the rows say, whatever was packed when."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipv6console.pool.address import format_address
from ipv6console.pool.change import AddressAdded, AddressRemoved, Change, PoolEmptied, PrefixEmptied, PrefixRecorded
from ipv6console.pool.columns import AddressColumns
from ipv6console.store.database import SqliteStore
from ipv6console.store.schema import PACKED

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96
PREFIXES = [PrefixRecorded(key, BASE + (key << 64), 64, "up0", "interface", "active", 0.0, 0.0) for key in (1, 2)]


def added(row: int) -> AddressAdded:
    return AddressAdded(row, row % 2 + 1, BASE + (row % 2 + 1 << 64) + row, row + 0.5)


async def filled(path: Path, rows: range) -> list[AddressAdded]:
    """Commit these rows, pack what can be packed, close, and return them."""
    addresses = [added(row) for row in rows]
    store = await SqliteStore.open(path)
    await store.commit([*PREFIXES, *addresses])
    assert await store.pack_addresses() == rows[-1] // PACKED
    assert await store.pack_addresses() == 0
    await store.close()
    return addresses


async def loaded(path: Path) -> list[AddressAdded]:
    store = await SqliteStore.open(path)
    addresses = list((await store.load()).addresses)
    await store.close()
    return addresses


def shell(path: Path, sql: str, *values: object) -> list[tuple[object, ...]]:
    """Do what somebody does with the sqlite3 shell."""
    with closing(sqlite3.connect(path)) as connection:
        found = connection.execute(sql, values).fetchall()
        connection.commit()
        return found


async def test_packed_addresses_are_read_from_their_blocks(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    addresses = await filled(path, range(5, 2 * PACKED + 5))
    assert await loaded(path) == addresses
    moved = [row._replace(verified_at=7.0) if row.id < PACKED else row for row in addresses]
    block = AddressColumns.of(moved[: PACKED - 5]).pack()
    shell(path, "UPDATE address_block SET packed = ? WHERE block = 0", block)
    assert await loaded(path) == moved


@pytest.mark.parametrize(
    ("change", "left", "expected"),
    [
        ("DELETE FROM address WHERE id = 7", [1], {7: None}),
        ("UPDATE address SET address = '::7' WHERE id = 1030", [0], {1030: AddressAdded(1030, 1, 7, 1030.5)}),
        (
            "UPDATE address SET verified_at = 1.0",
            [],
            {row: added(row)._replace(verified_at=1.0) for row in range(5, 2053)},
        ),
        ("UPDATE address SET id = 3 WHERE id = 1030", [], {3: added(1030)._replace(id=3), 1030: None}),
        ("INSERT INTO address VALUES (3, 1, '::7', 0.5)", [1], {3: AddressAdded(3, 1, 7, 0.5)}),
        ("INSERT INTO address VALUES (9999, 1, '::7', 0.5)", [0, 1], {9999: AddressAdded(9999, 1, 7, 0.5)}),
    ],
)
async def test_what_a_person_changes_with_the_shell_counts(
    tmp_path: Path, change: str, left: list[int], expected: dict[int, AddressAdded | None]
) -> None:
    path = tmp_path / "engine.db"
    addresses = {row.id: row for row in await filled(path, range(5, 2 * PACKED + 5))}
    shell(path, change)
    assert shell(path, "SELECT block FROM address_block") == [(block,) for block in left]
    rows = {**addresses, **expected}
    assert await loaded(path) == [row for _, row in sorted(rows.items()) if row is not None]


async def test_blocks_that_say_something_else_than_the_rows_are_thrown_away(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "engine.db"
    addresses = await filled(path, range(2 * PACKED + 5))
    # The row it replaces goes without a word to any trigger.
    replaced = addresses[3]._replace(id=9_999)
    shell(
        path, "INSERT OR REPLACE INTO address VALUES (?, ?, ?, ?)", 9_999, replaced[1], format_address(replaced[2]), 3.5
    )
    with caplog.at_level(logging.WARNING):
        assert await loaded(path) == [row for row in addresses if row.id != 3] + [replaced]
    assert "made anew" in caplog.text
    shell(path, "INSERT INTO address_block VALUES (1, x'00')")
    assert await loaded(path) == [row for row in addresses if row.id != 3] + [replaced]
    assert shell(path, "SELECT count(*) FROM address_block") == [(0,)]


ids = st.integers(0, 5).flatmap(lambda block: st.integers(0, 3).map(lambda row: block * PACKED + row))
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, PACKED)),
        st.tuples(st.just("remove"), ids),
        st.tuples(st.just("retire"), st.integers(1, 2)),
        st.tuples(st.just("empty"), st.just(0)),
        st.tuples(st.just("pack"), st.just(0)),
        st.tuples(st.just("delete"), st.just(0)),
        st.tuples(st.just("read"), st.just(0)),
    ),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(steps)
def test_whatever_is_packed_when_the_rows_are_read_as_they_are(steps: list[tuple[str, int]]) -> None:
    asyncio.run(follow(steps))


async def follow(steps: list[tuple[str, int]]) -> None:
    model: dict[int, AddressAdded] = {}
    fresh = 0
    with tempfile.TemporaryDirectory() as folder:
        store = await SqliteStore.open(Path(folder) / "engine.db")
        await store.commit(PREFIXES)
        for what, value in [*steps, ("pack", 0), ("read", 0)]:
            changes: list[Change] = []
            if what == "add":
                changes = [added(row) for row in range(fresh, fresh + value)]
                model.update({row: added(row) for row in range(fresh, fresh + value)})
                # Some numbers are never seen again, as after a restart.
                fresh += value + value % 3
            elif what == "remove" and value in model:
                changes = [AddressRemoved(value)]
                del model[value]
            elif what == "retire":
                changes = [PrefixEmptied(value)]
                model = {row: address for row, address in model.items() if address.prefix_id != value}
            elif what == "empty":
                changes = [PoolEmptied()]
                model.clear()
            elif what == "pack":
                while await store.pack_addresses():
                    pass
            elif what == "delete":
                await store.delete_departed()
            else:
                assert list((await store.load()).addresses) == list(model.values())
            await store.commit(changes)
        await store.close()
