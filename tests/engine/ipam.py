"""An IPAM and a RADIUS server that tests move by hand, and subscribers on a real store."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from ipv6console.config import LifecycleSettings, Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.core import Core
from ipv6console.engine.external import (
    Allocation,
    AllocationRequest,
    RegistryError,
    RegistryExhausted,
    RegistryRefused,
    SessionAnswer,
    SessionRequest,
    Verdict,
)
from ipv6console.engine.subscribers import Subscribers
from ipv6console.store.database import SqliteStore
from ipv6console.wire.subscriber import IPv6AllocationRequest, IPv6OperationResponse, SubscriberRequest
from tests.engine.conftest import PATIENCE, HandClock

NETWORK = 0x20010DB8 << 96
SIZE = 56


@dataclass
class HandRegistry:
    """An IPAM that hands out /56s first fit, and fails as told: `before` a request is done, or `after`."""

    prefixes: int = 1_000
    name: str = "netbox"
    entries: dict[int, Allocation] = field(default_factory=dict)
    before: list[RegistryError] = field(default_factory=list)
    after: list[RegistryError] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    gate: asyncio.Event | None = None
    at_once: int = 0
    most_at_once: int = 0

    def __post_init__(self) -> None:
        self._ids = count(1)

    async def allocate(self, request: AllocationRequest, *, again: bool) -> Allocation:
        async with _Visit(self, f"allocate{' again' if again else ''}"):
            known = [entry for entry in self.entries.values() if entry.operation == request.operation]
            if again and known:
                return known[0]
            used = {entry.network for entry in self.entries.values()}
            free = (NETWORK + (number << 72) for number in range(self.prefixes))
            network = next((network for network in free if network not in used), None)
            if network is None:
                raise RegistryExhausted("every parent is full", next="add a parent")
            got = Allocation(
                id=next(self._ids),
                network=network,
                length=request.length,
                parent=1,
                operation=request.operation,
                tenant=request.tenant,
                subscriber=request.subscriber,
                status="reserved",
            )
            self.entries[got.id] = got
            return got

    async def find(self, operation: str) -> Allocation | None:
        async with _Visit(self, "find"):
            return next((entry for entry in self.entries.values() if entry.operation == operation), None)

    async def mark(self, allocation: Allocation, status: str) -> None:
        async with _Visit(self, f"mark {status}"):
            if allocation.id not in self.entries:
                raise RegistryRefused("there is no such prefix", next="look for leaks")
            self.entries[allocation.id] = replace(self.entries[allocation.id], status=status)

    async def release(self, allocation: Allocation) -> bool:
        async with _Visit(self, "release"):
            found = self.entries.get(allocation.id)
            if found is None:
                return False
            if found.operation != allocation.operation:
                raise RegistryRefused("it is somebody else's", next="look for leaks")
            del self.entries[allocation.id]
            return True

    async def held(self) -> Sequence[Allocation]:
        return list(self.entries.values())

    async def close(self) -> None:
        pass


class _Visit:
    """One request: counted, held up at the gate, and made to fail."""

    def __init__(self, registry: HandRegistry, what: str) -> None:
        self._registry = registry
        registry.asked.append(what)

    async def __aenter__(self) -> None:
        registry = self._registry
        registry.at_once += 1
        registry.most_at_once = max(registry.most_at_once, registry.at_once)
        if registry.gate is not None:
            await registry.gate.wait()
        await asyncio.sleep(0)
        if registry.before:
            registry.at_once -= 1
            raise registry.before.pop(0)

    async def __aexit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._registry.at_once -= 1
        if kind is None and self._registry.after:
            raise self._registry.after.pop(0)


@dataclass
class HandSessions:
    """A RADIUS server that says what it is told to say, and else ACK."""

    answers: list[tuple[Verdict, str | None]] = field(default_factory=list)
    asked: list[tuple[str, SessionRequest]] = field(default_factory=list)

    async def change(self, request: SessionRequest) -> SessionAnswer:
        return self._answer("coa", request)

    async def disconnect(self, request: SessionRequest) -> SessionAnswer:
        return self._answer("disconnect", request)

    def _answer(self, what: str, request: SessionRequest) -> SessionAnswer:
        self.asked.append((what, request))
        verdict, cause = self.answers.pop(0) if self.answers else (Verdict.ACK, None)
        text = "no answer from 192.0.2.1 in 2 s" if verdict is Verdict.SILENCE else verdict.value
        return SessionAnswer(verdict=verdict, server="192.0.2.1", text=text, took=0.0, cause=cause)


@dataclass
class Provider:
    """Subscribers, and everything around them."""

    core: Core
    store: SqliteStore
    clock: HandClock
    registry: HandRegistry
    sessions: HandSessions
    subscribers: Subscribers
    caller: Caller = field(default=Caller("test", frozenset(Scope)))

    async def make(self, *names: str, tenant: str = "acme", mode: str = "pd") -> None:
        for name in names:
            request = SubscriberRequest(subscriber_id=name, assignment_mode=mode, prefix_size=SIZE, tenant=tenant)
            await self.subscribers.create(request, self.caller)

    async def allocate(self, name: str, tenant: str = "acme", size: int = SIZE) -> IPv6OperationResponse:
        return await self.subscribers.allocate(name, IPv6AllocationRequest(prefix_size=size), tenant, self.caller)

    def state(self, name: str, tenant: str = "acme") -> str:
        return self.subscribers.row(name, tenant, self.caller).state

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let time go on until `condition` holds; fails after so long that it never will."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self.clock.time += 1.0
                await asyncio.sleep(0.001)

    async def kinds(self) -> list[str]:
        return [event.kind for event in (await self.core.journal.page(0, 1_000)).events]


async def provider(
    path: Path, *, registry: HandRegistry | None = None, clock: HandClock | None = None, wait: float = PATIENCE
) -> tuple[Provider, Callable[[], Awaitable[None]]]:
    """Open the store at `path` and start; returns what ends it, as a killed process would end: with nothing more done."""
    clock = clock or HandClock()
    registry = registry or HandRegistry()
    sessions = HandSessions()
    store = await SqliteStore.open(path)
    core = Core(Settings(lifecycle=LifecycleSettings(wait=wait)), store, clock)
    subscribers = Subscribers(core, [registry], sessions)
    await core.open()
    running = asyncio.create_task(subscribers.run())
    await asyncio.sleep(0)

    async def end() -> None:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await core.close()
        await store.close()

    return Provider(core, store, clock, registry, sessions, subscribers), end
