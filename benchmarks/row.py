"""One line of a benchmark's result: what was measured, what was aimed at, and whether it is good enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A figure of which less is better, or `more`; `target` is aimed at, with `least` the work is done."""

    metric: str
    target: float
    least: float
    measured: float
    unit: str
    more: bool = False

    @property
    def ratio(self) -> float:
        """What was measured, in targets."""
        return self.measured / self.target

    @property
    def verdict(self) -> str:
        """Whether it is good enough: yes, at least, or no."""
        return "yes" if self._reaches(self.target) else "at least" if self.good else "NO"

    @property
    def good(self) -> bool:
        """Whether the work is done."""
        return self._reaches(self.least)

    def _reaches(self, bound: float) -> bool:
        return self.measured >= bound if self.more else self.measured <= bound


def show(rows: Sequence[Row]) -> bool:
    """Print the rows; return whether all are good enough."""
    print(f"{'metric':<58} {'target':>12} {'measured':>12} {'ratio':>6}  pass")
    for row in rows:
        target, measured = (f"{figure:,.4g} {row.unit}" for figure in (row.target, row.measured))
        print(f"{row.metric:<58} {target:>12} {measured:>12} {row.ratio:6.2f}  {row.verdict}")
    return all(row.good for row in rows)
