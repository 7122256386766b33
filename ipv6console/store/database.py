"""The store of an engine: one SQLite file in its state directory."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from ipv6console.engine.clock import Era
from ipv6console.engine.protocol import Change, Durability, Settled, StoreError
from ipv6console.ipam.change import IntentPlace, IntentRecorded, PastBinding, TransitionRecorded
from ipv6console.pool.change import LeaseEnded, Snapshot
from ipv6console.store.block import pack, unpacked
from ipv6console.store.deadline import carry_over
from ipv6console.store.departure import Departures
from ipv6console.store.events import read_events
from ipv6console.store.file import DatabaseFile, OpenedFile, open_file
from ipv6console.store.history import FIRST, NEWEST, Pair, Place, read_piece, read_targets
from ipv6console.store.lock import Ending, StateLock
from ipv6console.store.lookup import (
    Found,
    Known,
    Question,
    drop_block,
    index_block,
    read_known,
    read_rows,
    read_span,
)
from ipv6console.store.snapshot import read_usages
from ipv6console.store.spacehistory import (
    count_ended_intents,
    forget_past_bindings,
    read_ended_intents,
    read_past_bindings,
    read_transitions,
)
from ipv6console.store.spacerows import read_spaces
from ipv6console.store.writer import Writer
from ipv6console.wire.event import EVERY_EVENT, Event, EventFilter
from ipv6console.wire.state import StoreState
from ipv6console.wire.status import Finding, Level, Stamp
from ipv6console.wire.target import TargetRow

_ABOVE_ALL = 2**63 - 1
_FORGET_AT_ONCE = 1_000
_FORGET_EVENTS = "DELETE FROM event WHERE id IN (SELECT id FROM event WHERE at < ? ORDER BY at LIMIT ?)"
_FORGET_HISTORY = (
    "DELETE FROM history WHERE id IN (SELECT id FROM history WHERE until < ? ORDER BY until LIMIT ?)"
    " AND id < (SELECT max(id) FROM history)"
)
_BLOCKS_AT_ONCE = 64
_PACKED_AT_ONCE = 32
_ROWS_AT_ONCE = 4_000


class SqliteStore:
    """Implements `engine.protocol.Store`; built by `open`, used from the event loop that opened it.

    `findings` says what had to be done to the file when it was opened.
    """

    def __init__(self, opened: OpenedFile, lock: StateLock) -> None:
        self.findings = opened.findings
        self._file: DatabaseFile = opened.file
        self._lock: StateLock | None = lock
        self._url = f"sqlite:///{opened.file.path}"
        # Opening has read everything already, which is how damage is found; the first `load` need not read it again.
        self._fresh: Snapshot | None = opened.snapshot
        self._writer = Writer(opened.file)
        self._departures = Departures(opened.file)

    @classmethod
    async def open(cls, path: Path, *, busy_timeout: float = 5.0) -> Self:
        """Open the database at `path`, making it and its directory as needed, for this engine alone.

        A commit waits up to `busy_timeout` seconds for another program that is writing. Raises StoreError when another
        engine has the directory, when it cannot be written, or when the file belongs to another program or version.
        """
        ready = await asyncio.to_thread(_open, path, busy_timeout)
        return cls(ready.opened, ready.lock)

    async def load(self) -> Snapshot:
        """Return everything committed; after a failed commit this also makes the store commit again."""
        fresh, self._fresh = self._fresh, None
        return fresh if fresh is not None else await self._writer.load()

    async def carry_over(self, era: Era, now: float, longest: float) -> float | None:
        """Let what runs keep its length though the wall clock was set, in seconds returned; None when that is not known.

        What runs ends within `longest` seconds from `now`, or as its mirror allows. For the time before the first `load`;
        raises StoreError.
        """
        moved = await self._writer.perform(partial(carry_over, self._file, era, now, longest))
        if moved != 0.0 and self._fresh is not None:
            usages = await self._writer.perform(lambda: read_usages(self._file.connection))
            space = await self._writer.perform(lambda: read_spaces(self._file.connection))
            self._fresh = self._fresh._replace(usages=usages, space=space)
        return moved

    async def commit(self, changes: Sequence[Change], durability: Durability = Durability.PROCESS) -> None:
        """Return once `changes` are committed, in order, all or none; raises StoreError.

        Commits that wait at the same time share one transaction and its fate. After a failure every commit is refused
        until `load` has returned what is really there.
        """
        self._fresh = None
        await self._writer.commit(changes, durability)

    def submit(self, changes: Sequence[Change], durability: Durability, done: Settled) -> None:
        """Commit as `commit` does, and call `done` then, later than now; raises StoreError when the store is closed."""
        self._fresh = None
        self._writer.submit(changes, durability, done)

    def record(self, events: Sequence[Event]) -> None:
        """Queue `events` to be kept; those that cannot be saved now are tried again, and `status` says so."""
        self._writer.record(events)

    async def events(
        self, since: int, limit: int, wanted: EventFilter = EVERY_EVENT, *, before: int | None = None
    ) -> tuple[Event, ...]:
        """Return up to `limit` wanted events with an id above `since`, oldest first; raises StoreError.

        With `before` those nearest below that id instead of those nearest above `since`.
        """
        limit = max(limit, 0)
        found: list[Event] = []
        left: tuple[int, int] | None = (since, _ABOVE_ALL if before is None else before)
        while left is not None and len(found) < limit:
            read = partial(read_events, self._file, *left, wanted, limit - len(found), newest=before is not None)
            piece, left = await self._writer.perform(read)
            found += piece
        return tuple(found) if before is None else tuple(reversed(found))

    async def last_event(self) -> int:
        """Return the id of the newest kept event, 0 when there is none; raises StoreError."""
        return await self._writer.perform(
            lambda: int(self._file.connection.exec_driver_sql("SELECT coalesce(max(id), 0) FROM event").scalar_one())
        )

    async def forget_events(self, before: float) -> int:
        """Delete events older than `before` (unix seconds), return how many; raises StoreError."""
        return await self._forget(_FORGET_EVENTS, before)

    async def history(
        self, address: int | None, mirror: str | None, at: float | None, limit: int
    ) -> tuple[LeaseEnded, ...]:
        """Return up to `limit` ended leases, the one that ended last first; raises StoreError.

        Of one address, in one mirror, that lived `at` one time (since <= at <= until); None is any. Commits get in
        between its pieces; an address is looked up, anything else is walked through from the newest end.
        """
        limit = max(limit, 0)
        question = Question(address, mirror, at)
        if address is not None:
            return await self._look_up(address, question, limit)
        found: list[LeaseEnded] = []
        place: Place | None = NEWEST
        while place is not None and len(found) < limit:
            left = limit - len(found)
            piece, place = await self._writer.perform(partial(read_piece, self._file, place, question, left))
            found += piece
        return tuple(found)

    async def targets(self, mirror: str | None, limit: int) -> tuple[TargetRow, ...]:
        """Return up to `limit` hosts named in bad verdicts of one mirror or all, most verdicts first; raises StoreError."""
        limit = max(limit, 0)
        best: list[TargetRow] = []
        pair: Pair | None = FIRST
        while pair is not None:
            piece, pair = await self._writer.perform(partial(read_targets, self._file, pair, mirror, limit))
            best = sorted([*best, *piece], key=lambda row: (-row.bans, -row.last_at))[:limit]
        return tuple(best)

    async def index_history(self) -> int:
        """Make leases that ended findable by address without reading all; raises StoreError.

        Returns how many blocks of them were indexed: some, when many wait for it.
        """
        count = 0
        while count < _BLOCKS_AT_ONCE and await self._writer.perform(partial(index_block, self._file)):
            count += 1
        return count

    async def pack_addresses(self) -> int:
        """Pack addresses for a faster start, some if many are not packed; return how many blocks were; raises StoreError."""
        blocks = await self._writer.perform(lambda: unpacked(self._file.connection, _PACKED_AT_ONCE))
        for block in blocks:
            # One by one, for commits to get in between.
            await self._writer.perform(partial(_pack, self._file, block))
        return len(blocks)

    async def delete_departed(self) -> bool:
        """Delete some rows of addresses that left all at once; return whether there may be more; raises StoreError."""
        some = await self._writer.perform(self._departures.delete_some, weigh=_rows_written)
        return some is not None

    async def forget_history(self, before: float, keep: int) -> int:
        """Delete leases that ended before `before` (unix seconds), return how many; raises StoreError.

        When more than `keep` are left of those that are indexed, the oldest go too.
        """
        gone = 0
        while (count := await self._writer.perform(partial(drop_block, self._file, before, keep))) is not None:
            gone += count
        return gone + await self._forget(_FORGET_HISTORY, before)

    async def binding_history(
        self, space_id: int, address: int | None, instance: str | None, limit: int, *, family: int = 6
    ) -> tuple[PastBinding, ...]:
        """Return up to `limit` ended bindings of a space, the one that ended last first; raises StoreError.

        Of one address of a family, of one instance; None is any.
        """
        exact = None if address is None else (family, address)
        read = partial(read_past_bindings, self._file, space_id, exact, instance, max(limit, 0))
        return await self._writer.perform(read)

    async def forget_binding_history(self, before: float) -> int:
        """Delete what is known of bindings that ended before `before` (unix seconds); raises StoreError.

        Returns how many there were.
        """
        gone, more = 0, True
        while more:
            # A few at a time, so that commits get in between.
            count, more = await self._writer.perform(partial(forget_past_bindings, self._file, before))
            gone += count
        return gone

    async def transitions(self, tenant: str, subscriber: str, limit: int) -> tuple[TransitionRecorded, ...]:
        """Return up to `limit` entries of a subscriber's timeline, the newest first; raises StoreError."""
        return await self._writer.perform(partial(read_transitions, self._file, tenant, subscriber, max(limit, 0)))

    async def ended_intents(
        self,
        tenant: str | None,
        state: str | None,
        before: IntentPlace | None,
        limit: int,
        *,
        subscriber: str | None = None,
    ) -> tuple[IntentRecorded, ...]:
        """Return up to `limit` intents that are done, refused or cancelled, the last ended first; raises StoreError.

        Of one tenant, in one state, of one subscriber; None is any. With `before` those that come after that one in this order.
        """
        return await self._writer.perform(
            partial(read_ended_intents, self._file, tenant, state, before, max(limit, 0), subscriber=subscriber)
        )

    async def count_ended_intents(self, tenant: str | None, state: str | None, subscriber: str | None = None) -> int:
        """Return how many intents of one tenant ended, in one state, of one subscriber; None is any. Raises StoreError."""
        return await self._writer.perform(partial(count_ended_intents, self._file, tenant, state, subscriber))

    async def checkpoint(self) -> None:
        """Bring the database file up to date with the write-ahead log; raises StoreError."""
        await self._writer.perform(self._file.checkpoint)

    def status(self) -> StoreState:
        """Return how the store is right now, from memory."""
        writer = self._writer
        level, text = Level.OK, "every change is saved"
        if writer.stopped:
            level, text = Level.OFF, "closed"
        elif writer.fault is not None:
            level, text = Level.FAIL, f"{writer.fault.text}. To mend it: {writer.fault.fix}"
        elif writer.event_fault is not None or writer.events_lost:
            level = Level.WARN
            text = f"changes are saved; events not saved yet: {writer.events_unsaved}, lost: {writer.events_lost}"
            if writer.event_fault is not None:
                text = f"{text}; {writer.event_fault.text}. To mend it: {writer.event_fault.fix}"
        return StoreState(
            stamp=Stamp(time.time(), "store"),
            url=self._url,
            level=level,
            text=text,
            queue=writer.queue,
            commits=writer.commits,
            last_commit_ms=writer.last_commit_ms,
        )

    async def close(self) -> None:
        """Commit what is queued and close; raises StoreError when the file could not be closed whole."""
        lock, self._lock = self._lock, None
        if lock is None:
            return
        clean = False
        try:
            await self._writer.stop()
            clean = self._writer.sound
        finally:
            lock.release(clean=clean)

    async def _look_up(self, address: int, question: Question, limit: int) -> tuple[LeaseEnded, ...]:
        span = await self._writer.perform(partial(read_span, self._file))
        known: list[Known] = [Known(math.inf, rows) for rows in _pieces(span.rows, _ROWS_AT_ONCE)]
        for numbers in _pieces(span.blocks, _BLOCKS_AT_ONCE):
            known += await self._writer.perform(partial(read_known, self._file, address, question.at, numbers))
        found: list[Found] = []
        for newest, rows in sorted(known, key=lambda block: block.newest, reverse=True):
            if len(found) == limit and (not limit or newest < found[-1].until):
                break
            found += await self._writer.perform(partial(read_rows, self._file, question, rows, limit))
            found = sorted(found, reverse=True)[:limit]
        return tuple(one.lease for one in found)

    async def _forget(self, sql: str, before: float) -> int:
        def forget() -> int:
            with self._file.transaction(Durability.PROCESS) as connection:
                return connection.exec_driver_sql(sql, (before, _FORGET_AT_ONCE)).rowcount

        gone = 0
        while True:
            # A few at a time, so that the commits of scrapers get in between.
            count = await self._writer.perform(forget)
            gone += count
            if count < _FORGET_AT_ONCE:
                return gone


