"""Scrapers of the load tests, run on the egress host: what they did, as they saw it, is written as JSON to stdout.

`worker.py cycles THREADS CYCLES`: each thread picks, visits the site and reports, CYCLES times, by one IPv6Session.
`worker.py ledger THREADS SECONDS`: each thread picks and reports without a session until SECONDS are over, and notes
what the engine has acknowledged and what it was asked without an answer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
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


def ledger(worker: str, seconds: float) -> list[dict[str, Any]]:
    """Each lease: what was acknowledged of it. `verdict` is the last one asked for, `acknowledged` whether it was."""
    leases: list[dict[str, Any]] = []
    until = time.monotonic() + seconds
    number = 0
    with IPv6Client(timeout=5.0) as client:
        while time.monotonic() < until:
            number += 1
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
            if number % 10 == 0:
                continue  # kept, as by a scraper that is still busy
            lease["verdict"] = "bad" if number % 25 == 0 else "idle"
            lease["ended"] = time.monotonic()
            try:
                lease["acknowledged"] = client.report(reply.addr, lease["verdict"], MIRROR, lease=reply.lease).success
            except (EngineUnreachable, EngineRefused):
                time.sleep(0.05)
    return leases


def main() -> None:
    kind, threads, amount = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    names = [f"{os.getpid()}-{number}" for number in range(threads)]
    with ThreadPoolExecutor(threads) as pool:
        if kind == "cycles":
            jobs = [pool.submit(cycles, name, int(amount)) for name in names]
        else:
            jobs = [pool.submit(ledger, name, amount) for name in names]
        json.dump([job.result() for job in jobs], sys.stdout)


if __name__ == "__main__":
    try:
        main()
    except httpx.HTTPError as error:
        sys.exit(f"{type(error).__name__}: {error}")
