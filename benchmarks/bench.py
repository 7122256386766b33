"""All benchmarks, one after the other, in one table and in benchmarks/results/DATE.json.

    sudo make bench
    sudo python benchmarks/bench.py [NAME ...]

NAME is one of pool, restart, version, cycle, checks, session, idle, console. Figures depend on the machine and on what else it
does, so its load before each part is told; ratios were taken in turns within a run.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import KEPT, Row, keep, kept, show

HERE = Path(__file__).resolve().parent
NAMES = ("pool", "restart", "version", "cycle", "checks", "session", "idle", "console")
ROUNDS = 15


def took(*words: str) -> float:
    """Return how long a command takes, in milliseconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def version() -> list[Row]:
    """Measure what `ipv6console --version` costs over an interpreter that does nothing, in turns."""
    pairs = [(took("-m", "ipv6console", "--version"), took("-c", "pass")) for _ in range(ROUNDS)]
    return [Row("ipv6console --version over python -c pass", 60, 150, median(one - bare for one, bare in pairs), "ms")]


def run(name: str, rows: Path) -> str | None:
    """Run one part; return what went wrong, None when it told its figures."""
    print(f"== {name} (load {os.getloadavg()[0]:.1f})", flush=True)
    before = rows.stat().st_size
    if name == "version":
        keep(version())
        return None
    done = subprocess.run([sys.executable, HERE / f"{name}.py"], check=False)
    return None if rows.stat().st_size > before else f"{name} ended with {done.returncode} before it told a figure"


def written(rows: Sequence[Row], failures: Sequence[str], when: datetime) -> Path:
    """Write the results and return the file."""
    path = HERE / "results" / f"{when:%Y-%m-%d}.json"
    path.parent.mkdir(exist_ok=True)
    document = {
        "at": when.isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "rows": [{**asdict(row), "ratio": round(row.ratio, 3), "pass": row.verdict} for row in rows],
        "failures": list(failures),
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def main() -> None:
    """Run what was named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", choices=[*NAMES, []], metavar="NAME", help=f"{', '.join(NAMES)} (all)")
    given = parser.parse_args()
    when = datetime.now(UTC)
    with tempfile.NamedTemporaryFile(prefix="ipv6console-rows-") as file:
        os.environ[KEPT] = file.name
        failures = [told for name in given.names or NAMES if (told := run(name, Path(file.name)))]
        del os.environ[KEPT]
        rows = kept(Path(file.name))
    print("== all")
    good = show(rows)
    for failure in failures:
        print(failure)
    print(f"written to {written(rows, failures, when)}")
    sys.exit(0 if good and not failures else 1)


if __name__ == "__main__":
    main()
