"""What the rules of an address space cost with a million bindings: to allocate, find and release one, and memory.

    python benchmarks/bindings.py [--bindings 1000000] [--operations 20000]

Everything is measured in fresh processes, without store and API. `sparse` is a /64 whose addresses are chosen at random,
`packed` one that gives its lowest, `full` a range of which that many addresses are used and a hundred are left. Operations
are timed one by one in the space when it is filled, and the median is told; what is released is allocated anew, so that it stays as
full. A prefix is cut beside the bindings of `sparse` and given back. Memory is what the process grew by, from /proc.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import Row, show
from ipv6console.ipam.claim import Claim, claim
from ipv6console.ipam.space import Space
from ipv6console.ipam.spaces import Spaces
from ipv6console.ipam.span import Address, parse_span

NOW = 1_800_000_000.0
INSTANCES = 1_000
SPARE = 100
CUTS = 200
CHOICES = {"sparse": "random", "packed": "first", "full": "random"}


def asked(number: int) -> Claim:
    """Return what binding `number` is for: a MAC address of one of a thousand instances."""
    mac = f"52:54:{number >> 24 & 255:02x}:{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    return claim(f"tenant-{number % INSTANCES}", f"vm-{number}", kind="mac", resource=mac, actor="benchmark")


def empty(layout: str, count: int) -> tuple[Spaces, Space]:
    """Return a space without bindings; nothing rests in it, so that what is released may be given at once."""
    spaces = Spaces(Random(7))
    spaces.create("lan", now=NOW, choice=CHOICES[layout], quarantine=0)
    space = spaces.find("lan")
    network = parse_span("2001:db8::/64")
    space.add_range(network._replace(last=network.first + count + SPARE - 1) if layout == "full" else network, "", NOW)
    return spaces, space


def filled(layout: str, count: int) -> tuple[Spaces, Space]:
    """Return a space with that many bindings."""
    spaces, space = empty(layout, count)
    for number in range(count):
        space.allocate(asked(number), NOW)
    gc.collect()
    gc.freeze()
    return spaces, space


def timed(costs: list[float], act: Callable[[], object]) -> None:
    """Add the microseconds that one operation takes."""
    began = time.perf_counter()
    act()
    costs.append((time.perf_counter() - began) * 1e6)


def operations(layout: str, count: int, times: int) -> dict[str, float]:
    """Return the median microseconds of each operation in a space that is filled."""
    spaces, space = filled(layout, count)
    random = Random(11)
    costs: dict[str, list[float]] = {name: [] for name in ("allocate", "id", "resource", "address", "release", "cut")}
    for _ in range(times):
        wanted = asked(random.randrange(count))
        row = space.find_by_id(wanted.instance, wanted.key)
        if row is None:
            raise SystemExit(f"{wanted} has been lost")
        where = Address(row.family, row.address)
        timed(costs["id"], lambda wanted=wanted: space.find_by_id(wanted.instance, wanted.key))
        timed(costs["resource"], lambda wanted=wanted: space.find_by_resource(wanted.kind, wanted.resource))
        timed(costs["address"], lambda where=where: space.get_binding(where))
        timed(costs["release"], lambda where=where: space.release(where, "benchmark", NOW))
        timed(costs["allocate"], lambda wanted=wanted: space.allocate(wanted, NOW))
    if layout == "sparse":
        for number in range(CUTS):
            operation = str(number)
            timed(
                costs["cut"],
                lambda operation=operation: spaces.cut(
                    [space], 96, operation=operation, tenant="", subscriber="s", now=NOW
                ),
            )
    return {name: median(values) for name, values in costs.items() if values}


def memory(layout: str, count: int, _: int) -> dict[str, float]:
    """Return the bytes a binding takes, with its texts."""
    _, space = empty(layout, count)
    before = resident()
    for number in range(count):
        space.allocate(asked(number), NOW)
    return {"bytes": (resident() - before) / count}


def resident() -> int:
    """Return the bytes this process has in memory, after what it no longer needs was given back."""
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1_024


MEASURES = {measure.__name__: measure for measure in (operations, memory)}


def measured(name: str, layout: str, count: int, times: int) -> dict[str, float]:
    """Measure in a process of its own."""
    command = [sys.executable, __file__, "--measure", name, "--layout", layout]
    command += ["--bindings", str(count), "--operations", str(times)]
    figures: dict[str, float] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--bindings", type=int, default=1_000_000, help="how many a space has (1000000)")
    parser.add_argument("--operations", type=int, default=20_000, help="how often each operation is timed (20000)")
    parser.add_argument("--measure", choices=tuple(MEASURES), help=argparse.SUPPRESS)
    parser.add_argument("--layout", choices=tuple(CHOICES), default="sparse", help=argparse.SUPPRESS)
    given = parser.parse_args()
    count = given.bindings
    if given.measure:
        print(json.dumps(MEASURES[given.measure](given.layout, count, given.operations)))
        return
    rows = []
    for layout in CHOICES:
        costs = measured("operations", layout, count, given.operations)
        print(f"{layout}, {count:,} bindings: " + ", ".join(f"{name} {cost:.1f} us" for name, cost in costs.items()))
        finding = max(costs[name] for name in ("id", "resource", "address"))
        figures = {
            "allocate": costs["allocate"],
            "find, the slowest of three ways": finding,
            "release": costs["release"],
        }
        rows += [Row(f"{layout} space of {count:,}: {name}", 15, 20, cost, "us") for name, cost in figures.items()]
        if "cut" in costs:
            rows.append(Row(f"{layout} space of {count:,}: cut a prefix", 100, 1_000, costs["cut"], "us"))
    rows.append(Row(f"a binding among {count:,}", 800, 1_000, measured("memory", "sparse", count, 0)["bytes"], "B"))
    sys.exit(0 if show(rows) else 1)


if __name__ == "__main__":
    main()
