"""Whether an engine with ten million addresses and a thousand mirrors starts, answers and can be watched.

    sudo python benchmarks/scale.py [--addresses 10000000] [--mirrors 1000] [--touched 200] [--rounds 5] [--keep FOLDER]

The engine, its store and its sockets are the real ones; it runs in a network namespace that ends with the run. What it
would have committed is written straight into its database (a minute or two for ten million), half of the rest of the time is
its start. Each mirror has used TOUCHED addresses: some are leased, some bad, the others idle again.

How to read it: "start" is from the command to the first pick, imports included. Every request is asked ROUNDS times over
the Unix socket and told as the median; "picks meanwhile" is the slowest of the picks that were asked a hundred times a second
while all those requests were made one after the other, so what holds the engine's loop up shows there. The console is a real
one on a pseudo-terminal. With --keep the database is written once and used again by the next run with the same numbers.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import json
import random
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv6Network
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import console, idle
from benchmarks.place import enter, site
from benchmarks.row import Row, show
from ipv6console.pool.change import Change, MirrorRecorded, PrefixRecorded, UsageRecorded
from ipv6console.pool.columns import AddressColumns
from ipv6console.store.database import SqliteStore
from ipv6console.store.schema import PACKED, TRIGGERS
from tests.faults.place import PORT, PREFIX, SITE, write_config

START_WITHIN = 300.0
AIMS: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "/state": (50, 200, ("/state", "/health")),
    "/stats": (5, 20, ("/stats", "/stats of a mirror")),
    "/metrics": (200, 500, ("/metrics",)),
    "/addresses, a page": (100, 500, ("/addresses, first page", "/addresses, in the middle")),
    "/addresses of a mirror": (100, 500, ("/addresses of a mirror", "/addresses idle in a mirror")),
    "/addresses of a prefix": (
        2_000,
        5_000,
        ("/addresses of a /64", "/addresses of a /76", "/addresses of the prefix"),
    ),
    "/plan": (100, 500, ("/plan to revoke a /64", "/plan to flush all")),
}
"""What rows are about, target and least in milliseconds, and which requests they are the slowest of."""
AT_ONCE = 64 * PACKED
NETWORK = IPv6Network(PREFIX)
SUBNETS = 1 << (64 - NETWORK.prefixlen)
"""The /64s of the prefix: what the addresses are spread over."""
STORED = "scale.json"


def prepare(path: Path, addresses: int, mirrors: int, touched: int) -> None:
    """Write what an engine would have committed."""
    asyncio.run(_prepare_rest(path, mirrors))
    _prepare_addresses(path, addresses)
    asyncio.run(_prepare_usage(path, addresses, mirrors, touched))


async def _prepare_rest(path: Path, mirrors: int) -> None:
    network, now = int(NETWORK.network_address), time.time()
    changes: list[Change] = [
        PrefixRecorded(1, network, NETWORK.prefixlen, "", "static", "active", now - 86_400.0, now - 86_400.0)
    ]
    changes += [
        MirrorRecorded(number + 1, f"mirror-{number}", now - 3_600.0, draining=False) for number in range(mirrors)
    ]
    store = await SqliteStore.open(path)
    await store.commit(changes)
    await store.close()


def _prepare_addresses(path: Path, addresses: int) -> None:
    chance, now = random.Random(7), time.time() - 3_600.0
    high = int(NETWORK.network_address) >> 64
    base = sqlite3.connect(path, isolation_level=None)
    for pragma in ("synchronous = OFF", "cache_size = -4000000", "locking_mode = EXCLUSIVE"):
        base.execute(f"PRAGMA {pragma}")
    names = [text.split()[2] for text in TRIGGERS]
    base.execute("BEGIN")
    for name in names:
        base.execute(f"DROP TRIGGER {name}")
    for start in range(0, addresses, AT_ONCE):
        ids = range(start, min(start + AT_ONCE, addresses))
        packed = [
            (high | chance.randrange(SUBNETS)).to_bytes(8, "big") + (chance.getrandbits(63) << 1 | 1).to_bytes(8, "big")
            for _ in ids
        ]
        base.executemany(
            "INSERT INTO address VALUES (?, 1, ?, ?)",
            ((number, socket.inet_ntop(socket.AF_INET6, one), now) for number, one in zip(ids, packed, strict=True)),
        )
        for block in range(0, len(ids) - len(ids) % PACKED, PACKED):
            columns, end = AddressColumns(), block + PACKED
            columns.extend(ids[block:end], [1] * PACKED, packed[block:end], [now] * PACKED)
            base.execute("INSERT INTO address_block VALUES (?, ?)", (ids[block] // PACKED, columns.pack()))
    for text in TRIGGERS:
        base.execute(text)
    base.execute("COMMIT")
    base.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    base.close()


async def _prepare_usage(path: Path, addresses: int, mirrors: int, touched: int) -> None:
    now = time.time()
    store = await SqliteStore.open(path)
    for mirror in range(1, mirrors + 1):
        changes: list[Change] = []
        # Every mirror begins with the oldest addresses, so many of them have used the same.
        for row in range(min(addresses, touched)):
            kind = (row + mirror) % 4
            status = ("using", "bad", "idle", "idle")[kind]
            token, holder = (f"{mirror:x}-{row:x}-{row:016x}", "scraper") if kind == 0 else (None, None)
            until = now + 86_000.0 if kind < 2 else None
            changes.append(
                UsageRecorded(mirror, row, status, token, holder, now - 60.0, until, False, int(kind == 1), 3)
            )
        await store.commit(changes)
    await store.close()


@dataclass
class Asked:
    """Milliseconds that requests took, by what they ask for."""

    found: dict[str, list[float]] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)


class Client:
    """One keep-alive connection to the engine's socket."""

    def __init__(self, path: Path) -> None:
        self._connection = http.client.HTTPConnection("localhost", timeout=START_WITHIN)
        self._connection.sock = socket.socket(socket.AF_UNIX)
        self._connection.sock.settimeout(START_WITHIN)
        self._connection.sock.connect(str(path))

    def ask(self, method: str, path: str, document: object = None) -> bytes:
        body = None if document is None else json.dumps(document)
        self._connection.request(method, path, body, {"Content-Type": "application/json"} if body else {})
        answer = self._connection.getresponse()
        told = answer.read()
        if answer.status != http.client.OK:
            raise SystemExit(f"{method} {path}: {answer.status} {told[:300]!r}")
        return told


