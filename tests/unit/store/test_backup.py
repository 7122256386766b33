"""Backup and restore: one moment of a database in use, put back only where it can be."""

from __future__ import annotations

import asyncio
import errno
import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import anyio.to_thread
import pytest

from ipv6console.engine.protocol import StoreError
from ipv6console.pool.change import AddressAdded, MirrorRecorded, PrefixRecorded, UsageRecorded
from ipv6console.store.backup import back_up, restore
from ipv6console.store.database import SqliteStore

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96
COUNT = 3_000


def leased(number: int, uses: int) -> UsageRecorded:
    return UsageRecorded(1, number, "using", f"token-{number}", "tester", 1.0, 9e9, owned=True, strikes=0, uses=uses)


async def opened(path: Path, count: int = COUNT) -> SqliteStore:
    store = await SqliteStore.open(path)
    await store.commit(
        [
            PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False),
            *(AddressAdded(number, 1, BASE + number, 0.0) for number in range(count)),
        ]
    )
    return store


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


async def uses_in(path: Path) -> dict[int, int]:
    store = await SqliteStore.open(path)
    rows = {row.address_id: row.uses for row in (await store.load()).usages}
    await store.close()
    return rows


async def test_a_backup_made_under_commits_holds_one_moment_with_all_acknowledged_before(tmp_path: Path) -> None:
    store = await opened(tmp_path / "engine.db")
    await store.commit([leased(number, 1) for number in (0, 1)])
    rounds, stop = 1, asyncio.Event()

    async def work() -> None:
        nonlocal rounds
        while not stop.is_set():
            rounds += 1
            await store.commit([leased(number, rounds) for number in (0, 1)])

    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(work())
        made = await anyio.to_thread.run_sync(back_up, tmp_path / "engine.db", tmp_path / "copy.db")
        acknowledged = rounds
        stop.set()
    await store.close()
    assert (made.addresses, made.leases) == (COUNT, 2)
    assert stat.S_IMODE((tmp_path / "copy.db").stat().st_mode) == 0o600
    assert names(tmp_path) == {"engine.db", "engine.db.lock", "copy.db"}
    first, second = (await uses_in(tmp_path / "copy.db")).values()
    assert first == second
    assert 1 <= first <= acknowledged + 1


async def test_a_restored_database_is_that_of_the_backup_and_the_one_before_is_kept(tmp_path: Path) -> None:
    path, copy = tmp_path / "engine.db", tmp_path / "copy.db"
    store = await opened(path, 3)
    await store.commit([leased(0, 1)])
    back_up(path, copy)
    await store.commit([leased(0, 2), leased(1, 1)])
    await store.close()
    done = restore(copy, path)
    assert await uses_in(path) == {0: 1}
    assert done.set_aside is not None
    assert await uses_in(Path(done.set_aside)) == {0: 2, 1: 1}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_backup_is_restored_where_there_was_nothing(tmp_path: Path) -> None:
    store = await opened(tmp_path / "engine.db", 3)
    await store.close()
    back_up(tmp_path / "engine.db", tmp_path / "copy.db")
    done = restore(tmp_path / "copy.db", tmp_path / "new" / "engine.db")
    assert (done.addresses, done.set_aside) == (3, None)


async def test_nothing_is_restored_under_a_running_engine(tmp_path: Path) -> None:
    path, copy = tmp_path / "engine.db", tmp_path / "copy.db"
    store = await opened(path, 3)
    back_up(path, copy)
    with pytest.raises(StoreError, match="another engine") as refusal:
        restore(copy, path)
    assert "stop that engine" in refusal.value.fix
    await store.commit([leased(0, 1)])
    await store.close()
    assert await uses_in(path) == {0: 1}


def _foreign(path: Path) -> None:
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE mine (x)")


def _newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()


def _damaged(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda path: path.unlink(), "there is no file"),
        (
            lambda path: path.write_bytes(b"not a database at all, but long enough to be looked at" * 40),
            "no whole database",
        ),
        (_foreign, "no database of ipv6console"),
        (_newer, "newer version"),
        (_damaged, "damaged|no whole database"),
    ],
    ids=["missing", "text", "foreign", "newer", "damaged"],
)
async def test_what_is_no_good_backup_is_refused_and_nothing_is_touched(
    tmp_path: Path, spoil: object, said: str
) -> None:
    path, copy = tmp_path / "engine.db", tmp_path / "copy.db"
    store = await opened(path, 300)
    await store.commit([leased(0, 1)])
    await store.close()
    back_up(path, copy)
    assert callable(spoil)
    spoil(copy)
    with pytest.raises(StoreError, match=said):
        restore(copy, path)
    assert await uses_in(path) == {0: 1}
    assert names(tmp_path) <= {"engine.db", "engine.db.lock", "copy.db"}


async def test_a_backup_overwrites_nothing_and_says_so(tmp_path: Path) -> None:
    store = await opened(tmp_path / "engine.db", 3)
    await store.close()
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(StoreError, match="is there already"):
        back_up(tmp_path / "engine.db", tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"


@pytest.mark.parametrize(
    ("source", "target", "said"),
    [("engine.db", "copy.db", "no database"), ("there.db", "nowhere/copy.db", "cannot be written")],
)
async def test_a_backup_that_cannot_be_made_says_why(tmp_path: Path, source: str, target: str, said: str) -> None:
    store = await opened(tmp_path / "there.db", 3)
    await store.close()
    with pytest.raises(StoreError, match=said):
        back_up(tmp_path / source, tmp_path / target)


async def test_a_backup_goes_onto_a_file_system_that_has_no_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    await (await opened(tmp_path / "engine.db", 3)).close()
    monkeypatch.setattr(os, "link", refused)
    made = back_up(tmp_path / "engine.db", tmp_path / "stick.db")
    assert (made.addresses, made.size) == (3, (tmp_path / "stick.db").stat().st_size)
    assert {name for name in names(tmp_path) if "stick" in name} == {"stick.db"}
    with pytest.raises(StoreError, match="is there already"):
        back_up(tmp_path / "engine.db", tmp_path / "stick.db")


async def test_a_target_that_cannot_be_written_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    await (await opened(tmp_path / "engine.db", 3)).close()
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(StoreError, match=r"copy\.db cannot be written: Input/output error"):
            back_up(tmp_path / "engine.db", tmp_path / "copy.db")
    assert not [name for name in names(tmp_path) if "copy" in name]
    with pytest.raises(StoreError, match="the state directory /proc/nowhere cannot be made"):
        restore(tmp_path / "engine.db", Path("/proc/nowhere/engine.db"))
