"""A breaker for a mirror whose target bans everything."""

from __future__ import annotations

from collections import deque


class Breaker:
    """Trips when nearly all of the last verdicts were bad: fresh addresses would be wasted on that target."""

    __slots__ = ("_bad", "_recent", "_until")

    def __init__(self) -> None:
        self._recent: deque[bool] | None = None  # made with the first verdict: most mirrors of many never see one
        self._bad = 0
        self._until = 0.0

    def judge(self, bad: bool, now: float, *, window: int, ratio: float, rest: float) -> bool:
        """Count a verdict; return whether it tripped the breaker, for `rest` seconds."""
        if self._recent is None:
            self._recent = deque(maxlen=window)
        recent = self._recent
        if len(recent) == window:
            self._bad -= recent[0]
        recent.append(bad)
        self._bad += bad
        if len(recent) < window or self._bad < ratio * window:
            return False
        self._until = now + rest
        recent.clear()
        self._bad = 0
        return True

    def tripped(self, now: float) -> bool:
        """Return whether the mirror is to do with what it has."""
        return now < self._until
