"""How soon scrapers pick from a new prefix when the ISP renumbers, and how often still from the old one.

    sudo python benchmarks/renumber.py [--rounds 5]

Each round is a lab of its own (`ipv6console lab serve`), whose ISP renumbers while a scraper picks all the time. The first
row counts from when the kernel had a usable address of the new prefix to the first answer with an address of it: what the
engine takes to notice, to set up route and NDP and to prove one; the slowest round is told. The second row is all picks of
all rounds that were asked for after the engine's event that the old prefix is deprecated, and answered with an address of it.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from ipaddress import IPv6Address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import Row, show
from ipv6console.lab.handle import directory_of
from tests.integration.conftest import Lab
from tests.integration.test_renumber import NEW, OLD, WATCHER

PATIENCE = 20.0
MODES = ("onlink", "routed")


def event_at(lab: Lab, since: int) -> float:
    """Return when the engine said that the old prefix is deprecated (unix seconds)."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for event in lab.client.events(since, 1_000).events:
            if event.kind == "prefix.deprecated" and event.subject == str(OLD):
                return event.at
        time.sleep(0.05)
    sys.exit("the engine never said that the old prefix is deprecated")


def renumbered(lab: Lab) -> tuple[float, int]:
    """Renumber; return the seconds until the first pick from the new prefix, and the late picks from the old one."""
    since = lab.client.events(limit=1_000).last
    watcher = lab.start(sys.executable, WATCHER, lab.info()["interface"], str(NEW.network_address).removesuffix(":"))
    until = time.monotonic() + PATIENCE
    while "watching" not in watcher.out() and time.monotonic() < until:
        time.sleep(0.02)
    lab.handle.fault("renumber", grace=2)
    done = watcher.result()
    if done.code:
        sys.exit(f"the scraper failed: {done}")
    told = json.loads(done.out.splitlines()[-1])
    picks = [(asked, answered, IPv6Address(addr)) for asked, answered, addr in told["picks"] if addr]
    deprecated = event_at(lab, since)
    first = min((answered for _, answered, addr in picks if addr in NEW), default=float("inf"))
    late = sum(1 for asked, _, addr in picks if addr in OLD and asked > deprecated)
    if not any(addr in OLD for _, _, addr in picks):
        sys.exit("nothing was picked from the old prefix before")
    return first - told["usable_at"], late


def round_of(number: int, scratch: Path) -> tuple[float, int]:
    """Do it in a lab of its own."""
    name, mode = f"bench-{os.getpid()}-{number}", MODES[number % len(MODES)]
    options = ["--name", name, "--mode", mode, "--usable-num", "20"]
    tied = ["setpriv", "--pdeathsig", "KILL", sys.executable]
    lab = Lab([*tied, "-m", "ipv6console", "lab", "serve", *options], directory_of(name), scratch)
    try:
        seconds, late = renumbered(lab.wait_until_ready())
    finally:
        lab.close()
    print(f"{mode}: first pick from the new prefix {seconds:.3f} s after its address was usable, {late} late ones")
    return seconds, late


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often the ISP renumbers (5)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        found = [round_of(number, Path(scratch)) for number in range(given.rounds)]
    rows = [
        Row("renumbering: first pick from the new prefix", 0.3, 1.0, max(seconds for seconds, _ in found), "s"),
        Row("renumbering: picks from the old prefix after the event", 0, 0, sum(late for _, late in found), ""),
    ]
    sys.exit(0 if show(rows) else 1)


if __name__ == "__main__":
    main()
