"""What a new session costs after the first: made, an address leased, given back; the engine, store and sockets are real.

    sudo python benchmarks/session.py [--rounds 7] [--sessions 100] [--pool 200]

Runs in a network namespace of its own, which ends with it. A figure is the median of so many rounds' medians, in
milliseconds of wall time. "new" is what a scraper waits for until it may send: construct and lease. The time that this
process computes for a session, giving back included, is printed too: other programs change that one less.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.place import FILL_WITHIN, SITE, enter, settings, site
from benchmarks.row import Row, show
from ipv6console.client import AsyncIPv6Session, EngineUnreachable, IPv6Client, IPv6Session
from ipv6console.client.requests import IPv6Session as RequestsSession

MOST = 2.0

Times = tuple[float, float]
"""Seconds until a session had its address, and until it had given it back."""


def fill(engine: subprocess.Popen[bytes], path: Path, count: int) -> None:
    """Wait until the engine has `count` addresses."""
    until = time.monotonic() + FILL_WITHIN
    with IPv6Client(socket=path) as client:
        while time.monotonic() < until and engine.poll() is None:
            try:
                if client.state().pool.idle >= count:
                    return
            except EngineUnreachable:
                pass
            time.sleep(0.1)
    sys.exit(f"the pool did not fill: {(path.parent / 'log').read_text()}")


def blocking(make: Callable[..., Any], place: dict[str, str]) -> Times:
    began = time.perf_counter()
    with make("bench", **place) as session:
        leased = time.perf_counter()
        assert session.addr
        left = time.perf_counter()
    return leased - began, time.perf_counter() - left


async def waiting(place: dict[str, str]) -> Times:
    began = time.perf_counter()
    async with AsyncIPv6Session("bench", **place) as session:
        leased = time.perf_counter()
        assert session.addr
        left = time.perf_counter()
    return leased - began, time.perf_counter() - left


def many(kind: str, place: dict[str, str], count: int) -> list[Times]:
    """Return what each of `count` sessions took, one after the other."""

    async def awaited() -> list[Times]:
        return [await waiting(place) for _ in range(count)]

    if kind == "httpx, async":
        return asyncio.run(awaited())
    if kind == "requests":
        named = {"server_url" if name == "url" else name: value for name, value in place.items()}
        return [blocking(RequestsSession, named) for _ in range(count)]
    return [blocking(IPv6Session, place) for _ in range(count)]


def measure(path: Path, rounds: int, sessions: int) -> bool:
    """Print a row for each kind of session and way to the engine; return whether all meet the target."""
    print(f"median of {rounds} rounds of {sessions} sessions after the first")
    rows = []
    ways = {"Unix socket": {"socket": str(path)}, "TCP": {"url": "http://127.0.0.1:16000"}}
    for kind in ("httpx", "httpx, async", "requests"):
        for way, place in ways.items():
            [(first, _)] = many(kind, place, 1)
            began = time.process_time()
            taken = [many(kind, place, sessions) for _ in range(rounds)]
            spent = (time.process_time() - began) / rounds / sessions * 1e3
            new = median(median(new for new, _ in times) for times in taken) * 1e3
            back = median(median(back for _, back in times) for times in taken) * 1e3
            late = median(sorted(new for new, _ in times)[int(len(times) * 0.95)] for times in taken) * 1e3
            print(
                f"{kind} over {way}: the first {first * 1e3:.1f} ms, p95 {late:.2f} ms, given back in {back:.2f} ms; "
                f"all of it takes {spent:.2f} ms of this process's time"
            )
            rows.append(Row(f"new session, {kind}, engine over {way}", MOST, MOST, new, "ms"))
    return show(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--pool", type=int, default=200, help="addresses in the pool (200)")
    given = parser.parse_args()
    enter()
    subprocess.run(["sh", "-ec", f"ip link set lo up; ip addr add {SITE}/128 dev lo nodad"], check=True)
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with site(), tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        command = [
            sys.executable,
            "-m",
            "ipv6console",
            "serve",
            "--config",
            str(settings(folder, "routed", given.pool)),
        ]
        with (folder / "log").open("wb") as log:
            engine = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            fill(engine, folder / "engine.sock", given.pool)
            good = measure(folder / "engine.sock", given.rounds, given.sessions)
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
