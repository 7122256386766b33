"""The composition root: joins engine, host, store and API into the engine process."""

from __future__ import annotations

import asyncio
import logging
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import uvloop

from ipv6console.api.server import require_token, run
from ipv6console.config import PoolSettings, Settings
from ipv6console.engine.clock import BootClock
from ipv6console.engine.engine import Engine
from ipv6console.engine.protocol import Delegations
from ipv6console.integrations.partners import registry, sessions
from ipv6console.linux.delegations import KeaLeases, RoutedDelegations
from ipv6console.linux.doctor import HostDoctor
from ipv6console.linux.netlink import Netlink
from ipv6console.linux.reach import HostReach
from ipv6console.linux.watch import KernelWatch
from ipv6console.listen import listeners
from ipv6console.notify.carriers import carriers
from ipv6console.paths import state_dir
from ipv6console.store.database import SqliteStore
from ipv6console.succession import ENDS, Succession, listen_to_ends

DETACH = b"detach"
DATABASE = "engine.db"
FILES = 65_536
log = logging.getLogger("ipv6console")


def main(settings: Settings, sockets: Sequence[socket.socket], *, tie: int | None = None) -> None:
    """Run the engine until SIGTERM, SIGINT or the end of the tie; raises StoreError or OSError when it cannot start.

    SIGUSR2 makes this process its own successor, on the same sockets.

    `tie` is the reading end of a pipe from the console that started this process: its end stops the engine, unless
    DETACH came first.
    """
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(message)s")
    logging.getLogger("ipv6console").setLevel(logging.DEBUG if settings.engine.verbose else logging.INFO)
    _take_files()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(settings, sockets, tie=tie))


async def serve(settings: Settings, sockets: Sequence[socket.socket], *, tie: int | None = None) -> None:
    """Run the engine on the running loop until it is told to stop."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    succession = Succession(sockets, tie)

    def end(number: int = signal.SIGTERM) -> None:
        succession.end(number)
        stop.set()

    for number in ENDS:
        loop.add_signal_handler(number, end, number)
    listen_to_ends()
    try:
        if tie is not None:
            _Tie(tie, end, succession.untie).watch(loop)
        folder = state_dir(settings.engine.state_dir)
        async with AsyncExitStack() as stack:
            engine = await _compose(settings, folder, stack)
            # Before anything on the host is touched; tokens are in the store.
            await engine.open()
            require_token(engine, sockets)
            stack.push_async_callback(lambda: engine.stop(leave=succession.leaving()))
            await engine.start()
            engine.listening(listeners(sockets))
            succession.watch(loop, stop, engine.stay)
            await run(engine, sockets, settings, stop=stop)
        if succession.wanted:
            succession.take_over()
    finally:
        succession.let_go()


async def _compose(settings: Settings, folder: Path, stack: AsyncExitStack) -> Engine:
    store = await SqliteStore.open(folder / DATABASE)
    stack.push_async_callback(store.close)
    clock = BootClock()
    await _carry_over(store, clock, settings.pool)
    netlink = Netlink()
    stack.push_async_callback(netlink.close)
    watch = KernelWatch(settings.network, netlink)
    reach = HostReach(settings.network, folder, netlink)

    async def prove(source: int) -> tuple[bool, str]:
        return await engine.prove(source)

    doctor = HostDoctor(settings.network, folder, netlink, reach, prove)
    ipam = await stack.enter_async_context(registry(settings))
    engine = Engine(
        settings,
        store=store,
        watch=watch,
        reach=reach,
        doctor=doctor,
        clock=clock,
        state_dir=str(folder),
        lab=os.environ.get("IPV6CONSOLE_LAB"),
        carriers=carriers(settings.notify),
        registry=ipam,
        sessions=sessions(settings),
        delegations=_delegations(settings, netlink),
    )
    return engine


def _delegations(settings: Settings, netlink: Netlink) -> list[Delegations]:
    found: list[Delegations] = [RoutedDelegations(netlink)]
    if settings.lifecycle.kea_leases:
        found.append(KeaLeases(Path(settings.lifecycle.kea_leases)))
    return found


def _take_files() -> None:
    """Raise the limit of open files, as the service has it: every scraper keeps a connection, and shells allow 1,024."""
    now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    # Not beyond what is useful: some programs that are started from here close every file there could be, one by one.
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, FILES)), most))


async def _carry_over(store: SqliteStore, clock: BootClock, pool: PoolSettings) -> None:
    """Let what the engine before left running keep its length, though the wall clock was set meanwhile."""
    longest = max(pool.lease_ttl, pool.tokenless_ttl, pool.bad_cooldown_max)
    jump = await store.carry_over(clock.era(), clock.now(), longest)
    if jump:
        log.warning(
            "the wall clock was set by %+.1f s since the last start; leases and cool-downs keep their length", jump
        )


class _Tie:
    """The pipe to the console that started this engine."""

    def __init__(self, descriptor: int, end: Callable[[], None], left: Callable[[], None]) -> None:
        self._descriptor = descriptor
        self._end = end
        self._left = left
        self._said = b""

    def watch(self, loop: asyncio.AbstractEventLoop) -> None:
        os.set_blocking(self._descriptor, False)
        loop.add_reader(self._descriptor, self._readable, loop)

    def _readable(self, loop: asyncio.AbstractEventLoop) -> None:
        data = os.read(self._descriptor, 64)
        self._said += data
        if self._said == DETACH:
            log.info("the console left; the engine stays")
        elif data:
            return
        else:
            log.info("the console ended; stopping")
            self._end()
        loop.remove_reader(self._descriptor)
        self._left()
        os.close(self._descriptor)