def requests(client: Client, addresses: int) -> list[tuple[str, str, str, object]]:
    """Return what is asked: what it is called, method, path, document."""
    subnet = IPv6Network((int(NETWORK.network_address) + (SUBNETS // 2 << 64), 64))
    few = IPv6Network((int(subnet.network_address), 76))
    return [
        ("/state", "GET", "/state", None),
        ("/health", "GET", "/health", None),
        ("/stats", "GET", "/stats", None),
        ("/stats of a mirror", "GET", "/stats?dbname=mirror-500", None),
        ("/metrics", "GET", "/metrics", None),
        ("/leases", "GET", "/leases?limit=100", None),
        ("/leases of a mirror", "GET", "/leases?dbname=mirror-500&limit=100", None),
        ("/addresses, first page", "GET", "/addresses?limit=1000", None),
        ("/addresses, in the middle", "GET", f"/addresses?limit=1000&cursor={addresses // 2}", None),
        ("/addresses of a /64", "GET", f"/addresses?limit=100&prefix={subnet}", None),
        ("/addresses of a /76", "GET", f"/addresses?limit=100&prefix={few}", None),
        ("/addresses of the prefix", "GET", f"/addresses?limit=100&prefix={NETWORK}", None),
        ("/addresses, one", "GET", f"/addresses?limit=100&prefix={subnet.network_address + 1}/128", None),
        ("/addresses of a mirror", "GET", "/addresses?limit=100&dbname=mirror-500", None),
        ("/addresses idle in a mirror", "GET", "/addresses?limit=100&dbname=mirror-500&state=idle", None),
        ("/addresses idle of a /64", "GET", f"/addresses?limit=100&dbname=mirror-500&state=idle&prefix={subnet}", None),
        ("/addresses bad in a mirror", "GET", "/addresses?limit=100&dbname=mirror-500&state=bad", None),
        ("/addresses/changes", "GET", "/addresses/changes", None),
        ("/history", "GET", "/history?limit=100&dbname=mirror-500", None),
        ("/plan to revoke a /64", "POST", "/plan", {"action": "revoke-prefix", "prefix": str(subnet)}),
        ("/plan to flush all", "POST", "/plan", {"action": "flush-pool"}),
    ]


class Picks(threading.Thread):
    """A scraper that picks and gives back a hundred times a second, and notes how long the slowest pick took."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._client = Client(path)
        self._end = threading.Event()
        self.took: list[tuple[float, float]] = []
        self.count = 0

    def run(self) -> None:
        due = time.perf_counter()
        while not self._end.wait(max(0.0, due - time.perf_counter())):
            told = json.loads(self._client.ask("GET", "/pick?dbname=mirror-500"))
            self.took.append((due, time.perf_counter() - due))
            report = {"addr": told["addr"], "status": "idle", "lease": told["lease"]}
            self._client.ask("POST", "/report", {"dbname": "mirror-500", "report_info": report})
            due = max(due + 0.01, time.perf_counter())

    def stop(self) -> None:
        self._end.set()
        self.join()


def config(folder: Path, addresses: int, mirrors: int) -> Path:
    path = folder / "config.toml"
    write_config(
        path,
        {
            "engine": {"socket": str(folder / "engine.sock"), "state_dir": str(folder / "state")},
            "pool": {"usable_num": 20, "max_total": 2 * addresses, "max_mirrors": 2 * mirrors},
            "check": {"urls": [f"http://[{SITE}]:{PORT}/ip"]},
            "network": {"ndp": "routed", "prefixes": [PREFIX]},
        },
    )
    return path


@contextmanager
def engine(folder: Path, path: Path) -> Iterator[tuple[subprocess.Popen[bytes], float]]:
    """Run the engine; yields it and the seconds from the command to the first pick."""
    with (folder / "log").open("wb") as log:
        began = time.perf_counter()
        command = [sys.executable, "-m", "ipv6console", "serve", "--config", str(path)]
        process = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            yield process, first_pick(process, folder, began)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


def first_pick(process: subprocess.Popen[bytes], folder: Path, began: float) -> float:
    while True:
        try:
            told = json.loads(Client(folder / "engine.sock").ask("GET", "/pick?dbname=mirror-0&ttl=60"))
        except OSError:
            if process.poll() is not None or time.perf_counter() - began > START_WITHIN:
                sys.exit(f"the engine did not start:\n{(folder / 'log').read_text()[-3_000:]}")
            time.sleep(0.01)
        else:
            if not told["success"]:
                sys.exit(f"nothing was picked: {told}")
            return time.perf_counter() - began


def settled(process: subprocess.Popen[bytes], seconds: float = 120.0) -> float:
    """Wait until the engine has done what its start put off; return how long that took, in seconds."""
    began = time.monotonic()
    before = idle.seconds_run(process.pid)
    while time.monotonic() - began < seconds:
        time.sleep(2.0)
        now = idle.seconds_run(process.pid)
        if now - before < 0.6:
            break
        before = now
    return time.monotonic() - began


def measure(folder: Path, addresses: int, mirrors: int, rounds: int) -> bool:
    """Start the engine, ask it, watch it, and show the rows."""
    what = f"{addresses:,} addresses, {mirrors:,} mirrors"
    rows: list[Row] = []
    with engine(folder, config(folder, addresses, mirrors)) as (process, started):
        print(f"first pick after {started:.2f} s; {idle.resident(process.pid):.0f} MB")
        picks = Picks(folder / "engine.sock")
        picks.start()
        rested = settled(process)
        worst = max(took for _, took in picks.took) * 1e3
        print(f"what the start put off was done {rested:.0f} s later; the slowest pick meanwhile {worst:.0f} ms")
        total = json.loads(Client(folder / "engine.sock").ask("GET", "/state"))["pool"]["total"]
        if total != addresses:
            sys.exit(f"the engine has {total:,} of {addresses:,} addresses")
        client, found = Client(folder / "engine.sock"), Asked()
        held: dict[str, float] = {}
        for name, method, path, document in requests(client, addresses):
            picks.took.clear()
            for _ in range(rounds):
                began = time.perf_counter()
                told = client.ask(method, path, document)
                found.found.setdefault(name, []).append((time.perf_counter() - began) * 1e3)
                found.sizes[name] = len(told)
            time.sleep(0.05)
            held[name] = max((took for _, took in picks.took), default=0.0) * 1e3
        for name, took in found.found.items():
            print(
                f"  {name:<32} {median(took):9.1f} ms  {found.sizes[name]:>10,} bytes  "
                f"slowest pick meanwhile {held[name]:7.1f} ms"
            )
        picks.stop()
        acts = AIMS["/plan"][-1]
        reads = {name: longest for name, longest in held.items() if name not in acts}
        before, resting = idle.seconds_run(process.pid), 5.0
        time.sleep(resting)
        share = (idle.seconds_run(process.pid) - before) / resting
        size = idle.resident(process.pid)
        print(f"left alone: {share:.1%} of a core, {size:,.0f} MB")
        rows += [
            Row(f"start to the first pick, {what}", 5.0, 20.0, started, "s"),
            Row(f"slowest pick meanwhile, what a start puts off, {what}", 50, 250, worst, "ms"),
            *(
                Row(f"{name}, {what}", target, least, max(median(found.found[one]) for one in among), "ms")
                for name, (target, least, among) in AIMS.items()
            ),
            Row(f"slowest pick beside these questions, {what}", 100, 500, max(reads.values()), "ms"),
            Row(f"slowest pick beside a plan to revoke, {what}", 100, 500, max(held[name] for name in acts), "ms"),
            Row(f"an engine left alone, share of a core, {what}", 2, 5, 100 * share, "%"),
            Row(f"memory of the engine, {what}", 1_000, 2_000, size, "MB"),
        ]
        rows += watched(folder, what)
    return show(rows)


def watched(folder: Path, what: str) -> list[Row]:
    """Attach a console: until it is live, and from the key to the pool's first addresses."""
    first = json.loads(Client(folder / "engine.sock").ask("GET", "/addresses?limit=200"))["addresses"]
    with console.console("attach", str(folder / "engine.sock")) as screen:
        live = screen.when("● live")
        pressed = time.perf_counter() - screen.began
        screen.press("2")
        opened = screen.when(*(row["addr"] for row in first)) - pressed
    return [
        Row(f"console attached and live, {what}", 1_200, 2_500, live * 1e3, "ms"),
        Row(f"key to the pool's table, {what}", 500, 2_000, opened * 1e3, "ms"),
    ]


def stored(folder: Path, addresses: int, mirrors: int, touched: int) -> None:
    """Write the database into the folder, unless the same is there."""
    wanted = {"addresses": addresses, "mirrors": mirrors, "touched": touched}
    note, state = folder / STORED, folder / "state"
    if note.exists() and json.loads(note.read_text()) == wanted:
        return
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(mode=0o700, parents=True)
    began = time.perf_counter()
    prepare(state / "engine.db", addresses, mirrors, touched)
    note.write_text(json.dumps(wanted))
    size = (state / "engine.db").stat().st_size / 1e6
    print(f"{addresses:,} addresses written in {time.perf_counter() - began:.0f} s, {size:,.0f} MB")


def main() -> None:
    """Build the host, measure, and take it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--addresses", type=int, default=10_000_000)
    parser.add_argument("--mirrors", type=int, default=1_000)
    parser.add_argument("--touched", type=int, default=200, help="addresses that each mirror has used (200)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each request is made (5)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where to keep the database for another run")
    given = parser.parse_args()
    enter()
    peer = idle.upstream()
    with site(), tempfile.TemporaryDirectory() as name:
        folder = given.keep or Path(name)
        folder.mkdir(exist_ok=True)
        try:
            stored(folder, given.addresses, given.mirrors, given.touched)
            good = measure(folder, given.addresses, given.mirrors, given.rounds)
        finally:
            peer.kill()
            peer.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
