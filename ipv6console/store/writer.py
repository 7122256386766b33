"""The writer: one connection, a commit for whatever has queued, and a thread for what may wait for the disk."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from sqlalchemy.exc import ResourceClosedError

from ipv6console.engine.protocol import Change, Durability, Settled, StoreError
from ipv6console.pool.change import Snapshot
from ipv6console.store.batch import write_changes, write_events
from ipv6console.store.fault import Cause, Fault, diagnose
from ipv6console.store.file import DatabaseFile, OthersWriteError
from ipv6console.store.snapshot import read_snapshot
from ipv6console.wire.event import Event

logger = logging.getLogger(__name__)

T = TypeVar("T")

_UNSAVED_EVENTS = 1_000
_LOG = 5_000
"""So many changes are written before the log is copied into the file and begun anew."""
_LONG, _SHUN = 0.02, 1.0
"""When a commit in the loop took so many seconds, the disk is slow, and for so many they are left to the thread."""


def _weightless(_: object) -> int:
    return 0


@dataclass(slots=True)
class _Commit:
    changes: Sequence[Change]
    durability: Durability
    generation: int
    done: Settled


@dataclass(frozen=True, slots=True)
class _Task:
    work: Callable[[], Any]
    answer: asyncio.Future[Any]
    weigh: Callable[[Any], int]


@dataclass(frozen=True, slots=True)
class _Stop:
    answer: asyncio.Future[None]


_Job = list[_Commit] | tuple[Event, ...] | _Task | _Stop


class Writer:
    """Owns `file` from construction to `stop`; every method is for the thread of the loop that built it.

    What has to outlive the process alone is written to the page cache, which takes less than to wake a thread: the loop
    does it itself while the thread has nothing to do. Whatever waits for the disk, or for other programs, is the thread's.

    After a commit that failed nothing more is committed until `load` has returned: what was queued behind it was
    decided on a state that was never saved.
    """

    def __init__(self, file: DatabaseFile) -> None:
        self.queue = 0
        self.commits = 0
        self.last_commit_ms: float | None = None
        self.fault: Fault | None = None
        self.event_fault: Fault | None = None
        self.events_lost = 0
        self.events_unsaved = 0
        self.stopped = False
        self._loop = asyncio.get_running_loop()
        self._jobs: SimpleQueue[_Job] = SimpleQueue()
        self._gathered: list[_Commit] = []
        self._away = 0
        self._shun_until = 0.0
        self._file = file
        # The generation the caller's decisions rest on.
        self._loaded = 0
        # What whoever has the file knows, the thread while anything is `_away` and else the loop; the attributes above
        # follow in the loop. A failure starts a new generation, and commits of an earlier one are refused.
        self._generation = 0
        self._failure: Fault | None = None
        self._suspect = False
        self._damaged = False
        self._unsaved: deque[Event] = deque()
        self._lost = 0
        self._logged = 0
        # A daemon: an engine that dies without closing its store must not hang on it.
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    @property
    def sound(self) -> bool:
        """Whether nothing seen so far calls for a check of the file; to be asked after `stop`."""
        return not self._suspect and not self._damaged

    async def commit(self, changes: Sequence[Change], durability: Durability) -> None:
        """Return once `changes` are committed; raises StoreError."""
        self._refuse_if_stopped()
        if not changes:
            return
        answer = self._loop.create_future()
        self.submit(changes, durability, partial(_settle, answer))
        await answer

    def submit(self, changes: Sequence[Change], durability: Durability, done: Settled) -> None:
        """Call `done` once `changes`, at least one, are committed or refused; raises StoreError when stopped."""
        self._refuse_if_stopped()
        self.queue += 1
        if not self._gathered:
            # With all that are decided in this turn of the loop.
            self._loop.call_soon(self._commit_or_hand_over)
        self._gathered.append(_Commit(changes, durability, self._loaded, done))

    def record(self, events: Sequence[Event]) -> None:
        """Queue `events` to be kept."""
        if self.stopped:
            logger.warning("%d events came after the store was closed and are not kept", len(events))
        elif events:
            self._hand_over()
            self._put(tuple(events))

    async def load(self) -> Snapshot:
        """Return everything committed, and take commits again; raises StoreError."""
        known = self.fault
        snapshot, generation = await self.perform(self._load)
        # Only now, in the very step in which the caller gets its rows: a commit queued while they were being read
        # still rests on the state they replace.
        self._loaded = generation
        if self.fault is known:
            self.fault = None
        return snapshot

    async def perform(self, work: Callable[[], T], *, weigh: Callable[[T], int] = _weightless) -> T:
        """Return what `work` returns in the writer's thread, after all that is queued; raises StoreError.

        `weigh` says of what it returned how many changes it wrote.
        """
        self._refuse_if_stopped()
        answer: asyncio.Future[T] = self._loop.create_future()
        self._hand_over()
        self._put(_Task(work, answer, weigh))
        return await answer

    async def stop(self) -> None:
        """Commit what is queued, close the file and end the thread."""
        if self.stopped:
            return
        self.stopped = True
        answer = self._loop.create_future()
        self._hand_over()
        self._put(_Stop(answer))
        try:
            await asyncio.shield(answer)
        finally:
            await asyncio.to_thread(self._thread.join)

    def _commit_or_hand_over(self) -> None:
        batch = self._gathered
        if (
            self._away
            or self._logged >= _LOG
            or self._file.begins_log
            or Durability.POWER in [commit.durability for commit in batch]
            or self._loop.time() < self._shun_until
        ):
            self._hand_over()
        elif batch:
            self._gathered = []
            self._commit_here(batch)

    def _commit_here(self, batch: list[_Commit]) -> None:
        began = self._loop.time()
        if left := self._commit(batch, _at_once, patient=False):
            self._put(left)
        if (now := self._loop.time()) - began > _LONG:
            self._shun_until = now + _SHUN

    def _hand_over(self) -> None:
        if self._gathered:
            self._put(self._gathered)
            self._gathered = []

    def _put(self, job: _Job) -> None:
        self._away += 1
        self._jobs.put(job)

    def _refuse_if_stopped(self) -> None:
        if self.stopped:
            raise StoreError(f"{self._file.path} is closed", "the engine is stopping; start it again")

    # From here on: the writer's thread; `_commit` also in the loop's.

    def _run(self) -> None:
        running = True
        while running:
            jobs = [self._jobs.get()]
            with suppress(Empty):
                while True:
                    jobs.append(self._jobs.get_nowait())
            running = self._work(jobs)
            self._tell(self._come_back, len(jobs))

    def _work(self, jobs: list[_Job]) -> bool:
        commits: list[_Commit] = []
        events: list[Event] = []
        for job in jobs:
            if isinstance(job, list):
                commits += job
            elif isinstance(job, _Task | _Stop):
                self._commit(commits, self._tell)
                self._keep(events)
                commits, events = [], []
                if isinstance(job, _Stop):
                    self._perform(_Task(self._file.close, job.answer, _weightless))
                    return False
                self._perform(job)
            else:
                events.extend(job)
        self._commit(commits, self._tell)
        self._keep(events)
        if self._logged >= _LOG:
            self._shorten_log()
        return True

    def _commit(self, commits: list[_Commit], tell: Callable[..., None], *, patient: bool = True) -> list[_Commit]:
        """Commit what is not stale; return what has to wait for another program that writes, if that is not to be here."""
        stale = [commit for commit in commits if commit.generation != self._generation]
        if stale and self._failure is not None:
            tell(self._settle, stale, self._failure, None)
        batch = [commit for commit in commits if commit.generation == self._generation] if stale else commits
        if not batch:
            return []
        power = any(commit.durability is Durability.POWER for commit in batch)
        started = time.perf_counter()
        fault = None
        try:
            with self._file.transaction(
                Durability.POWER if power else Durability.PROCESS, patient=patient
            ) as connection:
                self._logged += write_changes(connection, chain.from_iterable(commit.changes for commit in batch))
        except OthersWriteError:
            return batch
        except Exception as error:
            fault = self._judge(error)
            self._fail(fault)
            logger.exception("%d commits were refused: %s", len(batch), fault.text)
        tell(self._settle, batch, fault, (time.perf_counter() - started) * 1_000)
        return []

    def _shorten_log(self) -> None:
        self._logged = 0
        try:
            self._file.shorten_log()
        except Exception as error:
            fault = self._judge(error)
            logger.exception("the write-ahead log could not be copied into the file: %s", fault.text)

    def _keep(self, events: list[Event]) -> None:
        if events:
            self._unsaved.extend(events)
            self._save_events()

    def _save_events(self) -> None:
        # In a transaction of their own: an event that cannot be kept is no reason to refuse a lease.
        fault = None
        try:
            with self._file.transaction(Durability.PROCESS) as connection:
                write_events(connection, self._unsaved)
            self._unsaved.clear()
        except Exception as error:
            fault = self._judge(error)
            logger.exception("%d events could not be saved: %s", len(self._unsaved), fault.text)
            while len(self._unsaved) > (0 if fault.hopeless else _UNSAVED_EVENTS):
                self._unsaved.popleft()
                self._lost += 1
        self._tell(self._settle_events, fault, len(self._unsaved), self._lost)

    def _load(self) -> tuple[Snapshot, int]:
        if self._suspect:
            self._file.reopen()
            self._suspect = False
        snapshot = read_snapshot(self._file.connection)
        if self._unsaved:
            self._save_events()
        return snapshot, self._generation

    def _perform(self, task: _Task) -> None:
        try:
            result = task.work()
            self._logged += task.weigh(result)
        except Exception as error:
            fault = self._judge(error)
            if not isinstance(error, StoreError):
                logger.exception("%s", fault.text)
            self._tell(_refuse, task.answer, fault)
        else:
            self._tell(_answer, task.answer, result)

    def _judge(self, error: Exception) -> Fault:
        if isinstance(error, ResourceClosedError) and self._failure is not None:
            # The file could not be opened again after a failure, and that failure is what there is to say.
            return self._failure
        fault = diagnose(error, self._file.path)
        self._damaged = self._damaged or fault.cause is Cause.DAMAGED
        if fault.suspect:
            # Whatever was being done: what later commits would say to be on the disk may not be there.
            self._suspect = True
            self._fail(fault)
        return fault

    def _fail(self, fault: Fault) -> None:
        self._generation += 1
        self._failure = fault

    def _tell(self, callback: Callable[..., None], *arguments: object) -> None:
        try:
            self._loop.call_soon_threadsafe(callback, *arguments)
        except RuntimeError:
            logger.warning("the event loop ended before its store was closed; nobody hears of the last commits")

    # From here on: the loop's thread again.

    def _settle(self, commits: list[_Commit], fault: Fault | None, took_ms: float | None) -> None:
        self.queue -= len(commits)
        if fault is None:
            self.commits += 1
            self.last_commit_ms = took_ms
        else:
            self.fault = fault
        for commit in commits:
            try:
                commit.done(None if fault is None else fault.error())
            except Exception as error:  # noqa: BLE001 - the others of this commit are still to hear of it
                self._loop.call_exception_handler(
                    {"message": "whoever committed failed to hear of it", "exception": error}
                )

    def _come_back(self, jobs: int) -> None:
        self._away -= jobs

    def _settle_events(self, fault: Fault | None, unsaved: int, lost: int) -> None:
        self.event_fault, self.events_unsaved, self.events_lost = fault, unsaved, lost


def _at_once(callback: Callable[..., None], *arguments: object) -> None:
    callback(*arguments)


def _settle(answer: asyncio.Future[None], error: StoreError | None) -> None:
    if not answer.done():
        if error is None:
            answer.set_result(None)
        else:
            answer.set_exception(error)


def _answer(answer: asyncio.Future[T], result: T) -> None:
    # A caller that went away has cancelled its future.
    if not answer.done():
        answer.set_result(result)


def _refuse(answer: asyncio.Future[Any], fault: Fault) -> None:
    if not answer.done():
        answer.set_exception(fault.error())
