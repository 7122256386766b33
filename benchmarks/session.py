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
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.place import enter, filled
from benchmarks.row import Row, show
from ipv6console.client import AsyncIPv6Session, IPv6Session
from ipv6console.client.requests import IPv6Session as RequestsSession

MOST = 2.0

Times = tuple[float, float]
"""Seconds until a session had its address, and until it had given it back."""


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
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores")
    with filled(given.pool) as path:
        good = measure(path, given.rounds, given.sessions)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
