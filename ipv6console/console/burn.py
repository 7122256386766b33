"""How fast each mirror burns addresses: bad verdicts a minute, from counters that were seen, else since the engine's start."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from ipv6console.wire.state import MirrorRow, State

WINDOW = 60.0
"""Seconds a rate is about, once so many were seen."""
_LEAST = 5.0


@dataclass(frozen=True, slots=True)
class Rate:
    """Bad verdicts a minute; `measured` when they were seen to come, else it is the average since the engine's start."""

    per_min: float
    measured: bool


class Burn:
    """The counters of the last minute, by mirror."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int]]] = {}

    def note(self, state: State) -> None:
        """Note the counters of a document; a counter that went back is another engine's."""
        names = {row.name for row in state.mirrors}
        self._seen = {name: seen for name, seen in self._seen.items() if name in names}
        for row in state.mirrors:
            seen = self._seen.setdefault(row.name, deque())
            if seen and (row.bans < seen[-1][1] or state.at < seen[-1][0]):
                seen.clear()
            if not seen or state.at > seen[-1][0]:
                seen.append((state.at, row.bans))
            while len(seen) > 2 and seen[1][0] <= state.at - WINDOW:
                seen.popleft()

    def rate(self, row: MirrorRow, state: State) -> Rate:
        """Return how fast a mirror burns addresses, as of `state`."""
        seen = self._seen.get(row.name)
        if seen and seen[-1][0] - seen[0][0] >= _LEAST:
            length = seen[-1][0] - seen[0][0]
            return Rate((seen[-1][1] - seen[0][1]) * 60.0 / length, measured=True)
        return Rate(row.bans * 60.0 / max(1.0, state.at - state.engine.started_at), measured=False)
