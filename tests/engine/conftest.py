"""An engine on a real store, with a host and echo URLs that tests move by hand, and a clock that stands still."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ipv6console.config import CheckSettings, PoolSettings, Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.echo import EchoFailed
from ipv6console.engine.engine import Engine
from ipv6console.engine.protocol import HostPrefix, HostView, Reachability
from ipv6console.pool.prefix import format_prefix, parse_prefix
from ipv6console.store.database import SqliteStore
from ipv6console.wire.doctor import DoctorReport
from ipv6console.wire.event import Event
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.state import NdpRow
from ipv6console.wire.status import Level, Stamp

URL = "http://echo.test/ip"
OTHER_URL = "http://other.test/ip"
PATIENCE = 30.0
_LOOK = 0.01
"""Seconds after which it is looked at what no event tells of."""


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.time = 1_800_000_000.0

    def now(self) -> float:
        return self.time


class HandWatch:
    """A kernel whose prefixes a test sets."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._views: asyncio.Queue[HostView | OSError] = asyncio.Queue()
        self.current = HostView(stamp=Stamp(clock.now(), "netlink"), prefixes=())

    async def view(self) -> HostView:
        return self.current

    async def views(self) -> AsyncIterator[HostView]:
        while True:
            view = await self._views.get()
            if isinstance(view, OSError):
                raise view
            yield view

    def fail(self, error: OSError) -> None:
        """Let what follows the kernel end with `error`."""
        self._views.put_nowait(error)

    def show(self, *prefixes: HostPrefix, own: frozenset[int] = frozenset()) -> None:
        self.current = HostView(stamp=Stamp(self._clock.now(), "netlink"), prefixes=prefixes, addresses=own)
        self._views.put_nowait(self.current)


class HandReach:
    """Routes and NDP that always work, unless a test says otherwise."""

    def __init__(self, clock: HandClock) -> None:
        self._clock = clock
        self._words: asyncio.Queue[None] = asyncio.Queue()
        self.announced: dict[tuple[int, int], HostPrefix] = {}
        self.answered: set[int] = set()
        self.singly = True
        self.level = Level.OK
        self.cut: dict[str, str] = {}
        self.refusal: str | None = None

    async def announce(self, prefix: HostPrefix) -> None:
        if self.refusal:
            raise OSError(self.refusal)
        self.announced[prefix.network, prefix.length] = prefix

    async def withdraw(self, network: int, length: int) -> None:
        del self.announced[network, length]

    async def withdraw_all(self) -> None:
        self.announced.clear()

    async def leave(self) -> None:
        pass

    def answers_singly(self) -> bool:
        return self.singly

    async def answer_for(self, added: Sequence[int]) -> None:
        self.answered.update(added)

    async def stop_answering(self, removed: Sequence[int]) -> None:
        self.answered.difference_update(removed)

    async def answer_only(self, addresses: Sequence[int]) -> None:
        self.answered = set(addresses)

    async def inspect(self) -> tuple[Reachability, ...]:
        return tuple(self._reachability(prefix) for prefix in self.announced.values())

    async def changes(self) -> AsyncIterator[None]:
        while True:
            await self._words.get()
            yield

    def turn(self, level: Level) -> None:
        self.level = level
        self._words.put_nowait(None)

    def sever(self, interface: str, why: str | None) -> None:
        """Cut the cable of `interface` (`why` says how it looks), or with None mend it."""
        if why is None:
            del self.cut[interface]
        else:
            self.cut[interface] = why
        self._words.put_nowait(None)

    async def config(self, network: int, length: int) -> NdpConfig | None:
        if (network, length) not in self.announced:
            return None
        return NdpConfig(
            prefix=format_prefix(network, length),
            strategy="ndppd",
            path="/etc/ndppd.conf",
            wanted="route-ttl 5000\n",
            found="",
            diff=("+route-ttl 5000",),
            text="the file differs",
        )

    def privileged(self) -> bool:
        return True

    def _reachability(self, prefix: HostPrefix) -> Reachability:
        stamp = Stamp(self._clock.now(), "netlink")
        ndp = NdpRow(
            stamp=stamp,
            prefix=format_prefix(prefix.network, prefix.length),
            interface=prefix.interface,
            strategy="ndppd",
            why="a test says so",
            level=self.level,
            text="answers" if self.level is Level.OK else "is dead",
            fix=None,
            pid=None,
            started_at=None,
            restarts=0,
            cpu=None,
            config=None,
        )
        cut = self.cut.get(prefix.interface)
        return Reachability(
            network=prefix.network,
            length=prefix.length,
            stamp=stamp,
            route=Level.FAIL if cut else Level.OK,
            text=f"{cut}; in place" if cut else "in place",
            ndp=ndp,
            severed=cut,
        )


