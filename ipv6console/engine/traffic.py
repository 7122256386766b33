"""What passed through the engine since its start: how requests were answered, and how long picks and commits took."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from dataclasses import dataclass, field
from itertools import accumulate

BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
"""Upper bounds of the buckets, in seconds."""


@dataclass(slots=True)
class Distribution:
    """Durations, counted by bucket; the last bucket is for what is longer than every bound. `total` is in seconds."""

    counts: list[int] = field(default_factory=lambda: [0] * (len(BOUNDS) + 1))
    total: float = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration."""
        self.counts[bisect_left(BOUNDS, seconds)] += 1
        self.total += seconds

    def copy(self) -> Distribution:
        """Return it as it is now."""
        return Distribution(self.counts.copy(), self.total)

    def cumulative(self) -> list[tuple[float, int]]:
        """Return how many took at most so many seconds, for every bound and at last for infinity."""
        return list(zip((*BOUNDS, float("inf")), accumulate(self.counts), strict=True))


@dataclass(slots=True)
class Traffic:
    """Requests answered on the hot path and by the framework; picks that did not wait; commits; events of each kind."""

    hot: int = 0
    framework: int = 0
    picks: Distribution = field(default_factory=Distribution)
    commits: Distribution = field(default_factory=Distribution)
    events: Counter[str] = field(default_factory=Counter)

    def copy(self) -> Traffic:
        """Return it as it is now."""
        return Traffic(self.hot, self.framework, self.picks.copy(), self.commits.copy(), self.events.copy())
