"""The engine behind its server, and clients for each listener."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path
from types import MappingProxyType
from typing import Any

import anyio
import httpx

from ipv6console.api.limits import Limits
from ipv6console.api.peer import program_name
from ipv6console.api.server import run
from ipv6console.config import EngineSettings, PoolSettings, Settings
from ipv6console.engine.caller import Caller, Scope
from ipv6console.engine.echo import EchoFailed
from ipv6console.engine.engine import Engine
from ipv6console.engine.protocol import Carrier, HostPrefix, HostView, Reachability
from ipv6console.listen import bind, listeners, remove_socket_file
from ipv6console.store.database import SqliteStore
from ipv6console.wire.doctor import DoctorReport, DoctorStep
from ipv6console.wire.ndp import NdpConfig
from ipv6console.wire.status import Level, Stamp

NETWORK = int(IPv6Address("2001:db8:0:1::"))
PREFIX = "2001:db8:0:1::/64"
TESTER = Caller("test", frozenset(Scope))
OURSELVES = (
    f"pid {os.getpid()} uid {os.getuid()} "
    + program_name(Path("/proc/self/cmdline").read_bytes().rstrip(b"\0").decode().split("\0"))
).rstrip()
"""This process as a peer of a Unix socket."""


class Kernel:
    """Stands in for netlink, routes and the doctor: one on-link prefix for ever."""

    def __init__(self) -> None:
        self.prefix = HostPrefix(network=NETWORK, length=64, interface="eth0", source="interface", on_link=False)

    async def view(self) -> HostView:
        return HostView(stamp=Stamp(0.0, "test"), prefixes=(self.prefix,))

    async def views(self) -> AsyncIterator[HostView]:
        yield await self.view()
        await asyncio.Event().wait()

    async def announce(self, prefix: HostPrefix) -> None:
        pass

    async def withdraw(self, network: int, length: int) -> None:
        pass

    async def withdraw_all(self) -> None:
        pass

    async def leave(self) -> None:
        pass

    def answers_singly(self) -> bool:
        return True

    async def answer_for(self, added: Sequence[int]) -> None:
        pass

    async def stop_answering(self, removed: Sequence[int]) -> None:
        pass

    async def answer_only(self, addresses: Sequence[int]) -> None:
        pass

    async def inspect(self) -> tuple[Reachability, ...]:
        return ()

    async def changes(self) -> AsyncIterator[None]:
        await asyncio.Event().wait()
        yield

    async def config(self, network: int, length: int) -> NdpConfig | None:
        if (network, length) != (NETWORK, 64):
            return None
        text = "the prefix is routed: nothing has to answer for it"
        return NdpConfig(prefix=PREFIX, strategy="routed", path=None, wanted=None, found=None, diff=(), text=text)

    def privileged(self) -> bool:
        return True

    async def examine(self, prefix: HostPrefix | None) -> DoctorReport:
        return DoctorReport(
            at=0.0,
            prefix=PREFIX,
            interface="eth0",
            verdict="routed",
            steps=(DoctorStep(name="interface", level=Level.OK, text="eth0 is up"),),
        )


@dataclass
class Echo:
    """Stands in for the check URLs: sees every source but those in `unreachable`."""

    unreachable: set[int] = field(default_factory=set)

    async def ask(self, url: str, source: int | None) -> int:
        if source in self.unreachable:
            raise EchoFailed("no route", reached=False)
        return NETWORK + 1 if source is None else source


class Register(logging.Handler):
    """Knows how many watch, from the server's own log."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0
        self._changed = asyncio.Event()

    def emit(self, record: logging.LogRecord) -> None:
        if record.levelno == logging.INFO and isinstance(record.args, tuple):
            self.count = int(str(record.args[-1]))
            self._changed.set()

    async def reaches(self, count: int) -> None:
        with anyio.fail_after(10):
            while self.count != count:
                self._changed.clear()
                await self._changed.wait()


@dataclass
class Service:
    """A served engine; `over_*` give a client of one listener. `tokens` has the secrets by name."""

    engine: Engine
    echo: Echo
    path: Path
    stop: asyncio.Event
    task: asyncio.Task[None]
    ports: tuple[int, ...]
    register: Register
    tokens: Mapping[str, str]

    def over_ipv4(self, **headers: str) -> httpx.AsyncClient:
        return self._client(f"http://127.0.0.1:{self.ports[0]}", headers)

    def over_ipv6(self, **headers: str) -> httpx.AsyncClient:
        return self._client(f"http://[::1]:{self.ports[1]}", headers)

    def over_unix(self, **headers: str) -> httpx.AsyncClient:
        return self._client("http://localhost", headers, httpx.AsyncHTTPTransport(uds=str(self.path)))

    def raw(self) -> socket.socket:
        """Return a connected blocking socket, for bytes no client library would send."""
        return socket.create_connection(("127.0.0.1", self.ports[0]), timeout=10)

    @staticmethod
    def _client(
        base: str, headers: dict[str, str], transport: httpx.AsyncHTTPTransport | None = None
    ) -> httpx.AsyncClient:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(base_url=base, headers=named, transport=transport, trust_env=False, timeout=10)


def settings_in(folder: Path, **engine: Any) -> Settings:
    """Return settings with both loopbacks on free ports and the Unix socket in `folder`."""
    listening = {"listen": ("127.0.0.1:0", "[::1]:0"), "socket": str(folder / "engine.sock")}
    return Settings(engine=EngineSettings(**(listening | engine)), pool=PoolSettings(usable_num=8))


@asynccontextmanager
async def serving(
    settings: Settings,
    directory: Path,
    limits: Limits,
    *,
    tokens: Mapping[str, str] = MappingProxyType({}),
    carriers: Sequence[Carrier] = (),
    **partners: Any,
) -> AsyncIterator[Service]:
    """Run an engine with eight addresses or more, and its server, for the length of the block.

    `tokens` are made before it serves: scopes by name. `partners` are registries, sessions and delegations.
    """
    kernel, echo = Kernel(), Echo()
    store = await SqliteStore.open(directory / "engine.db")
    engine = Engine(
        settings, store=store, watch=kernel, reach=kernel, doctor=kernel, echo=echo, carriers=carriers, **partners
    )
    await engine.start()
    secrets = {name: (await engine.create_token(name, scope, TESTER)).token for name, scope in tokens.items()}
    sockets = bind(settings.engine)
    engine.listening(listeners(sockets))
    path = Path(settings.engine.socket)
    register, log = Register(), logging.getLogger("ipv6console.api.watcher")
    log.addHandler(register)
    log.setLevel(logging.INFO)
    stop = asyncio.Event()
    ports = tuple(sock.getsockname()[1] for sock in sockets[:-1])
    task = asyncio.create_task(run(engine, sockets, settings, stop=stop, limits=limits))
    await engine.spawn(8, TESTER)
    try:
        yield Service(engine, echo, path, stop, task, ports, register, secrets)
    finally:
        stop.set()
        try:
            await task
        finally:
            await engine.stop()
            await store.close()
            remove_socket_file(path)
            log.removeHandler(register)
            log.setLevel(logging.NOTSET)
