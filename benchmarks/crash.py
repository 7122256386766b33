"""What kill -9 costs scrapers: operations that were acknowledged and are lost, and leases that two of them hold.

    sudo python benchmarks/crash.py [--rounds 20] [--durability process|power]

Every round kills the engine at a random point under load, starts it again and compares what it has with what scrapers wrote
down as answered (tests/faults), and where a site was called from while sessions sent to it all the time. `make soak` does a
hundred rounds of each durability; the rows say how many these were.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import Row, show
from tests.faults.crash import Tally, crash
from tests.faults.host import Host

TWICE = ("held by two", "leased ")
"""How what is wrong begins when an address was leased twice."""
ASTRAY = ("sent from an address", "the site was called")
"""And when traffic left from another address than a session's own."""


def killed(rounds: int, durability: str) -> Tally:
    """Do it all on a host of its own."""
    with tempfile.TemporaryDirectory() as name:
        host = Host(Path(name), {"durability": durability})
        try:
            return crash(host, rounds, os.urandom(4).hex())
        finally:
            host.close()


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=20, help="how often the engine is killed (20)")
    parser.add_argument("--durability", choices=("process", "power"), default="process")
    given = parser.parse_args()
    try:
        tally, wrong = killed(given.rounds, given.durability), list[str]()
    except AssertionError as error:
        told, _, rest = str(error).partition("\n")
        print(f"{told}\n{rest}")
        wrong = [line for line in rest.splitlines() if line]
    else:
        print(tally)
    twice, astray = (sum(line.startswith(kind) for line in wrong) for kind in (TWICE, ASTRAY))
    what = f"in {given.rounds} kill -9 under load, {given.durability}-durable"
    rows = [
        Row(f"acknowledged operations lost {what}", 0, 0, len(wrong) - twice - astray, ""),
        Row(f"leased twice {what}", 0, 0, twice, ""),
        Row(f"sent by sessions from what they did not hold {what}", 0, 0, astray, ""),
    ]
    sys.exit(0 if show(rows) else 1)


if __name__ == "__main__":
    main()
