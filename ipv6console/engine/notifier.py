"""One webhook or command: what waits for it, trying again, and how it went."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from random import Random

from ipv6console.engine.clock import Clock
from ipv6console.engine.journal import Journal
from ipv6console.engine.protocol import Carrier, NotCarried
from ipv6console.wire.notify import Notice, NotifierRow, NotifyResult
from ipv6console.wire.status import Finding, Level

QUEUE = 100
"""So many notices wait for one destination at most; the oldest is lost when there is one more."""

_LONGEST = 60.0
log = logging.getLogger("ipv6console")


def pause(attempt: int, random: Random) -> float:
    """Return the seconds to wait after failed attempt number `attempt` (from 1): doubling, with jitter, a minute at most."""
    return min(_LONGEST, 2.0 ** min(attempt - 1, 10)) * random.uniform(0.5, 1.0)


class Notifier:
    """Delivers notices to one destination, one after the other and each until it is there or given up."""

    def __init__(
        self,
        carrier: Carrier,
        journal: Journal,
        clock: Clock,
        *,
        attempts: int,
        random: Random,
        settled: Callable[[], None],
    ) -> None:
        self.carrier = carrier
        self._journal = journal
        self._clock = clock
        self._attempts = attempts
        self._random = random
        self._settled = settled
        self._queue: deque[Notice] = deque()
        self._some = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._hurry = asyncio.Event()
        self._attempt = 0
        self._cut_short = 0
        self._down = False
        self._overrun = False
        self._delivered = self._failed = self._lost = 0
        self._last: tuple[float, bool, str, str | None] | None = None

    @property
    def waiting(self) -> int:
        """How many notices are not delivered yet, the one on its way among them."""
        return len(self._queue)

    def put(self, notices: Iterable[Notice]) -> None:
        """Queue notices; never waits."""
        for notice in notices:
            if len(self._queue) == QUEUE:
                # The first one is on its way.
                del self._queue[1]
                self._lost += 1
                if not self._overrun:
                    self._overrun = True
                    text = f"more than {QUEUE} notices wait for {self._called}; the oldest are lost"
                    self._journal.warn("notify.lost", text, subject=self.carrier.name)
            self._queue.append(notice)
            self._idle.clear()
            self._some.set()

    async def run(self) -> None:
        """Deliver what comes, until cancelled."""
        while True:
            await self._some.wait()
            while self._queue:
                await self._deliver(self._queue[0])
                self._queue.popleft()
            self._overrun = False
            self._some.clear()
            self._idle.set()
            self._settled()

    async def finish(self) -> None:
        """Return when nothing waits any more; each notice is tried once more from now on, at once."""
        self._hurry.set()
        await self._idle.wait()

    def abandon(self) -> int:
        """Return how many notices were not delivered when the engine stopped, and say so."""
        left = len(self._queue) + self._cut_short
        if left:
            noun = "notice" if left == 1 else "notices"
            text = f"{left} {noun} for {self._called} {'is' if left == 1 else 'are'} lost: the engine stops"
            self._journal.warn("notify.lost", text, subject=self.carrier.name, count=left)
        return left

    async def test(self, notice: Notice) -> NotifyResult:
        """Deliver a notice past the queue, once."""
        carrier, since = self.carrier, time.monotonic()
        try:
            text, step = await carrier.carry(notice), None
        except NotCarried as problem:
            text, step = problem.text, problem.next
            self._note(False, text, step)
        else:
            self._succeeded(text)
        return NotifyResult(
            name=carrier.name,
            means=carrier.means,
            target=carrier.target,
            success=step is None,
            text=text,
            next=step,
            seconds=round(time.monotonic() - since, 3),
        )

    def row(self) -> NotifierRow:
        """Return how it stands."""
        carrier = self.carrier
        at, success, text, step = self._last or (None, None, None, None)
        return NotifierRow(
            name=carrier.name,
            means=carrier.means,
            target=carrier.target,
            level=carrier.level,
            kinds=carrier.kinds,
            waiting=len(self._queue),
            delivered=self._delivered,
            failed=self._failed,
            lost=self._lost,
            last_at=at,
            last_ok=success,
            last_text=text,
            next=step,
        )

    def findings(self) -> tuple[Finding, ...]:
        """Return what is wrong while the last attempt failed."""
        if self._last is None or self._last[1]:
            return ()
        _, _, text, step = self._last
        state = f"attempt {self._attempt} of {self._attempts} failed" if self._attempt else "it was given up"
        told = f"{self._called} was not told: {text} ({state}). Next: {step}"
        fix = f"ipv6console notify test {self.carrier.name}"
        return (Finding(subject=f"notify {self.carrier.name}", level=Level.WARN, text=told, fix=fix),)

    @property
    def _called(self) -> str:
        return f"{self.carrier.means.value} {self.carrier.name} ({self.carrier.target})"

    async def _deliver(self, notice: Notice) -> None:
        for attempt in range(1, self._attempts + 1):
            try:
                text = await self.carrier.carry(notice)
            except NotCarried as problem:
                self._attempt = attempt
                self._note(False, problem.text, problem.next)
                log.info("notify: attempt %d for %s failed: %s", attempt, self._called, problem.text)
                if not problem.again or attempt == self._attempts:
                    self._give_up(notice, problem)
                    return
                if self._hurry.is_set():
                    self._cut_short += 1
                    return
                await self._rest(max(pause(attempt, self._random), min(problem.after or 0.0, _LONGEST)))
            else:
                self._delivered += 1
                self._succeeded(text)
                return

    async def _rest(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            return

    def _give_up(self, notice: Notice, problem: NotCarried) -> None:
        self._failed += 1
        self._attempt = 0
        if not self._down:
            self._down = True
            text = f"{self._called} was not told of {notice.kind}: {problem.text}"
            fix = f"ipv6console notify test {self.carrier.name}"
            told = f"{text}; {problem.next}"
            self._journal.fail("notify.failed", told, subject=self.carrier.name, fix=fix)

    def _succeeded(self, text: str) -> None:
        self._attempt = 0
        self._note(True, text, None)
        if self._down:
            self._down = False
            self._journal.write("notify.recovered", f"{self._called} is told again", subject=self.carrier.name)

    def _note(self, success: bool, text: str, step: str | None) -> None:
        self._last = (self._clock.now(), success, text, step)