def _rows_written(count: int | None) -> int:
    # Nearly each is in a page of its own of the index on the addresses, and a log of so many takes long to copy.
    return 4 * (count or 0)


def _pieces(whole: range, size: int) -> list[range]:
    return [whole[start : start + size] for start in range(0, len(whole), size)]


def _pack(file: DatabaseFile, block: int) -> None:
    with file.transaction(Durability.PROCESS) as connection:
        pack(connection, block)


@dataclass(frozen=True, slots=True)
class _Ready:
    opened: OpenedFile
    lock: StateLock


def _open(given: Path, busy_timeout: float) -> _Ready:
    path = given.absolute()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"the state directory {path.parent} cannot be made: {error.strerror}",
            "give the engine a directory its user can write with --state-dir DIR",
        ) from error
    lock = StateLock(path.with_name(path.name + ".lock"))
    try:
        there = path.exists() and path.stat().st_size > 0
        opened = open_file(path, check=there and lock.before is not Ending.CLEAN, busy_timeout=busy_timeout)
    except BaseException:
        lock.abandon()
        raise
    if there or lock.before is Ending.NONE:
        return _Ready(opened, lock)
    missing = Finding(
        subject="store",
        level=Level.WARN,
        text=f"an engine used {path.parent} before, but {path.name} was missing or empty: the pool starts empty",
        fix=f"if that was not intended, stop the engine and put a copy of {path.name} back",
    )
    return _Ready(OpenedFile(opened.file, opened.snapshot, (*opened.findings, missing)), lock)
