"""Lives of subscribers' prefixes in a process that ends at the Nth moment, and one that goes on after it.

`python -m tests.engine.mortal KIND FOLDER N...` lets processes end at these moments, one after the other, each followed
by one that works off what is left and judges. Moments are all statements of SQLite, and before and after what the IPAM
does. KIND is which IPAM: embedded, or file, one file a prefix. Prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sqlite3
import sys
import traceback
from collections.abc import Awaitable, Callable, Sequence
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from ipv6console.config import LifecycleSettings, Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.clock import BootClock
from ipv6console.engine.core import Core
from ipv6console.engine.embedded import registries
from ipv6console.engine.errors import Refusal
from ipv6console.engine.external import (
    Allocation,
    AllocationRequest,
    Registry,
    RegistryExhausted,
    RegistryUnreachable,
    SessionAnswer,
    SessionRequest,
    Verdict,
)
from ipv6console.engine.spaces import Spaces
from ipv6console.engine.subscribers import Subscribers
from ipv6console.ipam.lifecycle import TRANSITIONS, State
from ipv6console.store.database import SqliteStore
from ipv6console.wire.space import RangeRequest, SpaceRequest
from ipv6console.wire.subscriber import (
    IPv6ActivationRequest,
    IPv6AllocationRequest,
    IPv6RevocationRequest,
    SubscriberRequest,
)

NAMES = ("a", "b", "c", "d")
TENANT = "acme"
ENDED = 9
PATIENCE = 60.0
WHO = Caller("mortal", frozenset(Scope))
NETWORK = 0x20010DB8 << 96
SETTINGS = Settings(lifecycle=LifecycleSettings(spaces=("homes",), wait=PATIENCE, retry_max=0.01))


class Fate:
    """Counts moments, and ends the process at one of them."""

    def __init__(self, last: int | None) -> None:
        self.passed = 0
        self.last = last

    def moment(self, *_: object) -> None:
        self.passed += 1
        if self.passed == self.last:
            os._exit(ENDED)


class FileRegistry:
    """An IPAM of one file a prefix, that loses answers, and is away, as chance has it."""

    name = "netbox"

    def __init__(self, folder: Path, fate: Fate, chance: Random) -> None:
        self._folder, self._fate, self._chance = folder, fate, chance
        folder.mkdir(exist_ok=True)

    async def allocate(self, request: AllocationRequest, *, again: bool) -> Allocation:
        await self._come()
        if again and (known := self._find(request.operation)):
            return known
        made = None
        for number in range(1, 5):
            row = {"operation": request.operation, "tenant": request.tenant, "subscriber": request.subscriber}
            place = self._folder / f"{number}"
            if not place.exists():
                (draft := self._folder / "draft").write_text(json.dumps(row))
                draft.rename(place)
                made = self._read(place)
                break
        self._go()
        if made is None:
            raise RegistryExhausted("full", next="add a parent")
        return made

    async def find(self, operation: str) -> Allocation | None:
        await self._come()
        return self._find(operation)

    async def mark(self, allocation: Allocation, status: str) -> None:
        await self._come()

    async def release(self, allocation: Allocation) -> bool:
        await self._come()
        known = self._find(allocation.operation or "")
        if known is not None:
            (self._folder / str(known.id)).unlink()
        self._go()
        return known is not None

    async def held(self) -> Sequence[Allocation]:
        return [self._read(place) for place in sorted(self._folder.glob("[0-9]"))]

    async def close(self) -> None:
        pass

    def _find(self, operation: str) -> Allocation | None:
        found = map(self._read, sorted(self._folder.glob("[0-9]")))
        return next((row for row in found if row.operation == operation), None)

    def _read(self, place: Path) -> Allocation:
        network = NETWORK + (int(place.name) << 72)
        row = json.loads(place.read_text())
        return Allocation(id=int(place.name), network=network, length=56, parent=None, status="reserved", **row)

    async def _come(self) -> None:
        await asyncio.sleep(0)
        self._fate.moment()
        if self._chance.random() < 0.15:
            raise RegistryUnreachable("away", next="wait")

    def _go(self) -> None:
        self._fate.moment()
        if self._chance.random() < 0.3:
            raise RegistryUnreachable("timeout", next="wait")


class Sessions:
    """RADIUS, as chance has it."""

    def __init__(self, fate: Fate, chance: Random) -> None:
        self._fate, self._chance = fate, chance

    async def change(self, request: SessionRequest) -> SessionAnswer:
        return self._answer()

    async def disconnect(self, request: SessionRequest) -> SessionAnswer:
        return self._answer()

    def _answer(self) -> SessionAnswer:
        self._fate.moment()
        verdict = self._chance.choice((Verdict.ACK, Verdict.ACK, Verdict.NAK, Verdict.SILENCE))
        return SessionAnswer(verdict=verdict, server="nas", text=verdict.value, took=0.0, cause=None)


class World:
    """Subscribers on a real store."""

    def __init__(self, kind: str, folder: Path, fate: Fate, seed: int) -> None:
        self._kind, self._folder, self._fate, self._chance = kind, folder, fate, Random(seed)

    async def open(self) -> None:
        self.store = await SqliteStore.open(self._folder / "engine.db")
        self.core = Core(SETTINGS, self.store, BootClock())
        self.spaces = Spaces(self.core)
        outside = FileRegistry(self._folder / "ipam", self._fate, self._chance) if self._kind == "file" else None
        known: tuple[Registry, ...] = registries(outside, self.spaces)
        self.registry = known[0]
        self.subscribers = Subscribers(self.core, known, Sessions(self._fate, self._chance))
        await self.core.open()
        self._running = asyncio.create_task(self.subscribers.run())
        await asyncio.sleep(0)

    async def close(self) -> None:
        self._running.cancel()
        await asyncio.gather(self._running, return_exceptions=True)
        await self.core.close()
        await self.store.close()


async def prepare(world: World) -> None:
    """Make the space and the subscribers."""
    await world.spaces.create(SpaceRequest(name="homes"), WHO)
    await world.spaces.add_range(RangeRequest(space="homes", range="2001:db8:1::/54"), WHO)
    for name in NAMES:
        await world.subscribers.create(SubscriberRequest(subscriber_id=name, tenant=TENANT), WHO)


async def live(world: World, told: int) -> None:
    """Lead four lives beside each other, and write down what was acknowledged."""
    subscribers = world.subscribers

    async def ask(name: str, what: str, reply: Awaitable[Any]) -> None:
        os.write(told, f"{name} {what}?\n".encode())
        try:
            got = await reply
        except Refusal:
            os.write(told, f"{name} {what} refused\n".encode())
            return
        os.write(told, f"{name} {what} {got.state} {got.prefix}\n".encode())

    async def life(name: str, *, coa: bool, rounds: int) -> None:
        for _ in range(rounds):
            await ask(name, "allocate", subscribers.allocate(name, IPv6AllocationRequest(), TENANT, WHO))
            activation = IPv6ActivationRequest(username=name, send_coa=coa)
            await ask(name, "activate", subscribers.activate(name, activation, TENANT, WHO))
            await ask(name, "suspend", subscribers.suspend(name, TENANT, WHO))
            if name == "d":
                return
            revocation = IPv6RevocationRequest(username=name, send_disconnect=coa)
            await ask(name, "revoke", subscribers.revoke(name, revocation, TENANT, WHO))

    async def hasty() -> None:
        asked = asyncio.create_task(
            ask("c", "allocate", subscribers.allocate("c", IPv6AllocationRequest(), TENANT, WHO))
        )
        await asyncio.sleep(0.002)
        await ask("c", "revoke", subscribers.revoke("c", IPv6RevocationRequest(), TENANT, WHO))
        await asked

    async with asyncio.timeout(PATIENCE):
        await asyncio.gather(
            life("a", coa=True, rounds=2), life("b", coa=False, rounds=2), hasty(), life("d", coa=True, rounds=1)
        )


async def judge(world: World, told: list[str]) -> list[str]:
    """Work off what is left, and return what is wrong."""
    wrong: list[str] = []
    rows = {row.id: row for row in world.subscribers.desk.book.rows()}
    for name in NAMES:
        mine = [line.split() for line in told if line.startswith(f"{name} ")]
        if mine and len(mine[-1]) == 4 and (state := mine[-1][2]) != rows[name].ipv6_state:
            wrong.append(f"{name} was told {' '.join(mine[-1])}, and is {rows[name].ipv6_state}, not {state}")
    async with asyncio.timeout(PATIENCE):
        await _work_off(world)
        for row in list(world.subscribers.desk.book.rows()):
            if row.ipv6_state == "failed" and row.network is not None:
                await world.subscribers.revoke(row.id, IPv6RevocationRequest(), TENANT, WHO)
        await _work_off(world)
    ours = sorted((row.network, row.id) for row in world.subscribers.desk.book.rows() if row.network is not None)
    theirs = sorted((entry.network, entry.subscriber) for entry in await world.registry.held())
    if ours != theirs:
        wrong.append(f"we hold {ours}, the IPAM {theirs}")
    stored = (await world.store.load()).space.subscribers
    if stored != tuple(world.subscribers.desk.book.rows()):
        wrong.append("the store is not what the desk says")
    for name in NAMES:
        for turn in await world.store.transitions(TENANT, name, 1_000):
            before, after = State(turn.before), State(turn.after)
            if not (before is after or after in TRANSITIONS[before] or (before, after) == ("revoked", "pending")):
                wrong.append(f"{name} went from {before} to {after}")
    return wrong


async def _work_off(world: World) -> None:
    while len(world.subscribers.desk.outbox):  # noqa: ASYNC110 - the worker tells nobody that it has nothing left
        await asyncio.sleep(0.002)


def in_a_process(work: Callable[[], int]) -> int:
    """Return with what code a process of its own ended that did `work`."""
    pid = os.fork()
    if not pid:
        code = 1
        try:
            code = work()
        except BaseException:  # noqa: BLE001 - whatever it is, a fork of this program does not go on with it
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def trace(fate: Fate) -> None:
    """Let every statement of connections made from now on be a moment."""
    connect = sqlite3.dbapi2.connect

    def traced(*arguments: Any, **options: Any) -> sqlite3.Connection:
        connection: sqlite3.Connection = connect(*arguments, **options)
        connection.set_trace_callback(fate.moment)
        return connection

    sqlite3.dbapi2.connect = traced  # type: ignore[assignment]


def main(kind: str, folder: Path, moments: Sequence[int]) -> None:
    seed = 7

    async def with_world(place: Path, fate: Fate, number: int, work: Callable[[World], Awaitable[Any]]) -> Any:
        world = World(kind, place, fate, number)
        await world.open()
        try:
            return await work(world)
        finally:
            await world.close()

    (template := folder / "template").mkdir()
    assert in_a_process(lambda: asyncio.run(with_world(template, Fate(None), seed, prepare)) or 0) == 0
    ends, wrong, most = 0, [], 0
    for number in moments:
        place = folder / f"run{next(_numbers)}"
        shutil.copytree(template, place)
        told = place / "told"
        report = place / "passed"

        def first(place: Path = place, told: Path = told, report: Path = report, number: int = number) -> int:
            fate = Fate(None)
            trace(fate)

            async def work(world: World) -> None:
                # Not those of the start: they change nothing.
                fate.passed, fate.last = 0, number or None
                await live(world, os.open(told, os.O_WRONLY | os.O_CREAT | os.O_APPEND))

            asyncio.run(with_world(place, fate, number, work))
            report.write_text(str(fate.passed))
            return 0

        def second(place: Path = place, told: Path = told, number: int = number) -> int:
            lines = told.read_text().splitlines() if told.exists() else []
            found = asyncio.run(with_world(place, Fate(None), number, lambda world: judge(world, lines)))
            (place / "wrong").write_text(json.dumps(found))
            return 0

        code = in_a_process(first)
        ends += code == ENDED
        if code not in {0, ENDED}:
            wrong.append(f"moment {number}: the process failed")
        if report.exists():
            most = max(most, int(report.read_text()))
        if in_a_process(second):
            wrong.append(f"moment {number}: the process after it failed")
        else:
            wrong += [f"moment {number}: {text}" for text in json.loads((place / "wrong").read_text())]
        shutil.rmtree(place)
    print(json.dumps({"ended": ends, "moments": most, "wrong": wrong}))  # noqa: T201 - its result


_numbers = count()

if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), [int(word) for word in sys.argv[3:]])
