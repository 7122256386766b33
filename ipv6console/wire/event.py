"""Events: what an operator would want to read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventLevel(StrEnum):
    """How loud an event is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


LEVELS = (EventLevel.INFO, EventLevel.WARNING, EventLevel.ERROR)
"""The levels, the loudest last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One numbered event; `kind` is dotted ("prefix.appeared"), `subject` the object it is about, `actor` who did it."""

    id: int
    at: float
    level: EventLevel
    kind: str
    text: str
    subject: str | None = None
    actor: str | None = None
    data: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class EventPage:
    """A run of events, oldest first; `last` is the newest id the engine has."""

    events: tuple[Event, ...]
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFilter:
    """Which events are wanted; None is any.

    `level` is the least loud one, `kind` how the kind begins ("prefix."), `subject` exact, `actor` and `text` anywhere in
    theirs, in any case; `start` and `until` are unix seconds, `until` itself is left out.
    """

    level: EventLevel | None = None
    kind: str | None = None
    subject: str | None = None
    actor: str | None = None
    text: str | None = None
    start: float | None = None
    until: float | None = None

    def wants(self, event: Event) -> bool:
        """Return whether `event` is one of them."""
        return (
            (self.level is None or LEVELS.index(event.level) >= LEVELS.index(self.level))
            and (self.kind is None or event.kind.startswith(self.kind))
            and (self.subject is None or event.subject == self.subject)
            and (self.actor is None or self.actor.casefold() in (event.actor or "").casefold())
            and (self.text is None or self.text.casefold() in event.text.casefold())
            and (self.start is None or event.at >= self.start)
            and (self.until is None or event.at < self.until)
        )


EVERY_EVENT = EventFilter()
"""Wants all of them."""
