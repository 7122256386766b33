"""How many requests of real clients are answered on the hot path, by the engine's own counter.

    sudo python benchmarks/paths.py [--requests 500]

Clients are this package's sessions (httpx, httpx async, requests), requests itself, as a scraper of the older system uses
it, and curl, each over TCP, the sessions over the Unix socket too. Every one of them picks and reports. What counts is
`ipv6console_http_requests_total{path="hot"}` of /metrics before and after; the lowest share of any client is the row.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import requests

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.place import enter, filled
from benchmarks.row import Row, show
from benchmarks.session import many

URL = "http://127.0.0.1:16000"
POOL = 50
CURLS = 20


def counted() -> dict[str, int]:
    """Return how many requests were answered on which path, this one not among them."""
    told = requests.get(f"{URL}/metrics", timeout=30).text
    found = re.findall(r'^ipv6console_http_requests_total\{path="(\w+)"\} (\S+)$', told, re.MULTILINE)
    if not found:
        sys.exit(f"/metrics does not count requests by path:\n{told[:2_000]}")
    return {path: int(float(number)) for path, number in found}


def share(client: Callable[[], object]) -> float:
    """Return the share of a client's requests, in percent, that took the hot path."""
    before = counted()
    client()
    after = counted()
    hot, framework = (after[path] - before[path] for path in ("hot", "framework"))
    # The question before is among them.
    framework -= 1
    return 100 * hot / (hot + framework)


def older(count: int) -> None:
    """Pick and report as scrapers of the older system do."""
    with requests.Session() as session:
        for _ in range(count):
            addr = session.get(f"{URL}/pick", params={"dbname": "bench"}, timeout=10).json()["addr"]
            info = {"addr": addr, "status": "idle"}
            session.post(f"{URL}/report", json={"dbname": "bench", "report_info": info}, timeout=10).raise_for_status()


def curl(count: int) -> None:
    """Pick and report at the shell."""
    for _ in range(min(count, CURLS)):
        picked = json.loads(subprocess.check_output(["curl", "-sS", f"{URL}/pick?dbname=bench"]))
        body = json.dumps({"dbname": "bench", "report_info": {"addr": picked["addr"], "status": "idle"}})
        words = ["curl", "-sSf", "-H", "Content-Type: application/json", "-d", body, f"{URL}/report"]
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def measure(path: Path, count: int) -> bool:
    """Print each client's share and show the row."""
    shares = {"requests": share(lambda: older(count)), "curl": share(lambda: curl(count))}
    ways = {"Unix socket": {"socket": str(path)}, "TCP": {"url": URL}}
    for kind in ("httpx", "httpx, async", "requests"):
        for way, place in ways.items():
            shares[f"session, {kind}, {way}"] = share(lambda kind=kind, place=place: many(kind, place, count // 5))
    for name, found in shares.items():
        print(f"  {name:<32} {found:6.1f} %")
    least = min(shares, key=shares.__getitem__)
    print(f"the lowest is that of {least}")
    return show([Row("requests of real clients on the hot path", 99, 99, shares[least], "%", more=True)])


def main() -> None:
    """Run an engine and measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--requests", type=int, default=500, help="picks of each client (500)")
    given = parser.parse_args()
    enter()
    with filled(POOL) as path:
        good = measure(path, given.requests)
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
