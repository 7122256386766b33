"""Scrapers of the load tests, run on the egress host: what they did, as they saw it, is written as JSON to stdout.

`worker.py cycles THREADS CYCLES`: each thread picks, visits the site and reports, CYCLES times, by one IPv6Session.
`worker.py ledger THREADS FILE`: each thread picks and reports without a session until FILE exists, and notes what the
engine has acknowledged and what it was asked without an answer. Now and then a lease is kept, or ends as bad.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from ipv6console.client import EngineRefused, EngineUnreachable, IPv6Client, IPv6Session

MIRROR = "load"
SITE = os.environ["IPV6CONSOLE_SITE"]


def cycles(worker: str, count: int) -> list[dict[str, Any]]:
    """Each cycle: the address held, and when (CLOCK_MONOTONIC, the same for all processes) it was ours for certain."""
    done = []
    with IPv6Session(MIRROR, adapt_retry_interval=0.2, adapt_max_retries=100, timeout=30) as session:
        for number in range(count):
            began, addr = time.monotonic(), session.addr
            answer = session.get(f"{SITE}/ip/{addr}/{worker}/{number}").text.strip()
            done.append({"addr": addr, "answer": answer, "began": began, "ended": time.monotonic()})
            if number + 1 < count:
                session.adapt()
    return done


def ledger(worker: str, stop: Path) -> list[dict[str, Any]]:
    """Each lease: what was acknowledged of it. `verdict` is the one asked for, `acknowledged` whether it was."""
    leases: list[dict[str, Any]] = []
    chance = random.Random(worker)
    rare = ["keep", "bad", "keep", "bad"]
    with IPv6Client(timeout=5.0) as client:
        while not stop.exists():
            try:
                reply = client.pick(MIRROR, ttl=600, holder=worker)
            except (EngineUnreachable, EngineRefused):
                time.sleep(0.05)
                continue
            if reply.addr is None:
                time.sleep(0.05)
                continue
            lease: dict[str, Any] = {"addr": reply.addr, "lease": reply.lease, "verdict": None, "acknowledged": False}
            lease["began"] = time.monotonic()
            leases.append(lease)
            what = rare.pop() if rare and chance.random() < 0.02 else "idle"
            if what == "keep":
                continue
            lease["verdict"] = what
            lease["ended"] = time.monotonic()
            try:
                lease["acknowledged"] = client.report(reply.addr, what, MIRROR, lease=reply.lease).success
            except (EngineUnreachable, EngineRefused):
                time.sleep(0.05)
    return leases


def main() -> None:
    kind, threads, limit = sys.argv[1], int(sys.argv[2]), sys.argv[3]
    names = [f"{os.getpid()}-{number}" for number in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        if kind == "cycles":
            jobs = [pool.submit(cycles, name, int(limit)) for name in names]
        else:
            jobs = [pool.submit(ledger, name, Path(limit)) for name in names]
        json.dump([job.result() for job in jobs], sys.stdout)


if __name__ == "__main__":
    try:
        main()
    except httpx.HTTPError as error:
        sys.exit(f"{type(error).__name__}: {error}")
