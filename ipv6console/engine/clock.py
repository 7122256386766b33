"""The engine's time."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the engine reads the time."""

    def now(self) -> float:
        """Return unix seconds that never jump while the engine lives."""
        ...


class BootClock:
    """Unix time as it was at the start, carried on by CLOCK_BOOTTIME (clock_gettime(2)).

    Leases keep their length when somebody sets the wall clock, and run on while the machine sleeps.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)

    def now(self) -> float:
        """Return unix seconds."""
        return self._offset + time.clock_gettime(time.CLOCK_BOOTTIME)
