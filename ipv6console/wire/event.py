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