class HandDoctor:
    """A doctor who has seen nothing."""

    async def examine(self, prefix: HostPrefix | None) -> DoctorReport:
        return DoctorReport(at=0.0, prefix=None, interface=None, verdict="not usable", steps=())


class HandEcho:
    """Echo URLs that see every address, but those a test makes bad, and unless a test takes a URL down."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.bad: Callable[[int], bool] = lambda _: False
        self.answers: dict[str, int] = {}
        self.asked: list[tuple[str, int | None]] = []

    async def ask(self, url: str, source: int | None) -> int:
        self.asked.append((url, source))
        await asyncio.sleep(0)
        if url in self.down:
            raise EchoFailed("connection refused", reached=False)
        if url in self.answers:
            return self.answers[url]
        if source is not None and self.bad(source):
            raise EchoFailed("no answer within 5 s", reached=False)
        return source or 1


@dataclass
class World:
    """An engine and everything around it."""

    engine: Engine
    store: SqliteStore
    clock: HandClock
    watch: HandWatch
    reach: HandReach
    echo: HandEcho
    caller: Caller = field(default=Caller("test", frozenset(Scope)))

    def __post_init__(self) -> None:
        self._changed = self.engine._core.changed.listen()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Let the engine's tasks run until `condition` holds; fails after so long that they must hang."""
        async with asyncio.timeout(PATIENCE):
            while not condition():
                self._changed.clear()
                # Not everything that tests wait for is a change that the engine tells of.
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK):
                        await self._changed.wait()

    async def filled(self) -> None:
        await self.until(lambda: self.engine.state().pool.idle >= self.engine.settings.pool.usable_num)

    async def event(self, kind: str) -> Event:
        """Wait for the one event of this kind."""
        with self.engine.news.subscribe() as news:
            async with asyncio.timeout(PATIENCE):
                while True:
                    page = await self.engine.events(0, 1_000)
                    found = [event for event in page.events if event.kind == kind]
                    if found:
                        assert len(found) == 1
                        return found[0]
                    await news.next()


def host_prefix(text: str, *, deprecated: bool = False, interface: str = "up0", on_link: bool = True) -> HostPrefix:
    network, length = parse_prefix(text)
    return HostPrefix(
        network=network,
        length=length,
        interface=interface,
        source="interface",
        on_link=on_link,
        address=network | 2,
        deprecated=deprecated,
    )


@pytest.fixture
def prefix() -> Callable[..., HostPrefix]:
    """Make what the kernel says of a prefix."""
    return host_prefix


@pytest.fixture
def settings() -> Settings:
    return Settings(
        pool=PoolSettings(usable_num=5, lease_ttl=100.0, tokenless_ttl=300.0, bad_cooldown=50.0),
        check=CheckSettings(urls=(URL, OTHER_URL), timeout=1.0, probe=0.0),
    )


@pytest.fixture
async def world(settings: Settings, tmp_path: Path) -> AsyncIterator[World]:
    """A started engine without any prefix."""
    clock, echo = HandClock(), HandEcho()
    watch, reach = HandWatch(clock), HandReach(clock)
    store = await SqliteStore.open(tmp_path / "engine.db")
    engine = Engine(settings, store=store, watch=watch, reach=reach, doctor=HandDoctor(), clock=clock, echo=echo)
    await engine.start()
    yield World(engine, store, clock, watch, reach, echo)
    await engine.stop()
    await store.close()


@pytest.fixture
async def filled(world: World, prefix: Callable[..., HostPrefix]) -> World:
    """An engine with 2001:db8:0:1::/64 and a full pool."""
    world.watch.show(prefix("2001:db8:0:1::/64"))
    await world.filled()
    return world
