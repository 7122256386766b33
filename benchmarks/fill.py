"""How long an engine takes to fill a pool of 1,000 routed addresses, with check URLs a round trip of 50 ms away.

    sudo python benchmarks/fill.py [--rounds 5] [--addresses 1000] [--rtt 0.05]

The engine is the real one; the site is in another network namespace, at the end of a link that delays every packet
(benchmarks/distance.py), so connecting takes a round trip too. Each round empties the pool and counts from the answer to
that until /state tells of so many idle addresses, each of them checked from that very address. The median is told.
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import distance
from benchmarks.checks import Site
from benchmarks.place import FILL_WITHIN, enter, fill, settings
from benchmarks.row import Row, show
from ipv6console.client import IPv6Client
from ipv6console.wire.plan import ApplyRequest, PlanAction, PlanRequest
from tests.faults.place import PORT, PREFIX, SITE


async def serve() -> None:
    """Be the site until killed: one event loop, which is quicker than a thread for each caller."""
    await asyncio.get_running_loop().create_server(Site, "::", PORT, backlog=4_096)
    print("serving", flush=True)
    await asyncio.Event().wait()


@contextmanager
def site(rtt: float) -> Iterator[None]:
    """Have the site at the other end of a long link."""
    here = Path("/proc/self/ns/net").readlink()
    process = subprocess.Popen(
        ["unshare", "-n", sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline() != "serving\n" or Path(f"/proc/{process.pid}/ns/net").readlink() == here:
            sys.exit("the site does not serve")
        with distance.far(process.pid, rtt / 2):
            there = ["nsenter", f"--net=/proc/{process.pid}/ns/net", "sh", "-ec"]
            commands = f"ip link set lo up; ip addr add {SITE}/128 dev lo nodad; ip -6 route add {PREFIX} dev near0"
            subprocess.run([*there, commands], check=True)
            subprocess.run(["sh", "-ec", f"ip link set lo up; ip -6 route add {SITE}/128 dev far0"], check=True)
            yield
    finally:
        process.kill()
        process.communicate()


def refilled(client: IPv6Client, count: int) -> float:
    """Empty the pool; return the seconds until it is full again."""
    plan = client.plan(PlanRequest(action=PlanAction.FLUSH_POOL))
    client.apply(ApplyRequest(plan=plan.id))
    began = time.perf_counter()
    while client.state().pool.idle < count:
        if time.perf_counter() - began > FILL_WITHIN:
            sys.exit(f"the pool did not fill: {client.state().pool}")
        time.sleep(0.02)
    return time.perf_counter() - began


def main() -> None:
    """Build both ends, measure, and take them down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often the pool is filled (5)")
    parser.add_argument("--addresses", type=int, default=1_000, help="how many addresses (1000)")
    parser.add_argument("--rtt", type=float, default=0.05, help="seconds to the site and back (0.05)")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
        return
    enter()
    with site(given.rtt), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = settings(folder, "routed", given.addresses)
        words = [sys.executable, "-m", "ipv6console", "serve", "--config", str(config)]
        with (folder / "log").open("wb") as log:
            engine = subprocess.Popen(words, stdout=log, stderr=log)
        try:
            fill(engine, folder / "engine.sock", given.addresses)
            with IPv6Client(socket=folder / "engine.sock") as client:
                took = [refilled(client, given.addresses) for _ in range(given.rounds)]
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait()
    print(", ".join(f"{seconds:.2f} s" for seconds in took))
    what = f"fill {given.addresses:,} routed addresses, check URL {given.rtt * 1e3:g} ms away"
    sys.exit(0 if show([Row(what, 2.0, 5.0, median(took), "s")]) else 1)


if __name__ == "__main__":
    main()
