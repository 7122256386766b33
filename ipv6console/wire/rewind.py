"""How far back the state document can be read."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class RewindSpan:
    """The kept states: the oldest and the newest one's time (unix seconds), None when there is none, and how many."""

    oldest: float | None
    newest: float | None
    kept: int
