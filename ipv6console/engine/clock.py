"""The engine's time."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

log = logging.getLogger(__name__)

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


def read_era(path: Path) -> Era | None:
    """Return the era that `keep_era` wrote, None when there is none that can be read."""
    try:
        told = json.loads(path.read_text())
        return Era(str(told["boot"]), float(told["offset"]))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        log.warning("%s cannot be read, so leases of an engine before run by the wall clock: %s", path, error)
        return None


def keep_era(path: Path, era: Era) -> None:
    """Write the era for the next engine."""
    unfinished = path.with_name(f"{path.name}.new")
    try:
        unfinished.write_text(json.dumps(asdict(era)))
        unfinished.replace(path)
    except OSError as error:
        log.warning("%s cannot be written, so the next engine's leases run by the wall clock: %s", path, error)
