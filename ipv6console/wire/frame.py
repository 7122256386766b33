"""Frames of the two WebSocket streams; each is a JSON object with a `type`."""

from __future__ import annotations

from dataclasses import dataclass

from ipv6console.wire.delta import Delta
from ipv6console.wire.event import Event
from ipv6console.wire.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFrame:
    """The whole document: the first frame of /stream, and the one after a gap."""

    state: State
    type: str = "state"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeltaFrame:
    """One delta of the document."""

    delta: Delta
    type: str = "delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsFrame:
    """Events that came since the last frame, oldest first."""

    events: tuple[Event, ...]
    type: str = "events"


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedFrame:
    """`count` frames were dropped because the watcher was slow; fresh state, or GET /events?since=, fills the gap."""

    count: int
    type: str = "missed"
