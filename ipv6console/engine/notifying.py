"""Telling of faults: from the journal's events to notices at every webhook and command."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random

from ipv6console import __version__
from ipv6console.config import NotifySettings
from ipv6console.engine.caller import Caller
from ipv6console.engine.clock import Clock
from ipv6console.engine.debounce import Debounce, Wanted
from ipv6console.engine.errors import NotFound, Refusal
from ipv6console.engine.fault import Fault
from ipv6console.engine.feed import Subscription
from ipv6console.engine.journal import Journal
from ipv6console.engine.notifier import Notifier
from ipv6console.engine.protocol import Carrier
from ipv6console.engine.toldfile import Told, read_told, write_told
from ipv6console.wire.event import Event, EventLevel
from ipv6console.wire.notify import Notice, NoticeState, NotifyStatus, NotifyTested
from ipv6console.wire.status import Finding

GRACE = 2.0
"""Seconds that what waits has to be delivered in when the engine stops; a console waits for 5 in all."""

_EVENTS = 10_000
log = logging.getLogger("ipv6console")


class Notifying:
    """Tells every destination what it is to hear. It only listens: the journal never waits for it.

    In `folder` it keeps what each was told, so that a restart is no news; without one it begins anew.
    """

    def __init__(
        self,
        settings: NotifySettings,
        carriers: Sequence[Carrier],
        journal: Journal,
        clock: Clock,
        *,
        random: Random | None = None,
        folder: Path | None = None,
        holds: Callable[[Fault], bool] = lambda _: False,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._host = socket.gethostname()
        self._folder = folder
        self._settled = asyncio.Event()
        self._kept: Told = {}
        random = random or Random()  # noqa: S311 - spreads attempts in time, guards nothing
        self._told = tuple(
            (
                Debounce(
                    Wanted(level=carrier.level, kinds=carrier.kinds),
                    quiet=settings.debounce,
                    most=settings.digest,
                    host=self._host,
                    version=__version__,
                    own=carrier.name,
                    holds=holds,
                ),
                Notifier(carrier, journal, clock, attempts=settings.attempts, random=random, settled=self._settled.set),
            )
            for carrier in carriers
        )
        self._open = ExitStack()
        self._news: Subscription[Event] | None = None

    @property
    def count(self) -> int:
        """How many destinations there are."""
        return len(self._told)

    def open(self) -> None:
        """Hear what is written from now on."""
        if self._told and self._news is None:
            self._news = self._open.enter_context(self._journal.feed.subscribe(_EVENTS))
            if self._folder is not None:
                self._kept = read_told(self._folder)
            for debounce, notifier in self._told:
                debounce.resume(self._kept.get(notifier.carrier.name, ()), self._clock.now())

    async def run(self) -> None:
        """Tell of what happens, until cancelled."""
        if self._news is None:
            return
        async with asyncio.TaskGroup() as group:
            for _, notifier in self._told:
                group.create_task(notifier.run())
            group.create_task(self._listen(self._news))
            group.create_task(self._remember())

    async def stop(self) -> None:
        """Deliver what waits, as far as a short grace allows, and say what is lost; `run` still runs meanwhile."""
        if self._news is not None:
            items, missed = self._news.now()
            self._take(items, missed)
            for debounce, notifier in self._told:
                notifier.put(debounce.flush(self._clock.now()))
            self._open.close()
            try:
                async with asyncio.timeout(GRACE):
                    await asyncio.gather(*(notifier.finish() for _, notifier in self._told))
            except TimeoutError:
                pass  # each says what it has left
            for _, notifier in self._told:
                notifier.abandon()
            await self._keep()

    async def close(self) -> None:
        """Let go of connections, once nothing runs any more."""
        for _, notifier in self._told:
            await notifier.carrier.close()

    def status(self) -> NotifyStatus:
        """Return how each destination stands."""
        return NotifyStatus(notifiers=tuple(notifier.row() for _, notifier in self._told))

    def findings(self) -> tuple[Finding, ...]:
        """Return which destinations were not told of what they should have been."""
        return tuple(finding for _, notifier in self._told for finding in notifier.findings())

    async def test(self, name: str | None, caller: Caller) -> NotifyTested:
        """Send a notice that says it is a test to the one called `name`, or to all; raises NotFound and Refusal."""
        if not self._told:
            raise Refusal(
                "no webhook and no command is set up to be told of faults",
                next="add [[notify.webhook]] or [[notify.command]] to the settings (config.example.toml shows both) and "
                "restart the engine",
            )
        chosen = [notifier for _, notifier in self._told if name in (None, notifier.carrier.name)]
        if not chosen:
            known = ", ".join(notifier.carrier.name for _, notifier in self._told)
            raise NotFound(f"there is no webhook and no command named {name}", next=f"name one of: {known}")
        text = f"{caller.label} tests whether faults of {self._host} are told here"
        told = self._journal.write("notify.tested", text, subject=name, actor=caller.label)
        notice = Notice(
            id=f"{self._host}/{told.id}/test",
            state=NoticeState.TEST,
            level=EventLevel.INFO,
            kind="notify.tested",
            subject=name,
            text=text,
            host=self._host,
            version=__version__,
            at=told.at,
            since=told.at,
            count=1,
        )
        results = await asyncio.gather(*(notifier.test(notice) for notifier in chosen))
        return NotifyTested(success=all(result.success for result in results), results=tuple(results))

    async def _remember(self) -> None:
        while True:
            await self._settled.wait()
            self._settled.clear()
            await self._keep()

    async def _keep(self) -> None:
        """Write down what was told; of a destination for which something waits it is not known yet."""
        told = {
            notifier.carrier.name: self._kept.get(notifier.carrier.name, ()) if notifier.waiting else debounce.told()
            for debounce, notifier in self._told
        }
        if self._folder is None or told == self._kept:
            return
        try:
            await asyncio.to_thread(write_told, self._folder, told)
        except OSError as error:
            log.warning("which faults were told is not kept, after a restart those that hold are told again: %s", error)
        else:
            self._kept = told

    async def _listen(self, news: Subscription[Event]) -> None:
        while True:
            times = [at for debounce, _ in self._told if (at := debounce.next_at()) is not None]
            items: list[Event] = []
            missed = 0
            try:
                async with asyncio.timeout(max(0.0, min(times) - self._clock.now()) if times else None):
                    items, missed = await news.next()
            except TimeoutError:
                pass
            self._take(items, missed)
            now = self._clock.now()
            for debounce, notifier in self._told:
                notifier.put(debounce.due(now))

    def _take(self, items: Sequence[Event], missed: int) -> None:
        now = self._clock.now()
        for debounce, _ in self._told:
            if missed:
                debounce.miss(missed, now)
            for event in items:
                debounce.take(event, now)
