"""Opening: alone, private, and never silently with less than there was."""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from ipv6console.engine.protocol import StoreError
from ipv6console.pool.change import AddressAdded, MirrorRecorded, PrefixRecorded, Snapshot, UsageRecorded
from ipv6console.store.database import SqliteStore
from ipv6console.wire.status import Level

pytestmark = pytest.mark.anyio

BASE = 0x20010DB8 << 96
COUNT = 2_000


async def filled(path: Path) -> Snapshot:
    """Make a database of a few hundred pages at `path`, close it, and return what is in it."""
    store = await SqliteStore.open(path)
    await store.commit(
        [
            PrefixRecorded(1, BASE, 64, "eth0", "interface", "active", 0.0, 0.0),
            MirrorRecorded(1, "task1", 0.0, draining=False),
            *(AddressAdded(number, 1, BASE + number, 0.0) for number in range(COUNT)),
            *(UsageRecorded(1, number, "idle", None, None, 1.0, None, False, 0, 1) for number in range(COUNT)),
        ]
    )
    snapshot = await store.load()
    await store.close()
    return snapshot


def killed(path: Path) -> None:
    """Make the state directory look as a killed engine leaves it."""
    (path.parent / f"{path.name}.lock").write_text("4194304\n")


def set_aside(path: Path) -> list[Path]:
    return sorted(path.parent.glob(f"{path.name}.damaged-*"))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A directory every user can reach."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name)
        path.chmod(0o755)
        yield path


@contextmanager
def not_allowed_in(folder: Path) -> Iterator[None]:
    """Take away the right to write in `folder`; root, whom modes do not stop, becomes nobody for that."""
    folder.chmod(0o555)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)
        folder.chmod(0o755)


async def test_directory_and_files_are_for_the_engine_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "engine.db"
    store = await SqliteStore.open(path)
    await store.commit([MirrorRecorded(1, "task1", 0.0, draining=False)])
    modes = {file.name: mode(file) for file in path.parent.iterdir()}
    assert modes == dict.fromkeys(("engine.db", "engine.db-wal", "engine.db-shm", "engine.db.lock"), 0o600)
    assert mode(path.parent) == 0o700
    await store.close()


async def test_a_directory_that_is_there_keeps_its_mode(folder: Path) -> None:
    store = await SqliteStore.open(folder / "engine.db")
    await store.close()
    assert mode(folder) == 0o755


async def test_a_database_others_could_read_is_made_private(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await filled(path)
    path.chmod(0o644)
    store = await SqliteStore.open(path)
    await store.close()
    assert mode(path) == 0o600


async def test_a_second_engine_on_the_same_state_is_refused_by_the_pid_of_the_first(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    first = await SqliteStore.open(path)
    with pytest.raises(StoreError, match=f"another engine \\(pid {os.getpid()}\\) uses the state directory") as refusal:
        await SqliteStore.open(path)
    assert "--state-dir" in refusal.value.fix
    await first.commit([MirrorRecorded(1, "task1", 0.0, draining=False)])
    await first.close()
    second = await SqliteStore.open(path)
    assert [row.name for row in (await second.load()).mirrors] == ["task1"]
    await second.close()


async def test_closing_twice_is_closing_once(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "engine.db")
    await asyncio.gather(store.close(), store.close())
    await store.close()


async def test_a_directory_that_cannot_be_written_is_named_with_the_way_out(folder: Path) -> None:
    with (
        not_allowed_in(folder),
        pytest.raises(StoreError, match=f"cannot keep its state in {folder}: Permission") as refusal,
    ):
        await SqliteStore.open(folder / "engine.db")
    assert "--state-dir" in refusal.value.fix
    assert not (folder / "engine.db").exists()


async def test_a_directory_that_cannot_be_made_is_named_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match=f"the state directory {tmp_path}/file/state cannot be made: Not a directory"):
        await SqliteStore.open(tmp_path / "file" / "state" / "engine.db")


async def test_a_database_file_that_cannot_be_written_is_refused_at_the_start(folder: Path) -> None:
    path = folder / "engine.db"
    await filled(path)
    (folder / "engine.db.lock").chmod(0o666)
    path.chmod(0o444)
    with not_allowed_in(folder), pytest.raises(StoreError, match=f"{path} cannot be written"):
        await SqliteStore.open(path)


async def test_a_file_that_is_no_database_is_set_aside_whole_and_said_loudly(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "engine.db"
    rubbish = b"this is not a database " * 1_000
    path.write_bytes(rubbish)
    with caplog.at_level(logging.ERROR):
        store = await SqliteStore.open(path)
    [kept] = set_aside(path)
    assert kept.read_bytes() == rubbish
    [finding] = store.findings
    assert finding.level is Level.FAIL
    assert str(kept) in finding.text
    assert "empty pool" in finding.text
    assert finding.fix is not None
    assert finding.fix.startswith(f"sqlite3 {kept} .recover")
    assert finding.text in caplog.text
    assert await store.load() == Snapshot()
    await store.commit([MirrorRecorded(1, "task1", 0.0, draining=False)])
    await store.close()


async def test_a_truncated_database_is_set_aside_also_after_a_clean_end(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await filled(path)
    size = path.stat().st_size
    os.truncate(path, size // 2)
    store = await SqliteStore.open(path)
    [kept] = set_aside(path)
    assert kept.stat().st_size == size // 2
    assert [finding.level for finding in store.findings] == [Level.FAIL]
    assert await store.load() == Snapshot()
    await store.close()


async def test_overwritten_rows_are_found_also_after_a_clean_end(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await filled(path)
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    store = await SqliteStore.open(path)
    assert len(set_aside(path)) == 1
    assert [finding.level for finding in store.findings] == [Level.FAIL]
    await store.close()


async def test_an_index_damaged_in_a_crash_is_found_by_the_check_that_follows_one(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await filled(path)
    with closing(sqlite3.connect(path)) as connection:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_usage_address_id'"
        (page,) = connection.execute(sql).fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * 4096)
        file.write(b"\xff" * 4096)
    killed(path)
    store = await SqliteStore.open(path)
    assert len(set_aside(path)) == 1
    assert "is damaged" in store.findings[0].text
    await store.close()


async def test_two_damaged_files_in_one_second_are_both_kept(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    for content in (b"first " * 1_000, b"second " * 1_000):
        path.write_bytes(content)
        store = await SqliteStore.open(path)
        await store.close()
    assert sorted(file.read_bytes()[:5] for file in set_aside(path)) == [b"first", b"secon"]


async def test_a_sound_database_of_a_killed_engine_is_taken_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    snapshot = await filled(path)
    killed(path)
    store = await SqliteStore.open(path)
    assert store.findings == ()
    assert await store.load() == snapshot
    await store.close()


async def test_a_database_that_disappeared_is_not_passed_over_in_silence(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    await filled(path)
    path.unlink()
    store = await SqliteStore.open(path)
    [finding] = store.findings
    assert finding.level is Level.WARN
    assert "missing or empty" in finding.text
    await store.close()


async def test_a_first_start_has_nothing_to_say(tmp_path: Path) -> None:
    store = await SqliteStore.open(tmp_path / "engine.db")
    assert store.findings == ()
    assert await store.load() == Snapshot()
    await store.close()
