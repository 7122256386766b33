"""One line of a benchmark's result: what was measured, what was aimed at, and whether it is good enough."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

KEPT = "IPV6CONSOLE_BENCHMARK_ROWS"
"""Names the file that rows are added to, a JSON object a line, besides being printed."""


@dataclass(frozen=True)
class Row:
    """A figure of which less is better, or `more`; `target` is aimed at, with `least` the work is done.

    `measured` is None when what should have measured it failed.
    """

    metric: str
    target: float
    least: float
    measured: float | None
    unit: str
    more: bool = False

    @property
    def ratio(self) -> float | None:
        """What was measured, in targets; None of a target of nothing at all, and when nothing was measured."""
        return self.measured / self.target if self.target and self.measured is not None else None

    @property
    def verdict(self) -> str:
        """Whether it is good enough: yes, at least, no, or that it failed."""
        if self.measured is None:
            return "FAILED"
        return "yes" if self._reaches(self.target) else "at least" if self.good else "NO"

    @property
    def good(self) -> bool:
        """Whether the work is done."""
        return self._reaches(self.least)

    def _reaches(self, bound: float) -> bool:
        if self.measured is None:
            return False
        return self.measured >= bound if self.more else self.measured <= bound


def show(rows: Sequence[Row]) -> bool:
    """Print the rows, and keep them for who asked for that; return whether all are good enough."""
    width = max((len(row.metric) for row in rows), default=0)
    print(f"{'metric':<{width}} {'target':>12} {'at least':>12} {'measured':>12} {'ratio':>6}  pass")
    for row in rows:
        aim, least, measured = (_told(figure, row.unit) for figure in (row.target, row.least, row.measured))
        ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
        print(f"{row.metric:<{width}} {aim:>12} {least:>12} {measured:>12} {ratio:>6}  {row.verdict}")
    keep(rows)
    return all(row.good for row in rows)


def _told(figure: float | None, unit: str) -> str:
    return "" if figure is None else f"{figure:,.4g} {unit}".strip()


def keep(rows: Sequence[Row]) -> None:
    """Add rows to the file of a run of all benchmarks."""
    if kept := os.environ.get(KEPT):
        with Path(kept).open("a") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


def kept(path: Path) -> list[Row]:
    """Return the rows of a file."""
    return [Row(**json.loads(line)) for line in path.read_text().splitlines()]
