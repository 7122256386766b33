"""How long a restarted engine needs to its first pick, with a million addresses and eight mirrors in its store.

    python benchmarks/restart.py [--addresses 1000000] [--mirrors 8] [--touched 1000] [--unpacked]

The store and the engine are the real ones; host, NDP and echo URLs are played. Each mirror holds TOUCHED leases and as many
bad addresses; all addresses are packed, as an engine leaves them a few minutes after it added them, or with --unpacked
none. A fresh process opens the store, starts the engine and picks; what it needs to import its modules does not
count. The best of several runs is told.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import Row, show
from ipv6console.config import CheckSettings, PoolSettings, Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.engine import Engine
from ipv6console.pool.change import AddressAdded, Change, MirrorRecorded, PrefixRecorded, UsageRecorded
from ipv6console.pool.prefix import parse_prefix
from ipv6console.store.database import SqliteStore
from tests.engine.conftest import URL, HandClock, HandDoctor, HandEcho, HandReach, HandWatch, host_prefix

PREFIX = "2001:db8:0:1::/64"
AT_ONCE = 50_000
RUNS = 3


async def prepare(path: Path, addresses: int, mirrors: int, touched: int, *, packed: bool) -> None:
    """Write what an engine would have committed."""
    random, now = Random(7), HandClock().now()
    network, length = parse_prefix(PREFIX)
    changes: list[Change] = [PrefixRecorded(1, network, length, "up0", "interface", "active", now, now)]
    changes += [MirrorRecorded(number + 1, f"mirror-{number}", now, draining=False) for number in range(mirrors)]
    changes += [
        AddressAdded(row, 1, network | random.getrandbits(63) << 1 | 1, now - 3_600.0) for row in range(addresses)
    ]
    for mirror in range(1, mirrors + 1):
        for row in random.sample(range(addresses // 10), 2 * touched):
            lease = row % 2 == 0
            token, holder = (f"{mirror:x}-{row:x}-{row:016x}", "unix uid 1000 (python3)") if lease else (None, None)
            until, status = now + 600.0, "using" if lease else "bad"
            changes.append(
                UsageRecorded(mirror, row, status, token, holder, now - row % 600, until, False, int(not lease), 3)
            )
    store = await SqliteStore.open(path)
    for start in range(0, len(changes), AT_ONCE):
        await store.commit(changes[start : start + AT_ONCE])
    while packed and await store.pack_addresses():
        pass
    await store.close()


async def restart(path: Path) -> dict[str, float]:
    """Return the seconds from nothing to the first pick, and how they were spent."""
    started, worked = time.perf_counter(), time.process_time()
    clock = HandClock()
    watch = HandWatch(clock)
    # An address of the host's own, as every host has: whether it is in the pool is asked before the first pick.
    watch.current = replace(watch.current, prefixes=(host_prefix(PREFIX),), addresses=frozenset((1, 2)))
    store = await SqliteStore.open(path)
    opened = time.perf_counter()
    settings = Settings(pool=PoolSettings(max_total=2_000_000), check=CheckSettings(urls=(URL,), probe=0.0))
    engine = Engine(
        settings, store=store, watch=watch, reach=HandReach(clock), doctor=HandDoctor(), clock=clock, echo=HandEcho()
    )
    await engine.open()
    filled = time.perf_counter()
    await engine.start()
    caller = Caller("benchmark", frozenset(Scope))
    picked = await engine.pick("mirror-0", caller)
    ended, worked = time.perf_counter(), time.process_time() - worked
    if not picked.success:
        raise SystemExit(f"nothing was picked: {picked.detail}")
    total = engine.state().pool.total
    # What a start puts off is paid here.
    begun, longest = time.perf_counter(), 0.0
    while (now := time.perf_counter()) - begun < 3.0:
        await asyncio.sleep(0.001)
        longest = max(longest, time.perf_counter() - now - 0.001)
    await engine.stop()
    await store.close()
    return {
        "total": total,
        "read": opened - started,
        "fill": filled - opened,
        "start and pick": ended - filled,
        "whole": ended - started,
        "of them on a core": worked,
        "held afterwards": longest,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--addresses", type=int, default=1_000_000)
    parser.add_argument("--mirrors", type=int, default=8)
    parser.add_argument("--touched", type=int, default=1_000)
    parser.add_argument("--unpacked", action="store_true", help="as just after all of them were added")
    parser.add_argument("--restart", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.restart:
        print(json.dumps(asyncio.run(restart(given.restart))))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "engine.db"
        asyncio.run(prepare(path, given.addresses, given.mirrors, given.touched, packed=not given.unpacked))
        command = [sys.executable, __file__, "--restart", str(path)]
        runs = []
        for _ in range(RUNS):
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            runs.append(told)
            print(", ".join(f"{name} {figure:,.3f}" for name, figure in told.items()))
    best = min(run["whole"] for run in runs)
    what = f"restart to the first pick, {given.addresses:,} addresses, {given.mirrors} mirrors"
    sys.exit(0 if show([Row(what, 0.5, 2.0, best, "s")]) else 1)


if __name__ == "__main__":
    main()
