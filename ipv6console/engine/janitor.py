"""The janitor: what time does to leases, verdicts and events."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter

from ipv6console.engine.checker import Checker, Outcome
from ipv6console.engine.core import Core
from ipv6console.engine.errors import Refusal
from ipv6console.engine.protocol import StoreError
from ipv6console.pool.address import format_address
from ipv6console.pool.lease import Lease

log = logging.getLogger("ipv6console")

_TICK = 0.5
_SINGLY = 5
_DAY = 86_400.0
_FORGET_EVERY = 3_600.0
_INDEX_EVERY = 5.0
_INDEX_AT_ONCE = 5_000
_PACK_EVERY = 60.0
_BREATH = 0.01


class Janitor:
    """Ends expired leases, checks again what has cooled down, and forgets old events."""

    def __init__(self, core: Core, checker: Checker) -> None:
        self._core = core
        self._checker = checker
        self._forget_at = 0.0
        self._index_at = 0.0
        self._pack_at = 0.0
        self._departures = -1
        self._deleting: asyncio.Task[None] | None = None
        self._rechecks: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Tick until cancelled."""
        try:
            # A million addresses that were read back are half a second of work, and the first pick needs none of it.
            unindexed = True
            while unindexed:
                unindexed = self._core.pool.table.index(_INDEX_AT_ONCE)
                await asyncio.sleep(0)
            while True:
                await self.tick()
                await asyncio.sleep(_TICK)
        finally:
            left = [*self._rechecks, *([self._deleting] if self._deleting is not None else [])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def tick(self) -> None:
        """Do what is due now; while the store is broken nothing is, the time comes again when it is mended."""
        core = self._core
        core.journal.tick()
        if core.broken is not None:
            return
        core.pool.table.trail.rest(core.clock.now())
        expiry = core.pool.expire(core.clock.now())
        for name, row in expiry.cooled:
            task = asyncio.create_task(self._recheck(name, row))
            self._rechecks.add(task)
            task.add_done_callback(self._rechecks.discard)
        if expiry.changes:
            try:
                await core.commit(*expiry.changes)
            except Refusal:
                # The journal has said so, and the pool is read back: these leases expire again then.
                return
            self._tell(expiry.ended)
            core.changed.set()
        if core.pool.departures != self._departures and self._deleting is None:
            self._departures = core.pool.departures
            self._deleting = asyncio.create_task(self._delete())
            self._deleting.add_done_callback(self._deleted)
        await self._tidy()

    async def _recheck(self, name: str, row: int) -> None:
        core = self._core
        address = core.pool.table.address(row)
        mirror = core.pool.mirrors.get(name)
        verdict = await self._checker.check(address, mirror.custom.check_urls if mirror else ())
        mirror = core.pool.mirrors.get(name)
        if mirror is None or core.broken is not None or row not in mirror.bad:
            return
        now = core.clock.now()
        try:
            if verdict.outcome is Outcome.USABLE:
                await core.commit(core.pool.acquit(mirror, row, now))
            elif verdict.outcome is Outcome.UNDECIDED:
                core.pool.postpone(mirror, row, now)
            else:
                gone = core.pool.remove([row], now, reason=verdict.text)
                await core.commit(*gone.changes)
                core.journal.warn(
                    "address.removed",
                    f"{format_address(address)} left the pool: bad in {name}, and the check failed: {verdict.text}",
                    subject=format_address(address),
                )
                self._tell_lost(gone.ended)
        except Refusal:
            # As in tick: the pool is read back from the store, and the cool-down with it.
            return
        core.changed.set()

    def _tell(self, ended: tuple[Lease, ...]) -> None:
        for lease in ended[:_SINGLY]:
            self._core.journal.warn(
                "lease.expired",
                f"{format_address(lease.address)} in {lease.mirror}: its holder {lease.who} never gave it back",
                subject=lease.mirror,
                addr=format_address(lease.address),
                holder=lease.holder,
                process=lease.process,
            )
        more = Counter(lease.mirror for lease in ended[_SINGLY:])
        for mirror, count in more.items():
            self._core.journal.warn("lease.expired", f"{count} more leases in {mirror}", subject=mirror, count=count)

    def _tell_lost(self, ended: tuple[Lease, ...]) -> None:
        for lease in ended:
            self._core.journal.warn(
                "lease.lost",
                f"{format_address(lease.address)} in {lease.mirror}, held by {lease.who}: the address left the pool",
                subject=lease.mirror,
                addr=format_address(lease.address),
                holder=lease.holder,
                process=lease.process,
            )

    async def _delete(self) -> None:
        """Delete what has left the pool from the store, a little at a time: commits get in between."""
        try:
            left = True
            while left:
                left = await self._core.store.delete_departed()
                await asyncio.sleep(_BREATH)
        except StoreError as error:
            self._departures = -1
            # What was broken is told, and this goes on then; it takes room until it does, and nothing else.
            log.warning("addresses that left could not be deleted yet: %s", error)
            await asyncio.sleep(_PACK_EVERY)

    def _deleted(self, task: asyncio.Task[None]) -> None:
        self._deleting = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self._core.fall("Janitor.delete", error)

    async def _tidy(self) -> None:
        core, now = self._core, self._core.clock.now()
        if now < min(self._index_at, self._forget_at):
            return
        due = now >= self._forget_at
        self._index_at = now + _INDEX_EVERY
        try:
            grown = await core.store.index_history()
            if grown or due:
                days, rows = core.settings.pool.history_days, core.settings.pool.history_rows
                await core.store.forget_history(now - days * _DAY, rows)
            if now >= self._pack_at and self._deleting is None:
                packed = await core.store.pack_addresses()
                self._pack_at = now + (_INDEX_EVERY if packed else _PACK_EVERY)
            if due:
                self._forget_at = now + _FORGET_EVERY
                await core.store.forget_binding_history(now - core.settings.pool.history_days * _DAY)
                await core.store.forget_events(now - core.settings.engine.event_days * _DAY)
        except StoreError as error:
            self._index_at = self._forget_at = now + _FORGET_EVERY
            text = f"old events, leases and bindings could not be deleted: {error}; {error.fix}"
            # Of its own subject: that commits work again does not say that this does.
            core.journal.fail("store.failed", text, subject="history", fix=error.fix)
