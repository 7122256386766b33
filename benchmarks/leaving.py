"""How long a pick waits while a million addresses leave the pool: their prefix goes, or an operator flushes all.

    python benchmarks/leaving.py [--addresses 1000000] [--keep FOLDER]

The store and the engine are the real ones; host, NDP and echo URLs are played. A hundred times a second an address is
picked and given back, due at fixed times whatever became of the one before, so that a pick that waits is seen. That goes on
until every row is deleted from the database; the slowest pick, the 99th percentile and how long all of it took are told.
With --keep the database is written once and used again.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import restart
from benchmarks.row import Row, show
from ipv6console.config import CheckSettings, PoolSettings, Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.engine import Engine
from ipv6console.engine.report import ReportItem
from ipv6console.store.database import SqliteStore
from tests.engine.conftest import URL, HandClock, HandDoctor, HandEcho, HandReach, HandWatch, host_prefix

NEW = "2001:db8:0:2::/64"
CALLER = Caller("benchmark", frozenset(Scope))
EVERY = 0.01
PATIENCE = 300.0
Leave = Callable[[Engine, HandWatch], Awaitable[None]]


async def gone(engine: Engine, watch: HandWatch) -> None:
    """Let the old prefix go."""
    watch.show(host_prefix(NEW))


async def flushed(engine: Engine, watch: HandWatch) -> None:
    """Flush the pool."""
    await engine.flush(None, CALLER)


async def pick(engine: Engine, took: list[float], end: asyncio.Event) -> None:
    """Pick and give back a hundred times a second, each at its time."""
    due = time.perf_counter()
    while not end.is_set():
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        picked = await engine.pick("mirror-0", CALLER)
        took.append(time.perf_counter() - due)
        if picked.addr:
            await engine.report("mirror-0", [ReportItem(addr=picked.addr, status="idle", lease=picked.lease)])
        due += EVERY


def left(path: Path, below: int) -> bool:
    """Return whether rows that left are still in the database."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=60.0)) as connection:
        question = "SELECT EXISTS (SELECT 1 FROM address WHERE prefix_id = 1 AND id < ?)"
        return bool(connection.execute(question, (below,)).fetchone()[0])


async def measure(path: Path, addresses: int, leave: Leave) -> tuple[float, float, float]:
    """Return the slowest pick and the 99th percentile, in milliseconds, and the seconds until all rows are deleted."""
    clock = HandClock()
    watch = HandWatch(clock)
    watch.current = replace(watch.current, prefixes=(host_prefix(NEW), host_prefix(restart.PREFIX)))
    store = await SqliteStore.open(path)
    limits = PoolSettings(max_total=2_000_000, usable_num=1_000)
    settings = Settings(pool=limits, check=CheckSettings(urls=(URL,), probe=0.0))
    reach = HandReach(clock)
    reach.singly = False
    engine = Engine(settings, store=store, watch=watch, reach=reach, doctor=HandDoctor(), clock=clock, echo=HandEcho())
    await engine.start()
    took: list[float] = []
    end = asyncio.Event()
    picking = asyncio.create_task(pick(engine, took, end))
    # What a start puts off is not what is measured here.
    await asyncio.sleep(5.0)
    took.clear()
    began = time.perf_counter()
    await leave(engine, watch)
    there = True
    while there and time.perf_counter() - began < PATIENCE:
        await asyncio.sleep(0.5)
        there = await asyncio.to_thread(left, path, addresses)
    whole = time.perf_counter() - began
    await asyncio.sleep(1.0)
    end.set()
    await picking
    await engine.stop()
    await store.close()
    return max(took) * 1e3, quantiles(took, n=100)[-1] * 1e3, whole


def main() -> None:
    """Write the database, let its addresses leave in both ways, and show the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--addresses", type=int, default=1_000_000)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep the database for another run")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        stored = (given.keep or Path(folder)) / "engine.db"
        if not stored.exists():
            stored.parent.mkdir(exist_ok=True)
            asyncio.run(restart.prepare(stored, given.addresses, 8, 1_000, packed=True))
        for name, leave in (("their prefix goes", gone), ("the pool is flushed", flushed)):
            path = Path(folder) / f"{leave.__name__}.db"
            shutil.copy(stored, path)
            slowest, most, whole = asyncio.run(measure(path, given.addresses, leave))
            print(f"{name}: slowest pick {slowest:.0f} ms, 99 of 100 within {most:.1f} ms, deleted after {whole:.1f} s")
            rows.append(Row(f"slowest pick while {name}, {given.addresses:,} addresses", 50, 250, slowest, "ms"))
    sys.exit(0 if show(rows) else 1)


if __name__ == "__main__":
    main()
