"""All benchmarks, one after the other, in one table and in benchmarks/results/DATE.json.

    sudo make bench                                    all of them, about 20 minutes
    sudo make bench ONLY='cycle fill'                  some of them
    sudo python benchmarks/bench.py [--only NAME ...] [--quick] [--list]

Every part is a program of its own with options of its own, benchmarks/NAME.py, and docs/performance.md says what each
measures and how to read it. Figures depend on the machine and on what else it does, so its load before each part is told;
ratios were taken in turns within a run. With --quick there are fewer rounds and smaller pools: it shows that all of it works,
and its figures, which are written to DATE-quick.json, are not to be quoted. A part that fails is a row that says so. The exit
status is 0 when every row is at least what is asked.
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
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.row import KEPT, Row, keep, kept, show

HERE = Path(__file__).resolve().parent
ROUNDS = 15
PATIENCE = 900.0
"""Seconds a part may take."""


@dataclass(frozen=True)
class Part:
    """One benchmark: how many rows it has to tell, whole and `fewer` with the options that make it quick, and those."""

    rows: int
    quick: str = ""
    fewer: int | None = None

    def expected(self, *, quick: bool) -> int:
        """Return how many rows it tells."""
        return self.fewer if quick and self.fewer is not None else self.rows


PARTS = {
    "version": Part(1),
    "pool": Part(6, "--sizes 1000,100000", 4),
    "bindings": Part(11, "--bindings 50000 --operations 2000"),
    "restart": Part(1, "--addresses 100000"),
    "leaving": Part(2, "--addresses 100000"),
    "fill": Part(1, "--rounds 2"),
    "paths": Part(1, "--requests 50"),
    "renumber": Part(2, "--rounds 2"),
    "crash": Part(3, "--rounds 3"),
    "cycle": Part(4, "--rounds 2 --seconds 1"),
    "bindapi": Part(3, "--seconds 1 --bindings 2000"),
    "checks": Part(2, "--rounds 2 --addresses 500 --rival 10"),
    "session": Part(6, "--rounds 2 --sessions 30"),
    "console": Part(7, "--rounds 1"),
    "idle": Part(12, "--seconds 5 routed=200 responder=200", 4),
    "scale": Part(15, "--addresses 300000 --mirrors 200 --rounds 2"),
}


def took(*words: str) -> float:
    """Return how long a command takes, in milliseconds."""
    began = time.perf_counter()
    subprocess.run([sys.executable, *words], check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - began) * 1e3


def version() -> list[Row]:
    """Measure what `ipv6console --version` costs over an interpreter that does nothing, in turns."""
    pairs = [(took("-m", "ipv6console", "--version"), took("-c", "pass")) for _ in range(ROUNDS)]
    return [Row("ipv6console --version over python -c pass", 60, 150, median(one - bare for one, bare in pairs), "ms")]


def run(name: str, rows: Path, *, quick: bool = False) -> str | None:
    """Run one part; return what went wrong, None when it told all its figures."""
    print(f"== {name} (load {os.getloadavg()[0]:.1f})", flush=True)
    if name == "version":
        keep(version())
        return None
    part, before = PARTS[name], len(kept(rows))
    words = [sys.executable, str(HERE / f"{name}.py"), *(part.quick.split() if quick else ())]
    try:
        ended = f"ended with {subprocess.run(words, check=False, timeout=PATIENCE).returncode}"
    except subprocess.TimeoutExpired:
        ended = f"was ended after {PATIENCE:.0f} s"
    told, wanted = len(kept(rows)) - before, part.expected(quick=quick)
    return None if told >= wanted else f"{name}: {ended} and told {told} of {wanted} figures"


def measured(names: Sequence[str], rows: Path, *, quick: bool = False) -> list[Row]:
    """Run parts; return all rows, with one for each part that failed."""
    failures = [told for name in names if (told := run(name, rows, quick=quick))]
    return [*kept(rows), *(Row(failure, 0, 0, None, "") for failure in failures)]


def written(rows: Sequence[Row], when: datetime, folder: Path, *, quick: bool = False, whole: bool = True) -> Path:
    """Write the results and return the file; those of some parts take the place of what was measured before that day."""
    path = folder / f"{when:%Y-%m-%d}{'-quick' if quick else ''}.json"
    path.parent.mkdir(exist_ok=True)
    at = when.isoformat(timespec="seconds")
    told = {
        row.metric: {
            **asdict(row),
            "ratio": None if row.ratio is None else round(row.ratio, 3),
            "pass": row.verdict,
            "at": at,
        }
        for row in rows
    }
    if not whole and path.exists():
        earlier = json.loads(path.read_text())["rows"]
        told = {row["metric"]: row for row in earlier} | told
    document = {
        "at": at,
        "python": platform.python_version(),
        "kernel": platform.release(),
        "cores": os.cpu_count(),
        "quick": quick,
        "rows": list(told.values()),
    }
    path.write_text(json.dumps(document, indent=2) + "\n")
    return path


def main() -> None:
    """Run what was named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=PARTS, metavar="NAME", help=f"only these of {', '.join(PARTS)}")
    parser.add_argument("--quick", action="store_true", help="few rounds and small pools, to see that it works")
    parser.add_argument("--list", action="store_true", help="say what each part measures, and run none")
    given = parser.parse_args()
    if given.list:
        for name in PARTS:
            first = version.__doc__ if name == "version" else (HERE / f"{name}.py").read_text().splitlines()[0]
            told = (first or "").strip('"')
            print(f"{name:<10} {told}")
        return
    when = datetime.now(UTC)
    with tempfile.NamedTemporaryFile(prefix="ipv6console-rows-") as file:
        os.environ[KEPT] = file.name
        rows = measured(given.only or tuple(PARTS), Path(file.name), quick=given.quick)
        del os.environ[KEPT]
    print("== all")
    good = show(rows)
    print(f"written to {written(rows, when, HERE / 'results', quick=given.quick, whole=not given.only)}")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
