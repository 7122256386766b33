"""What the pool's rules cost: time of a pick and its report, and memory, by the number of addresses.

    python benchmarks/pool.py [--sizes 1000,100000,10000000]

Everything is measured in a fresh process, without store and API. Half of the addresses are bad. A cycle is a pick and a
report that the address served well, 64 leases being held. All sizes are measured in turns, and a figure is the median over
them of the best of many cycles, which other work on the machine disturbs least: that slows a large pool more than a small one,
since they share its caches. Memory is what the process grew by, from /proc.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import secrets
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import Row, show
from ipv6console.pool.change import PrefixRecorded, Snapshot
from ipv6console.pool.columns import AddressColumns
from ipv6console.pool.lease import Lease
from ipv6console.pool.limits import Limits
from ipv6console.pool.mirror import Status
from ipv6console.pool.pool import Pool
from ipv6console.pool.prefix import Prefix

PREFIX = 0x2001_0DB8_0000_0001 << 64
NOW = 1_800_000_000.0
HELD = 64
TURNS, ROUNDS, CYCLES = 7, 30, 500
MIRRORS = 1_000
AT_ONCE = 65_536
TOUCHED = 1_000_000


def empty() -> tuple[Pool, Prefix]:
    pool = Pool(Limits(), secret=lambda: secrets.token_urlsafe(12))
    prefix, _ = pool.admit(PREFIX, 64, interface="up0", source="interface", now=NOW)
    return pool, prefix


def filled(count: int) -> Pool:
    pool, prefix = empty()
    random = Random(7)
    while pool.table.live < count:
        pool.add(PREFIX | random.getrandbits(64), prefix, NOW)
    return pool


def restored(count: int) -> Pool:
    """Return a pool as a start reads it back, which is quicker; what that leaves free would spoil figures of memory."""
    pool = Pool(Limits(), secret=lambda: secrets.token_urlsafe(12))
    random, high, columns = Random(7), (PREFIX >> 64).to_bytes(8, "big"), AddressColumns()
    for start in range(0, count, AT_ONCE):
        ids = range(start, min(start + AT_ONCE, count))
        packed = [high + random.randbytes(8) for _ in ids]
        columns.extend(ids, [1] * len(ids), packed, [NOW] * len(ids))
    prefix = PrefixRecorded(1, PREFIX, 64, "up0", "interface", "active", NOW, NOW)
    pool.restore(Snapshot(prefixes=(prefix,), addresses=columns))
    pool.table.index(count)
    return pool


def resident() -> int:
    """Return the bytes this process has in memory, after what it no longer needs was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1_024


def cycles(count: int) -> None:
    """Tell the microseconds of a pick and its report with `count` addresses, half of them bad, whenever a line is read."""
    pool = restored(count)
    mirror, _ = pool.mirror("task1", NOW)
    for row in range(0, count, 2):
        pool.adopt(mirror, row, bad=True, uses=1, now=NOW)
    gc.collect()
    gc.freeze()
    held: deque[Lease] = deque()
    now = NOW
    print("ready", flush=True)
    for _ in sys.stdin:
        best = float("inf")
        for _ in range(ROUNDS):
            started = time.perf_counter()
            for _ in range(CYCLES):
                now += 0.001
                leased = pool.lease(mirror, now, holder="scraper")
                if leased is None:
                    raise SystemExit("the pool is empty")
                held.append(leased[0])
                if len(held) > HELD:
                    pool.end(held.popleft(), Status.IDLE, now)
            best = min(best, time.perf_counter() - started)
        print(best / CYCLES * 1e6, flush=True)


def per_address(count: int) -> float:
    """Return the bytes an address in the pool takes."""
    pool, prefix = empty()
    random = Random(7)
    before = resident()
    while pool.table.live < count:
        pool.add(PREFIX | random.getrandbits(64), prefix, NOW)
    return (resident() - before) / count


def per_mirror(count: int) -> float:
    """Return the bytes a mirror takes that nobody picked from."""
    pool = filled(count)
    before = resident()
    for number in range(MIRRORS):
        pool.mirror(f"mirror-{number}", NOW)
    return (resident() - before) / MIRRORS


def per_touched(count: int) -> float:
    """Return the bytes an address takes in a mirror that has used it and knows nothing bad of it."""
    pool = filled(count)
    mirror, _ = pool.mirror("task1", NOW)
    before = resident()
    for number in range(count):
        leased = pool.lease(mirror, NOW + number * 0.001, holder="scraper")
        if leased is None:
            raise SystemExit("the pool is empty")
        pool.end(leased[0], Status.IDLE, NOW + number * 0.001)
    return (resident() - before) / count


MEASURES: dict[str, Callable[[int], float]] = {
    measure.__name__: measure for measure in (per_address, per_mirror, per_touched)
}


@contextmanager
def filled_beside(size: int) -> Iterator[Callable[[], float]]:
    """Fill a pool in a process of its own; what is given tells what a cycle costs in it."""
    command = [sys.executable, __file__, "--cycles", "--sizes", str(size)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        told, asked = process.stdout, process.stdin
        if told is None or asked is None or told.readline() != "ready\n":
            raise SystemExit(f"the pool of {size:,} was not filled")

        def cost() -> float:
            asked.write("again\n")
            asked.flush()
            return float(told.readline())

        yield cost
        asked.close()


def in_turns(sizes: list[int]) -> dict[int, list[float]]:
    """Return what a cycle costs at each size, turn for turn."""
    found: dict[int, list[float]] = {size: [] for size in sizes}
    with ExitStack() as stack:
        pools = {size: stack.enter_context(filled_beside(size)) for size in sizes}
        for _ in range(TURNS):
            for size, cost in pools.items():
                found[size].append(cost())
    return found


def measured(name: str, count: int) -> float:
    command = [sys.executable, __file__, "--measure", name, "--sizes", str(count)]
    figure: float = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--sizes", default="1000,100000,10000000", help="numbers of addresses")
    parser.add_argument("--measure", choices=tuple(MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--cycles", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    sizes = [int(size) for size in given.sizes.split(",")]
    if given.cycles:
        cycles(sizes[0])
        return
    if given.measure:
        print(json.dumps(MEASURES[given.measure](sizes[0])))
        return
    costs = in_turns(sizes)
    for size, cost in costs.items():
        print(f"pick and report with {size:,} addresses, half of them bad: {median(cost):.2f} us")
    rows = [
        Row(
            f"pick cost at {size:,} addresses, of that at {sizes[0]:,}",
            1.2,
            1.5,
            median(large / small for large, small in zip(costs[size], costs[sizes[0]], strict=True)),
            "x",
        )
        for size in sizes[1:]
    ]
    rows += [
        Row(f"an address in the pool of {size:,}", 24, 40, measured("per_address", size), "B")
        for size in sizes
        if size >= 100_000
    ]
    rows.append(Row("an untouched mirror", 1_200, 2_000, measured("per_mirror", TOUCHED), "B"))
    rows.append(Row("a touched address in a mirror", 12, 24, measured("per_touched", TOUCHED), "B"))
    sys.exit(0 if show(rows) else 1)


if __name__ == "__main__":
    main()
