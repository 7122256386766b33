"""What was acknowledged is there after kill -9, and on the disk itself where power durability was asked for."""

from __future__ import annotations

import asyncio
import random
import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import ipv6console
from ipv6console.pool.change import MirrorRecorded, Snapshot
from ipv6console.store.database import SqliteStore

WORKER = Path(__file__).with_name("worker.py")
ROOT = Path(ipv6console.__file__).parents[1]
ROUNDS = 6
PACKED_ROUNDS = 4


def command(act: str, path: Path) -> list[str]:
    return [sys.executable, "-W", "error", "-c", _RUN, str(WORKER), act, str(path)]


# As `python worker.py` would, but with the package found from wherever the tests were started.
_RUN = (
    "import runpy, sys; del sys.argv[0]; sys.path.insert(0, "
    + repr(str(ROOT))
    + "); runpy.run_path(sys.argv[0], run_name='__main__')"
)


def contents(path: Path) -> Snapshot:
    async def read() -> Snapshot:
        store = await SqliteStore.open(path)
        try:
            assert store.findings == ()
            return await store.load()
        finally:
            await store.close()

    return asyncio.run(read())


def test_everything_acknowledged_survives_kill_9_and_nothing_is_there_by_half(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    chance = random.Random(7)
    for _ in range(ROUNDS):
        acknowledged: dict[int, int] = {}
        enough = chance.randrange(1, 3_000)
        with subprocess.Popen(command("run", path), stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            for count, line in enumerate(worker.stdout):
                task, uses = map(int, line.split())
                acknowledged[task] = uses
                if count == enough:
                    worker.kill()
        assert acknowledged
        found = {row.address_id: row.uses for row in contents(path).usages}
        assert [task for task, uses in acknowledged.items() if found[2 * task] < uses] == []
        assert [number for number in found if found[number] != found[number ^ 1]] == []


def test_after_kill_9_the_addresses_are_those_of_the_rows_whatever_was_packed(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    chance = random.Random(7)
    gone: set[int] = set()
    for _ in range(PACKED_ROUNDS):
        added = 0
        enough = chance.randrange(1, 20)
        with subprocess.Popen(command("pack", path), stdout=subprocess.PIPE, text=True) as worker:
            assert worker.stdout is not None
            for count, line in enumerate(worker.stdout):
                word, number = line.split()
                if word == "added":
                    added = int(number)
                else:
                    gone.add(int(number))
                if count == enough:
                    worker.kill()
        with closing(sqlite3.connect(path)) as connection:
            rows = [row for (row,) in connection.execute("SELECT id FROM address ORDER BY id")]
        assert [address.id for address in contents(path).addresses] == rows
        assert gone.isdisjoint(rows)
        # One more may have been removed, which nobody was told any more.
        unsaid = set(range(added)) - gone - set(rows)
        assert len(unsaid) <= 1
        gone |= unsaid
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT count(*) FROM address_block").fetchone()[0] > 0


def test_of_a_log_cut_off_or_garbled_anywhere_every_commit_before_that_is_there_and_none_by_half(
    tmp_path: Path,
) -> None:
    path = tmp_path / "engine.db"

    async def image() -> dict[str, bytes]:
        store = await SqliteStore.open(path)
        await store.checkpoint()
        for number in range(12):
            await store.commit(
                [MirrorRecorded(2 * number + half, f"task{number}.{half}", 0.0, draining=False) for half in (1, 2)]
            )
        crashed = {name: path.with_name(name).read_bytes() for name in ("engine.db", "engine.db-wal", "engine.db.lock")}
        await store.close()
        return crashed

    crashed = asyncio.run(image())
    for name, content in crashed.items():
        path.with_name(name).write_bytes(content)
    log = crashed["engine.db-wal"]
    base, chance = path.read_bytes(), random.Random(7)
    for length in sorted({len(log), 0, 31, *(chance.randrange(len(log)) for _ in range(10))}, reverse=True):
        garbled = log[:length] + bytes(byte ^ 0xFF for byte in log[length : length + 100]) + log[length + 100 :]
        left = []
        for damaged in (log[:length], garbled):
            path.write_bytes(base)
            path.with_name("engine.db-wal").write_bytes(damaged)
            left.append([mirror.name for mirror in contents(path).mirrors])
        whole = [f"task{number}.{half}" for number in range(12) for half in (1, 2)]
        assert all(names == whole[: len(names)] and len(names) % 2 == 0 for names in left), length
        assert left[0] == left[1]
        if length == len(log):
            assert left[0] == whole


def test_a_power_commit_is_synced_before_it_is_acknowledged_even_when_its_rows_are_there_already(
    tmp_path: Path,
) -> None:
    trace = tmp_path / "trace"
    strace = ["strace", "-f", "-y", "-o", str(trace), "-e", "trace=write,pwrite64,fdatasync,fsync"]
    subprocess.run(
        [*strace, *command("twice", tmp_path / "engine.db")], check=True, timeout=60, stdout=subprocess.DEVNULL
    )
    calls = trace.read_text()

    def between(durability: str) -> str:
        return calls[calls.index(f'"begin {durability}') : calls.index(f'"end {durability}')]

    written = r"pwrite64\(\d+<[^>]*engine\.db-wal>"
    synced = r"f(data)?sync\(\d+<[^>]*engine\.db-wal>\) += 0"
    assert re.search(written, between("process"))
    assert not re.search(r"f(data)?sync", between("process"))
    last_write = [match.end() for match in re.finditer(written, between("power"))][-1]
    assert re.search(synced, between("power")[last_write:])


def test_after_a_failed_sync_the_file_is_opened_anew_and_holds_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "engine.db"
    subprocess.run(command("fill", path), check=True, timeout=60)
    # The writer's first sync is that of the header of a new log, the second that of the first power commit.
    inject = ["-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO:when=2", "-P", f"{path}-wal"]
    strace = ["strace", "-f", "-o", str(tmp_path / "trace"), *inject]
    done = subprocess.run([*strace, *command("eio", path)], timeout=60, stdout=subprocess.PIPE, text=True, check=False)
    said = done.stdout.splitlines()
    assert said[0].startswith(f"refused: the disk under {path} fails: ")
    assert "SQLITE_IOERR_FSYNC" in said[0]
    assert "journalctl -k" in said[0]
    assert said[1:] == ["refused until loaded", "loaded [1]", "level ok"]
    assert done.returncode == 0
    assert [row.address_id for row in contents(path).usages] == [1, 4]
