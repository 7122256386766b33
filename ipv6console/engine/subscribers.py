"""Subscribers: what callers may do with their prefixes, and what goes on by itself."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ipv6console.engine.caller import Caller
from ipv6console.engine.caretaker import Caretaker
from ipv6console.engine.core import Core
from ipv6console.engine.courier import Courier
from ipv6console.engine.errors import InvalidRequest, NotFound, Refusal, Unavailable
from ipv6console.engine.external import Registry, SessionControl
from ipv6console.engine.ipamerrors import refusing
from ipv6console.engine.lifenews import tell
from ipv6console.engine.outbox import Worker
from ipv6console.engine.protocol import Durability
from ipv6console.engine.roster import Roster, iso, step_document
from ipv6console.engine.traffic import Distribution
from ipv6console.engine.turns import Turns
from ipv6console.ipam.book import is_held, prefix_of
from ipv6console.ipam.change import Change, IntentRecorded, SubscriberRecorded
from ipv6console.ipam.lifecycle import LIVE, State, state_of
from ipv6console.ipam.outbox import Key, Step
from ipv6console.ipam.subscribers import Desk
from ipv6console.pool.change import Snapshot
from ipv6console.wire.subscriber import (
    IPv6ActivationRequest,
    IPv6AllocationRequest,
    IPv6OperationResponse,
    IPv6RevocationRequest,
    OutboxRow,
    SubscriberRequest,
    SubscriberRow,
)

Decide = Callable[[float], tuple[Change, ...]]
Success = Callable[[SubscriberRecorded], bool]


class Subscribers:
    """Operations return when what was decided is committed and its steps are taken, or after `lifecycle.wait` seconds.

    `registries` are the IPAMs, the first of them the one that new prefixes come from; `sessions` is RADIUS, if any.
    """

    def __init__(self, core: Core, registries: Sequence[Registry], sessions: SessionControl | None) -> None:
        self._core = core
        self._limits = core.settings.lifecycle
        self.registry = registries[0]
        self.sessions = sessions
        self.desk = Desk(self._limits.retry_max, core.random, lambda: secrets.token_hex(16))
        self.turns = Turns()
        self.courier = Courier({registry.name: registry for registry in registries}, sessions)
        self._worker = Worker(core, self.desk, self.courier, self.turns, self.commit)
        roster = self._roster = Roster(core, self.desk)
        self._waiting: dict[Key, set[asyncio.Event]] = {}
        self.caretaker = Caretaker(core, self.desk, self.turns, self.commit)
        self.operations: Counter[tuple[str, str, str]] = Counter()
        """How many operations of a tenant came to done, pending, failed or refused since the start."""
        self.durations: dict[str, Distribution] = {}
        """How long each operation took until it was answered."""
        self.page, self.row, self.status, self.stats = roster.page, roster.row, roster.status, roster.stats
        self.history, self.outbox, self.key = roster.history, roster.outbox, roster.key
        core.followers.append(self._follow)

    async def run(self) -> None:
        """Take steps of the outbox and look after what lies about, until cancelled."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._worker.run())
                group.create_task(self.caretaker.run())
        finally:
            await self.turns.finished()

    async def create(self, request: SubscriberRequest, caller: Caller) -> SubscriberRow:
        """Make a subscriber, or return the one that is there and the same; raises Refusal."""
        key = self.key(request.subscriber_id, request.tenant, caller)
        desk = self.desk

        def decide(now: float) -> tuple[Change, ...]:
            return desk.make(key, request.assignment_mode, request.prefix_size, now)

        if await self._decide(key, decide):
            text = f"subscriber {_name(key)}, {request.assignment_mode}, /{request.prefix_size}"
            self._core.journal.write("subscriber.created", text, subject=_name(key), actor=caller.label)
        return self._roster.document(desk.book.row(key))

    async def remove(self, name: str, tenant: str | None, caller: Caller) -> SubscriberRow:
        """Forget a subscriber that has no prefix, and its history; returns what it was. Raises Refusal."""
        key = self.key(name, tenant, caller)
        with refusing():
            document = self._roster.document(self.desk.book.row(key))
        await self._decide(key, lambda now: self.desk.remove(key, caller.label, now))
        text = f"subscriber {_name(key)} and its history"
        self._core.journal.write("subscriber.removed", text, subject=_name(key), actor=caller.label)
        return document

    async def allocate(
        self, name: str, request: IPv6AllocationRequest, tenant: str | None, caller: Caller
    ) -> IPv6OperationResponse:
        """Have a prefix allocated; raises Refusal."""
        key = self.key(name, tenant, caller)

        def decide(now: float) -> tuple[Change, ...]:
            return self.desk.allocate(
                key,
                size=request.prefix_size,
                parent=request.netbox_pool_id,
                registry=self.registry.name,
                actor=caller.label,
                now=now,
            )

        return await self._operate(
            "allocate", key, decide, lambda row: state_of(row) in LIVE, Step.ALLOCATE, Step.RELEASE
        )

    async def activate(
        self, name: str, request: IPv6ActivationRequest, tenant: str | None, caller: Caller
    ) -> IPv6OperationResponse:
        """Make a prefix active, with `send_coa` when RADIUS has agreed; raises Refusal."""
        key = self.key(name, tenant, caller)

        def decide(now: float) -> tuple[Change, ...]:
            self._needs_radius("CoA", wanted=request.send_coa)
            return self.desk.activate(
                key,
                username=request.username,
                nas_ip=request.nas_ip,
                coa=request.send_coa,
                actor=caller.label,
                now=now,
            )

        def success(row: SubscriberRecorded) -> bool:
            agreed = not request.send_coa or (row.coa or "").startswith("ack")
            return state_of(row) is State.ACTIVE and agreed

        return await self._operate("activate", key, decide, success, Step.COA)

    async def suspend(self, name: str, tenant: str | None, caller: Caller) -> IPv6OperationResponse:
        """Suspend an active prefix; raises Refusal."""
        key = self.key(name, tenant, caller)
        decide: Decide = lambda now: self.desk.suspend(key, caller.label, now)  # noqa: E731 - as the others, which are longer
        return await self._operate("suspend", key, decide, lambda row: state_of(row) is State.SUSPENDED)

    async def resume(self, name: str, tenant: str | None, caller: Caller) -> IPv6OperationResponse:
        """Resume a suspended prefix; raises Refusal."""
        key = self.key(name, tenant, caller)
        decide: Decide = lambda now: self.desk.resume(key, caller.label, now)  # noqa: E731 - as the others, which are longer
        return await self._operate("resume", key, decide, lambda row: state_of(row) is State.ACTIVE)

    async def revoke(
        self, name: str, request: IPv6RevocationRequest, tenant: str | None, caller: Caller
    ) -> IPv6OperationResponse:
        """Revoke a prefix: end its session if asked, give it back unless asked not to; raises Refusal."""
        key = self.key(name, tenant, caller)

        def decide(now: float) -> tuple[Change, ...]:
            self._needs_radius("Disconnect", wanted=request.send_disconnect)
            return self.desk.revoke(
                key,
                username=request.username,
                nas_ip=request.nas_ip,
                disconnect=request.send_disconnect,
                release=request.release_to_netbox,
                actor=caller.label,
                now=now,
            )

        def success(row: SubscriberRecorded) -> bool:
            free = not is_held(row)
            return (state_of(row) is State.REVOKED and (free or not request.release_to_netbox)) or (
                state_of(row) is State.FAILED and free
            )

        return await self._operate("revoke", key, decide, success, Step.DISCONNECT, Step.RELEASE)

    async def cancel(self, step: str, reason: str, caller: Caller) -> OutboxRow:
        """Give up a pending step; what follows from that is decided with it. Raises Refusal."""
        reason = " ".join(reason.split())
        if not reason or len(reason) > 500:
            raise InvalidRequest("a step is cancelled for a reason", next="give one of up to 500 characters")
        return await self._on_step(step, caller, lambda now: self.desk.cancel(step, reason, caller.label, now))

    async def retry(self, step: str, caller: Caller) -> OutboxRow:
        """Take a pending step now instead of later; raises Refusal."""
        return await self._on_step(step, caller, lambda now: self.desk.retry(step, caller.label, now))

    async def forget(self, name: str, tenant: str | None, reason: str, caller: Caller) -> None:
        """Forget a prefix that its IPAM does not hold; raises Refusal."""
        key = self.key(name, tenant, caller)
        await self._decide(key, lambda now: self.desk.lose(key, reason, caller.label, now))

    async def commit(self, changes: Sequence[Change]) -> None:
        """Commit what the desk decided, tell of it, and wake whoever waits for it; raises Unavailable."""
        if not changes:
            return
        try:
            await self._core.commit(*changes, durability=Durability.POWER)
        except Unavailable:
            self._stir_all()
            raise
        tell(self._core.journal, changes)
        for change in changes:
            if isinstance(change, IntentRecorded):
                self._stir((change.tenant, change.subscriber))
        self._worker.wake()
        self._core.changed.set_soon()

    async def _operate(
        self, operation: str, key: Key, decide: Decide, success: Success, *steps: Step
    ) -> IPv6OperationResponse:
        """Decide, wait for pending `steps`, and answer."""
        since = self._core.clock.now()
        with self._counted(operation, key[0]) as results:
            with refusing():
                had = self.desk.book.row(key)
            await self._decide(key, decide)
            await self._settled(key, steps)
            async with self.turns.of(key):
                self._core.working()
                with refusing():
                    row = self.desk.book.row(key)
                reply = self._reply(had, row, success(row), self._pending(key, steps))
            results.append("done" if reply.success else "pending" if reply.pending else "failed")
        self.durations.setdefault(operation, Distribution()).observe(self._core.clock.now() - since)
        return reply

    async def _decide(self, key: Key, decide: Decide) -> tuple[Change, ...]:
        async def turn() -> tuple[Change, ...]:
            async with self.turns.of(key):
                self._core.working()
                with refusing():
                    changes = decide(self._core.clock.now())
                await self.commit(changes)
                return changes

        return await self.turns.to_its_end(turn())

    async def _on_step(self, name: str, caller: Caller, decide: Decide) -> OutboxRow:
        with refusing():
            step = self.desk.step(name)
            if caller.tenant not in {None, step.tenant}:
                raise NotFound(f"there is no pending step {name[:80]!r}", next="see GET /api/v1/network/outbox")
        changes = await self._decide((step.tenant, step.subscriber), decide)
        return step_document(next(row for row in changes if isinstance(row, IntentRecorded) and row.id == name))

    def _pending(self, key: Key, steps: Sequence[Step]) -> list[IntentRecorded]:
        return [row for row in self.desk.outbox.awaited(key) if row.step in steps]

    async def _settled(self, key: Key, steps: Sequence[Step]) -> None:
        """Return when the subscriber waits for no such step, the store is broken, or enough time has passed."""
        event = asyncio.Event()
        self._waiting.setdefault(key, set()).add(event)
        try:
            async with asyncio.timeout(self._limits.wait):
                while self._pending(key, steps) and self._core.broken is None:
                    await event.wait()
                    event.clear()
        except TimeoutError:
            return
        finally:
            self._waiting[key].discard(event)
            if not self._waiting[key]:
                del self._waiting[key]

    def _reply(
        self, had: SubscriberRecorded, row: SubscriberRecorded, success: bool, waiting: Sequence[IntentRecorded]
    ) -> IPv6OperationResponse:
        done = success and not waiting
        return IPv6OperationResponse(
            success=done,
            message=None if done else self._roster.trouble(row) or f"the prefix is {row.ipv6_state}",
            prefix=prefix_of(row) or prefix_of(had),
            state=row.ipv6_state,
            allocated_at=iso(row.ipv6_allocated_at),
            activated_at=iso(row.ipv6_activated_at),
            revoked_at=iso(row.ipv6_revoked_at),
            netbox_prefix_id=row.ipv6_netbox_prefix_id,
            coa_result=row.coa,
            disconnect_result=row.disconnect,
            pending=tuple(step.step for step in waiting),
        )

    @contextmanager
    def _counted(self, operation: str, tenant: str) -> Iterator[list[str]]:
        results: list[str] = []
        try:
            yield results
        except Refusal:
            results.append("refused")
            raise
        finally:
            for result in results:
                self.operations[tenant, operation, result] += 1

    def _needs_radius(self, what: str, *, wanted: bool) -> None:
        if wanted and self.sessions is None:
            raise Refusal(
                f"a {what} was asked for, and no RADIUS is configured",
                next="set server and secret_file in [radius], or leave RADIUS out",
            )

    def _follow(self, snapshot: Snapshot) -> None:
        self.desk.restore(snapshot.space, self._core.clock.now())
        self._stir_all()
        self._worker.wake()

    def _stir_all(self) -> None:
        for key in self._waiting:
            self._stir(key)

    def _stir(self, key: Key) -> None:
        for event in self._waiting.get(key, ()):
            event.set()


def _name(key: Key) -> str:
    return "/".join(key)
