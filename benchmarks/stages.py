"""Where the time of a pick and a report goes inside the engine: microseconds of a core for each stage of a request.

    python benchmarks/stages.py [--rounds 9] [--connections 16] [--pool 200]

The hot path, the engine's rules and the store are the real ones, in one process, without sockets: what a request takes beyond
their sum in benchmarks/cycle.py is uvloop's and the kernel's. Each connection picks and then reports what it was given, as
there. A stage's share is by clocks around it, the whole by the core's time without them.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any, cast

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import uvicorn
import uvloop
from uvicorn.server import ServerState

from ipv6console.api.access import Access
from ipv6console.api.hot import HotHttp
from ipv6console.api.limits import LIMITS
from ipv6console.config import Settings
from ipv6console.engine.clock import BootClock
from ipv6console.engine.core import Core
from ipv6console.engine.leasing import Leasing
from ipv6console.store import writer
from ipv6console.store.database import SqliteStore

PREFIX = 0x2001_0DB8_0000_0001 << 64
CYCLES = 100
PICK = b"GET /pick?dbname=task1 HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n\r\n"
REPORT = b"POST /report HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
STAGES: tuple[tuple[Any, str, str], ...] = (
    (HotHttp, "data_received", "reading"),
    (Leasing, "decide_pick", "deciding"),
    (Leasing, "decide_report", "deciding"),
    (Leasing, "carry_out", "handing to the store"),
    (writer.Writer, "_commit", "transactions"),
    (writer, "write_changes", "writing rows"),
    (writer.Writer, "_shorten_log", "copying the log into the file"),
    (HotHttp, "_settled", "answering"),
)


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self, sock: socket.socket) -> None:
        super().__init__({"socket": sock})
        self.written: list[bytes] = []

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return False

    def resume_reading(self) -> None:
        """Reading was never paused."""


class Bench:
    """Connections to an engine without sockets."""

    def __init__(self, core: Core, connections: int) -> None:
        state = SimpleNamespace(
            engine=SimpleNamespace(leasing=Leasing(core), traffic=core.traffic),
            access=Access(core.settings.engine),
            stop=asyncio.Event(),
            limits=LIMITS,
        )
        app = cast("Any", SimpleNamespace(state=state))
        config = uvicorn.Config(app, lifespan="off", interface="asgi3", log_config=None, access_log=False, ws="none")
        config.load()
        config.loaded_app = app
        server = ServerState()
        server.default_headers = [(b"date", b"Sun, 22 Nov 2026 01:00:00 GMT")]
        self._sock, self._other = socket.socketpair()
        self._wires: list[tuple[HotHttp, Wire]] = []
        for _ in range(connections):
            protocol, wire = HotHttp(config, server, {}), Wire(self._sock)
            protocol.connection_made(wire)
            self._wires.append((protocol, wire))

    async def run(self, cycles: int) -> None:
        """Let every connection pick and report so often."""
        for _ in range(cycles):
            answers = await self._said([PICK] * len(self._wires))
            addresses = (json.loads(answer.partition(b"\r\n\r\n")[2])["addr"] for answer in answers)
            bodies = [
                b'{"dbname":"task1","report_info":{"addr":"%s","status":"idle"}}' % address.encode()
                for address in addresses
            ]
            await self._said([REPORT % (len(body), body) for body in bodies])

    async def _said(self, requests: list[bytes]) -> list[bytes]:
        for (protocol, _), request in zip(self._wires, requests, strict=True):
            protocol.data_received(request)
        while not all(wire.written for _, wire in self._wires):  # noqa: ASYNC110 - nobody is told of it
            await asyncio.sleep(0)
        return [wire.written.pop() for _, wire in self._wires]

    def close(self) -> None:
        """Let go of the sockets that stand for all."""
        self._sock.close()
        self._other.close()


class Watch:
    """Clocks around functions: the time of the core that each spends itself, and not in another that is watched."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._here = threading.local()

    def put_around(self, place: Any, name: str, stage: str) -> None:
        """Count the time of one function for a stage."""
        function: Callable[..., Any] = getattr(place, name)

        @functools.wraps(function)
        def timed(*given: Any, **named: Any) -> Any:
            outer: float = getattr(self._here, "inner", 0.0)
            self._here.inner = 0.0
            began = time.thread_time()
            try:
                return function(*given, **named)
            finally:
                took = time.thread_time() - began
                self.seconds[stage] = self.seconds.get(stage, 0.0) + took - self._here.inner
                self._here.inner = outer + took

        setattr(place, name, timed)


async def measure(folder: Path, connections: int, addresses: int, rounds: int) -> None:
    """Print the whole, then its parts."""
    store = await SqliteStore.open(folder / "engine.db")
    core = Core(Settings(), store, BootClock())
    await core.open()
    prefix, change = core.pool.admit(PREFIX, 64, interface="up0", source="interface", now=core.clock.now())
    added = (core.pool.add(PREFIX + 7_919 * number + 1, prefix, core.clock.now()) for number in range(addresses))
    await core.commit(change, *added)
    bench = Bench(core, connections)
    await bench.run(CYCLES)
    requests = 2 * connections * CYCLES
    whole: list[float] = []
    for _ in range(rounds):
        began = time.process_time()
        await bench.run(CYCLES)
        whole.append((time.process_time() - began) / requests * 1e6)
    watch = Watch()
    for place, name, stage in STAGES:
        watch.put_around(place, name, stage)
    bench.close()
    bench = Bench(core, connections)
    await bench.run(CYCLES)
    watch.seconds.clear()
    for _ in range(rounds):
        await bench.run(CYCLES)
    print(f"{median(whole):6.1f} us of a core a request, the one who asks included, of which about")
    for stage, seconds in watch.seconds.items():
        print(f"{seconds / (rounds * requests) * 1e6:6.1f} us {stage}")
    bench.close()
    await store.close()


def main() -> None:
    """Measure in a folder that goes afterwards."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=9, help="how often (9)")
    parser.add_argument("--connections", type=int, default=16, help="connections side by side (16)")
    parser.add_argument("--pool", type=int, default=200, help="addresses in the pool (200)")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        uvloop.run(measure(Path(name), given.connections, given.pool, given.rounds))


if __name__ == "__main__":
    main()
