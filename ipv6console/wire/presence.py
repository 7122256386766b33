"""Who is attached to an engine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class WatcherKind(StrEnum):
    """What watches the state document."""

    CONSOLE = "console"
    CLIENT = "client"


@dataclass(frozen=True, slots=True, kw_only=True)
class Presence:
    """How a watcher introduces itself: a name for people, what it is, and whether it refuses to act."""

    name: str = ""
    kind: WatcherKind = WatcherKind.CLIENT
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedRow:
    """One watcher of the state document; `transport` is how the engine knows it ("unix pid 812 uid 0 …").

    `since` is unix seconds. What it did stands in the events whose `actor` is its `transport`.
    """

    id: int
    name: str
    kind: WatcherKind
    transport: str
    since: float
    read_only: bool
