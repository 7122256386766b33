"""The spawner: keeps `usable_num` idle addresses for the neediest mirror, for as long as the engine lives."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from typing import NamedTuple

from ipv6console.engine.answering import Answering
from ipv6console.engine.checker import Checker, Outcome
from ipv6console.engine.core import Core
from ipv6console.engine.errors import Refusal
from ipv6console.engine.pace import Pace
from ipv6console.pool.address import format_address, parse_address
from ipv6console.pool.draw import Draw
from ipv6console.pool.prefix import Prefix
from ipv6console.pool.roll import Roll
from ipv6console.pool.share import Shares
from ipv6console.quantity import addresses
from ipv6console.wire.reply import SpawnsReply

PACED = "on-link addresses are paced; try again in a moment"
_ROUNDS = 3
_FIRST_WAIT = 0.25
_SLOWEST = 5.0
_IDLE_WAIT = 1.0
_BREATH = 0.02
log = logging.getLogger("ipv6console")


class Need(NamedTuple):
    """What one mirror lacks: `missing` of the `wanted` idle addresses; no name is the pool without mirrors."""

    missing: int
    idle: int
    wanted: int
    name: str | None


class Spawner:
    """Draws candidates, checks them side by side, and takes in those that are proved."""

    def __init__(self, core: Core, checker: Checker, answering: Answering, on_link: set[int]) -> None:
        self._core = core
        self._answering = answering
        self._checker = checker
        self._on_link = on_link
        self._draws: dict[int, Draw] = {}
        self._shares = Shares(core.settings.network.weights)
        addresses = core.settings.network.addresses
        self._roll = Roll(tuple(parse_address(text) for text in addresses)) if addresses else None
        self._times: deque[float] = deque(maxlen=1_000)
        check = core.settings.check
        self.pace = Pace(check.pace, check.pace_window, core.clock)
        self.spawned = 0
        self.failed = 0
        self.complaint: str | None = None
        self._running: dict[asyncio.Task[bool], int] = {}
        self._wait = _FIRST_WAIT
        self._not_before = 0.0
        self._changed = core.changed.listen()

    @property
    def checking(self) -> int:
        """The number of candidates being checked for the pool's own need."""
        return len(self._running)

    async def run(self) -> None:
        """Fill the pool until cancelled; after fruitless checks wait longer, up to a few seconds."""
        changed = True
        try:
            while True:
                self._changed.clear()
                missing = self.need() - len(self._running)
                if missing > 0 and self._core.broken is None and time.monotonic() >= self._not_before:
                    self._launch(min(missing, self._core.settings.check.concurrency))
                changed = await self._doze(changed)
        finally:
            # They still take back what neighbours are answered for them, and must not do so when all of that is removed.
            await asyncio.gather(*self._cancel(set()), return_exceptions=True)

    def need(self) -> int:
        """Return how many addresses are wanting for the neediest mirror, within `max_total`."""
        pool, settings = self._core.pool, self._core.settings.pool
        if not self._active():
            return 0
        return min(self.neediest().missing, settings.max_total - pool.table.live)

    def neediest(self) -> Need:
        """Return the mirror that lacks most of its `usable_num` idle addresses; without any mirror, the pool's need.

        A mirror that drains or whose breaker has tripped gets no fresh addresses.
        """
        core, usual = self._core, self._core.settings.pool.usable_num
        now = core.clock.now()
        needs = [
            Need(wanted - idle, idle, wanted, mirror.name)
            for mirror in core.pool.mirrors.values()
            if not mirror.draining and not mirror.breaker.tripped(now)
            for idle, wanted in [(mirror.count().idle, _own(mirror.custom.usable_num, usual))]
        ]
        idle = sum(prefix.live for prefix in self._active())
        return max(needs, default=Need(usual - idle, idle, usual, None))

    def per_minute(self) -> float:
        """Return how many addresses were taken in during the last minute."""
        since = self._core.clock.now() - 60
        while self._times and self._times[0] <= since:
            self._times.popleft()
        return float(len(self._times))

    async def spawn(self, count: int) -> SpawnsReply:
        """Make `count` more addresses now; fewer, and why, when that is not possible."""
        added: list[int] = []
        tried = 0
        obstacle = self._obstacle()
        for _ in range(_ROUNDS):
            missing = min(count - len(added), self._core.settings.pool.max_total - self._core.pool.table.live)
            candidates = [] if obstacle or missing <= 0 else self._candidates(missing)
            if not candidates:
                break
            async with asyncio.TaskGroup() as group:
                tasks = {address: group.create_task(self._prove(address, prefix)) for address, prefix in candidates}
            proved = [address for address, task in tasks.items() if task.result()]
            tried += len(tasks)
            added.extend(proved)
            if not proved:
                obstacle = self.complaint
        short = len(added) < count
        reason = obstacle or self._obstacle() or self._shortfall(tried - len(added))
        return SpawnsReply(
            success=bool(added),
            addrs=tuple(format_address(address) for address in added),
            should_stop=short,
            spawned_count=len(added),
            requested_count=count,
            detail=reason if short else None,
        )

    def admits(self, prefix: Prefix) -> bool:
        """Return whether one more fresh address of `prefix` may appear on its link now, and count it if so."""
        if prefix.id not in self._on_link:
            return True
        if not self.pace.room:
            return False
        self.pace.enter()
        return True

    def start_over(self) -> None:
        """Forget failures and checks of prefixes that no longer serve: the host changed, it may work now."""
        self.complaint = None
        self._wait, self._not_before = _FIRST_WAIT, 0.0
        self._cancel({prefix.id for prefix in self._active()})
        self._core.changed.set()

    def _launch(self, count: int) -> None:
        for address, prefix in self._candidates(count):
            task = asyncio.create_task(self._prove(address, prefix))
            self._running[task] = prefix.id
            task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._running.pop(task, None)
        self._core.changed.set()
        if task.cancelled():
            return
        now, error = time.monotonic(), task.exception()
        if error is not None:
            log.error("a check ended by a defect", exc_info=error)
            self.complaint = f"a check ended by a defect: {error!r}"
        if error is None and task.result():
            self._wait = _FIRST_WAIT
        elif now >= self._not_before:
            self._not_before = now + self._wait
            self._wait = min(2 * self._wait, _SLOWEST)

    def _cancel(self, but_of: set[int]) -> list[asyncio.Task[bool]]:
        cancelled = [task for task, prefix_id in self._running.items() if prefix_id not in but_of]
        for task in cancelled:
            task.cancel()
            self._running.pop(task, None)
        return cancelled

    async def _prove(self, address: int, prefix: Prefix) -> bool:
        async with self._answering.candidate(address):
            return await self._admit(address, prefix)

    async def _admit(self, address: int, prefix: Prefix) -> bool:
        verdict = await self._checker.check(address)
        if verdict.outcome is not Outcome.USABLE:
            self.failed += 1
            self.complaint = verdict.text
            return False
        try:
            change = self._core.take_in(address, prefix)
            await self._core.commit(change)
        except Refusal as refusal:
            self.complaint = refusal.detail
            return False
        if change is None:
            return False
        self.spawned += 1
        self.complaint = None
        self._times.append(self._core.clock.now())
        self._core.journal.added()
        self._core.changed.set()
        return True

    def _candidates(self, count: int) -> list[tuple[int, Prefix]]:
        active = self._active()
        chosen: list[tuple[int, Prefix]] = []
        shares = self._shares.deal(active, count) if active else {}
        for prefix in active:
            share = shares.get(prefix.id, 0)
            if prefix.id in self._on_link:
                share = min(share, self.pace.room)
            taken = self._source(prefix).take(share, self._unwanted)
            chosen.extend((address, prefix) for address in taken)
            if prefix.id in self._on_link:
                for _ in taken:
                    self.pace.enter()
        return chosen

    def _unwanted(self, address: int) -> bool:
        pool = self._core.pool
        return address in pool.exclusions or pool.table.find(address) is not None or self._core.taken(address)

    def _source(self, prefix: Prefix) -> Draw | Roll:
        return self._roll.of(prefix) if self._roll else self._draw(prefix)

    def _draw(self, prefix: Prefix) -> Draw:
        draw = self._draws.get(prefix.id)
        if draw is None:
            spread = self._core.settings.pool.spread
            draw = Draw(prefix.network, prefix.length, spread=spread, random=self._core.random)
            self._draws[prefix.id] = draw
        return draw

    def _active(self) -> list[Prefix]:
        return [p for p in self._core.pool.prefixes.values() if p.serves]

    def _obstacle(self) -> str | None:
        if self._core.pool.severed:
            return f"{self._core.pool.severed}, so no address can be proved; try again when that is mended"
        if not self._active():
            return "there is no active prefix; `ipv6console doctor` says why"
        if self._core.is_full():
            return "the pool holds max_total addresses; raise pool.max_total"
        return None

    def _shortfall(self, failed: int) -> str:
        if failed:
            return f"{addresses(failed)} failed {'its' if failed == 1 else 'their'} check; try again"
        if not self.pace.room and any(prefix.id in self._on_link for prefix in self._active()):
            return PACED
        return "no address is left to make: all of the prefix, or of network.addresses, are in the pool, excluded or taken in a space"

    async def _doze(self, changed: bool) -> bool:
        """Wait until something changes, or for a while; return whether something did. `changed` is what it was before."""
        if changed:
            # Every pick says that something changed: a breath joins what comes in quick succession.
            await asyncio.sleep(_BREATH)
        try:
            async with asyncio.timeout(_IDLE_WAIT):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True


def _own(value: int | None, usual: int) -> int:
    return usual if value is None else value
