"""Renewer: keeps leases alive from a thread of its own, each from half of its TTL on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from ipv6console.client.alarm import ALARM
from ipv6console.client.errors import EngineRefused, EngineUnreachable, LeaseLost
from ipv6console.client.hold import Clock, Hold
from ipv6console.client.origin import Origin

logger = logging.getLogger("ipv6console.client")

_LONGEST_WAIT = 3_600.0
"""Seconds after which the clock is read again in any case: it also runs while the machine sleeps, a wait does not."""


class Renewer:
    """Calls `renew(hold)` for every hold it keeps; the thread starts at half of the first one's time and ends with `stop`.

    `renew` raises LeaseLost for a lease that has ended. An engine that is down is asked again until the lease's end.
    """

    def __init__(self, renew: Callable[[Hold], object], clock: Clock) -> None:
        self._renew = renew
        self._clock = clock
        self._origin = Origin()
        self._changed = threading.Condition()
        self._due: dict[Hold, float] = {}
        self._wakes_at = 0.0
        self._thread: threading.Thread | None = None
        self._stopped = False

    def keep(self, hold: Hold) -> None:
        """Renew `hold` from half of its time on; called again after its time has changed."""
        with self._changed:
            if self._stopped:
                return
            self._due[hold] = hold.renew_at
            if self._thread is None:
                ALARM.set(self, min(self._due.values()))
            elif hold.renew_at < self._wakes_at:
                self._changed.notify()

    def now(self) -> float:
        """Return the time by the clock of its leases."""
        return self._clock()

    def begin(self) -> None:
        """Start the thread, now that there is something to do; raises RuntimeError when there can be no more threads."""
        with self._changed:
            if self._thread is None and self._due and not self._stopped:
                thread = threading.Thread(target=self._run, name="ipv6console-renewer", daemon=True)
                thread.start()
                self._thread = thread

    def drop(self, hold: Hold) -> None:
        """Let `hold` run out."""
        with self._changed:
            self._due.pop(hold, None)

    def stop(self) -> None:
        """Renew nothing any more, and wait for the thread to end."""
        if not self._origin.here:
            return  # a fork has no such thread, but maybe the lock that it held at that moment
        ALARM.drop(self)
        with self._changed:
            self._stopped = True
            self._due.clear()
            self._changed.notify()
            thread = self._thread
        # The collector may close a forgotten session on any thread, also on this one.
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        while (hold := self._next()) is not None:
            self._attempt(hold)

    def _next(self) -> Hold | None:
        with self._changed:
            while not self._stopped:
                now = self._clock()
                self._wakes_at = now + _LONGEST_WAIT
                for hold, due in tuple(self._due.items()):
                    if due <= now:
                        return hold
                    self._wakes_at = min(self._wakes_at, due)
                self._changed.wait(self._wakes_at - now)
            return None

    def _attempt(self, hold: Hold) -> None:
        try:
            hold.require()
            self._renew(hold)
        except LeaseLost as lost:
            self._give_up(hold, lost.cause)
        except (EngineUnreachable, EngineRefused) as error:
            self._again(hold, error)
        except RuntimeError as error:  # its client was closed before it was given back
            self._give_up(hold, str(error))
        else:
            self._set(hold, hold.renew_at)

    def _again(self, hold: Hold, error: Exception) -> None:
        if hold.ended():
            self._give_up(hold, f"its lease ran out before it could be renewed: {error}")
            return
        logger.warning("the lease on %s is not renewed yet: %s", hold.addr, error)
        self._set(hold, hold.retry_at(self._clock()))

    def _give_up(self, hold: Hold, cause: str) -> None:
        with self._changed:
            if self._due.pop(hold, None) is None:
                return  # it was given back meanwhile
        hold.lose(cause)
        logger.warning("the lease on %s is lost: %s", hold.addr, cause)

    def _set(self, hold: Hold, due: float) -> None:
        with self._changed:
            if hold in self._due:
                self._due[hold] = due
