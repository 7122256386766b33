"""Who watches the state document, for each other to see."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ipv6console.engine.caller import Caller
from ipv6console.engine.clock import Clock
from ipv6console.engine.journal import Journal
from ipv6console.wire.presence import AttachedRow, Presence, WatcherKind


class Attendance:
    """Lists watchers while they watch; consoles that come and go are events."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock
        self._rows: dict[int, AttachedRow] = {}
        self._last = 0

    @property
    def rows(self) -> tuple[AttachedRow, ...]:
        """Those who watch, the one that came first first."""
        return tuple(self._rows.values())

    @contextmanager
    def listing(self, presence: Presence, caller: Caller) -> Iterator[None]:
        """List a watcher for the length of the block."""
        self._last += 1
        row = AttachedRow(
            id=self._last,
            name=presence.name,
            kind=presence.kind,
            transport=caller.label,
            since=self._clock.now(),
            read_only=presence.read_only,
        )
        self._rows[row.id] = row
        self._tell("attached", row)
        try:
            yield
        finally:
            del self._rows[row.id]
            self._tell("left", row)

    def _tell(self, what: str, row: AttachedRow) -> None:
        if row.kind is WatcherKind.CONSOLE:
            shown = f"{row.name or 'a console'} {what}" + (", read-only" if row.read_only else "")
            self._journal.write(f"console.{what}", shown, actor=row.transport)
