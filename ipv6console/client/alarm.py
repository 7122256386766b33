"""Alarm: one thread that waits for all renewers of the process, so that a lease given back early never costs a thread."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from typing import Protocol

logger = logging.getLogger("ipv6console.client")

_LONGEST_WAIT = 3_600.0
"""Seconds after which the clocks are read again in any case: they also run while the machine sleeps, a wait does not."""

_LINGER = 60.0
"""Seconds for which the thread stays when there is nothing to wait for."""

_AGAIN = 1.0
"""Seconds after which one that could not begin is told again."""


class Sleeper(Protocol):
    """Something that is to begin when its time has come."""

    def now(self) -> float:
        """Return the time by its own clock."""
        ...

    def begin(self) -> None:
        """Begin; called once, on the alarm's thread. Raises RuntimeError when there are no threads left."""
        ...


class Alarm:
    """Tells each sleeper to begin at the time that was set for it; its thread starts with the first."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Know of nobody, as in a fork: the thread, and maybe the lock, stayed with the parent."""
        # Reentrant: the collector may end a forgotten session, which drops its renewer, in the middle of this.
        self._changed = threading.Condition(threading.RLock())
        self._due: dict[Sleeper, float] = {}
        self._wakes_at = math.inf
        self._thread: threading.Thread | None = None

    def set(self, sleeper: Sleeper, due: float) -> None:
        """Let `sleeper` begin at `due` of its clock, and at no other time."""
        with self._changed:
            self._due[sleeper] = due
            if self._thread is None:
                thread = threading.Thread(target=self._run, name="ipv6console-alarm", daemon=True)
                thread.start()
                self._thread = thread
            elif time.monotonic() + due - sleeper.now() < self._wakes_at:
                self._changed.notify()

    def drop(self, sleeper: Sleeper) -> None:
        """Let `sleeper` sleep on."""
        with self._changed:
            self._due.pop(sleeper, None)

    def _run(self) -> None:
        while (ready := self._next()) is not None:
            for sleeper in ready:
                try:
                    sleeper.begin()
                except RuntimeError as error:
                    logger.warning("no lease can be renewed for now: %s", error)
                    self.set(sleeper, sleeper.now() + _AGAIN)

    def _next(self) -> list[Sleeper] | None:
        """Wait until some are due, and return them; None when the thread is to end."""
        with self._changed:
            while True:
                rest = {sleeper: due - sleeper.now() for sleeper, due in tuple(self._due.items())}
                ready = [sleeper for sleeper, left in rest.items() if left <= 0]
                for sleeper in ready:
                    self._due.pop(sleeper, None)
                if ready:
                    return ready
                wait = min(rest.values(), default=_LINGER)
                self._wakes_at = time.monotonic() + min(wait, _LONGEST_WAIT)
                told = self._changed.wait(min(wait, _LONGEST_WAIT))
                if not told and not self._due and not rest:
                    self._thread, self._wakes_at = None, math.inf
                    return None


ALARM = Alarm()
"""The one of this process."""

os.register_at_fork(after_in_child=ALARM.reset)
