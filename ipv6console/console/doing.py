"""What an action of the registry is: its key, its guard, and where it makes sense."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Danger(IntEnum):
    """How an act is guarded."""

    NONE = 0
    """It changes only what is seen, or nothing that hurts."""
    CONFIRM = 1
    """Can be undone: a dialog with Cancel focused."""
    PLAN = 2
    """Wide or for good: a plan with the exact set, and a typed word."""


class Scope(StrEnum):
    """Where an action makes sense: anywhere, in every table, on one screen, or in some panes of it (SCREEN.PANES)."""

    ANYWHERE = "anywhere"
    TABLE = "table"
    POOL = "pool"
    MIRRORS = "mirrors"
    PREFIXES = "prefixes"
    NDP = "ndp"
    HA = "ha"
    EVENTS = "events"
    SPACE = "space"
    SUBSCRIBERS = "space.subscribers"
    BINDINGS = "space.bindings"

    @property
    def mode(self) -> str:
        """The mode of the screen it is on."""
        return self.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One thing a key does. `acts` means it asks the engine to change something; `footer` orders the key bar.

    A key belongs to one action, but for those of screens of their own: they may share one. `command` is what does, or
    tells, the same outside the console, after `ipv6console`; what is about the screen alone has none.
    """

    id: str
    title: str
    key: str
    help: str
    danger: Danger = Danger.NONE
    scope: Scope = Scope.ANYWHERE
    acts: bool = False
    footer: int | None = None
    aliases: tuple[str, ...] = ()
    palette: bool = True
    command: str = ""
