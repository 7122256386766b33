"""The engine's time."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TIME_NAMESPACE = Path("/proc/self/ns/time")
_LEAST = 1.0


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

    def era(self) -> Era:
        """Return what tells this clock from that of another engine."""
        boot = _BOOT_ID.read_text().strip()
        if _TIME_NAMESPACE.exists():
            # CLOCK_BOOTTIME differs from one time namespace to the next (time_namespaces(7)).
            boot = f"{boot} {_TIME_NAMESPACE.readlink()}"
        return Era(boot, self._offset)


@dataclass(frozen=True, slots=True)
class Era:
    """By which clock an engine wrote its times: the boot of the machine, and unix seconds at CLOCK_BOOTTIME 0."""

    boot: str
    offset: float

    def since(self, earlier: Era) -> float | None:
        """Return by how many seconds the wall clock was set since `earlier`, None when the machine was booted since."""
        if self.boot != earlier.boot:
            return None
        jump = self.offset - earlier.offset
        # The two clocks are never read at quite the same time.
        return jump if abs(jump) >= _LEAST else 0.0
