"""Pick and report over keep-alive connections, against what answers the same or less: one table of ratios.

    sudo python benchmarks/cycle.py [--rounds 5] [--seconds 3] [--pool 200]

Rivals, interleaved in every round: a bare protocol on httptools that does it in memory (benchmarks/rival.py), nginx that
answers `return 200` (Debian's nginx-light), and this engine with `hot_path = false`, that is through FastAPI. The engine
is the real one with its whole API and its store. The load comes from benchmarks/loadgen.c, compiled by cc; servers have
the first core, it has the last one. Runs in a network namespace of its own, which ends with it.

A figure is the median over the rounds of a round's ratio; the time a request takes of the server's core is told besides.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks import idle
from benchmarks.place import FILL_WITHIN, enter, settings, site
from benchmarks.row import Row, show

CONNECTIONS = {"process": 16, "power": 64}
BARE, NGINX = 21_001, 21_002
PATIENCE = 30.0
HERE = Path(__file__).resolve().parent
FIRST, LAST = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))

NGINX_CONFIG = """
worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off; keepalive_requests 100000000; default_type application/json;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; location / {{ return 200 '{answer}'; }} }}
}}
"""
ANSWER = '{"success":true,"addr":"2001:db8:1:0:1:2:aaaa:3","dbname":"$arg_dbname"}'


@dataclass(frozen=True)
class Server:
    """A server under load: its process, where it listens, and what the load asks for."""

    name: str
    pid: int
    target: str
    mode: str = "cycle"


@dataclass(frozen=True)
class Load:
    """What one run of the load saw: requests a second, microseconds of the server's core for each, its slowest percent."""

    rate: float
    cost: float
    p99: float


def compiled(folder: Path) -> Path:
    """Return the load generator, compiled."""
    program = folder / "loadgen"
    if shutil.which("cc") is None:
        sys.exit("the load generator is in C and there is no cc: apt-get install gcc libc6-dev")
    subprocess.run(["cc", "-O2", "-o", program, HERE / "loadgen.c"], check=True)
    return program


@contextmanager
def running(command: Sequence[str | Path], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server on the first core until the block ends."""
    with log.open("wb") as told:
        process = subprocess.Popen(
            ["taskset", "-c", str(FIRST), *command], stdout=told, stderr=told, env={**os.environ, **environment}
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def listening(target: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a port of this host takes connections."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            socket.create_connection(("127.0.0.1", int(target.partition(":")[2])), 1).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"{target} does not answer: {log.read_text()}")
            time.sleep(0.05)
        else:
            return


@contextmanager
def engine(folder: Path, count: int, port: int, durability: str, *, hot: bool) -> Iterator[Server]:
    """Run the engine with a filled pool."""
    folder.mkdir()
    config, log = settings(folder, "routed", count), folder / "log"
    extra = {"IPV6CONSOLE_ENGINE_HOT_PATH": str(hot).lower(), "IPV6CONSOLE_POOL_DURABILITY": durability}
    command = [sys.executable, "-m", "ipv6console", "serve", "--config", config, "--port", str(port)]
    with running(command, log, **extra) as process:
        until = time.monotonic() + FILL_WITHIN
        while (now := idle.state(folder)) is None or now["pool"]["idle"] < count:
            if process.poll() is not None or time.monotonic() > until:
                sys.exit(f"the pool did not fill: {now and now['pool']}\n{log.read_text()}")
            time.sleep(0.2)
        yield Server("the engine" if hot else "FastAPI routes", process.pid, f"tcp:{port}")


@contextmanager
def bare(folder: Path, count: int) -> Iterator[Server]:
    """Run the protocol on httptools."""
    command = [sys.executable, HERE / "rival.py", str(BARE), str(count)]
    with running(command, log := folder / "bare.log") as process:
        listening(f"tcp:{BARE}", process, log)
        yield Server("bare httptools", process.pid, f"tcp:{BARE}")


@contextmanager
def nginx(folder: Path) -> Iterator[Server]:
    """Run nginx, which has nothing to keep, so that a pick is all that is asked of it."""
    program = shutil.which("nginx")
    if program is None:
        sys.exit("nginx is not here to be measured against: apt-get install --no-install-recommends nginx-light")
    (folder / "nginx.conf").write_text(NGINX_CONFIG.format(folder=folder, port=NGINX, answer=ANSWER))
    with running([program, "-p", folder, "-c", folder / "nginx.conf"], log := folder / "nginx.log") as process:
        listening(f"tcp:{NGINX}", process, log)
        yield Server("nginx return 200", process.pid, f"tcp:{NGINX}", "pick")


def loaded(program: Path, server: Server, connections: int, seconds: float) -> Load:
    """Put one server under load from the last core."""
    before = sum(map(idle.seconds_run, idle.family(server.pid)))
    command = ["taskset", "-c", str(LAST), program, server.target, str(connections), str(seconds), server.mode, "task1"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    ran = sum(map(idle.seconds_run, idle.family(server.pid))) - before
    if told["err"] or told["nulls"]:
        sys.exit(f"{server.name} failed {told['err']} requests and gave {told['nulls']} times no address")
    return Load(told["rps"], 1e6 * ran / (told["rps"] * seconds), told["p99"])


def compare(
    program: Path, servers: Sequence[Server], connections: int, rounds: int, seconds: float
) -> dict[str, list[Load]]:
    """Load all of them in turn, round for round."""
    for server in servers:
        loaded(program, server, connections, 0.5)
    found: dict[str, list[Load]] = {server.name: [] for server in servers}
    for number in range(rounds):
        for server in servers if number % 2 == 0 else reversed(servers):
            found[server.name].append(loaded(program, server, connections, seconds))
    return found


def ratio(ours: Sequence[Load], theirs: Sequence[Load]) -> float:
    """Return how many of their requests we answer in the time they take for one."""
    return median(one.rate / other.rate for one, other in zip(ours, theirs, strict=True))


def measure(folder: Path, count: int, rounds: int, seconds: float) -> bool:
    """Measure both durabilities and show the table."""
    program, rows = compiled(folder), []
    with bare(folder, count) as plain, nginx(folder) as web:
        for number, durability in enumerate(CONNECTIONS):
            connections, port = CONNECTIONS[durability], 16_100 + 10 * number
            with (
                engine(folder / f"{durability}-hot", count, port, durability, hot=True) as ours,
                engine(folder / f"{durability}-framework", count, port + 1, durability, hot=False) as slow,
            ):
                found = compare(program, (ours, plain, web, slow), connections, rounds, seconds)
            print(f"{connections} connections, {durability}-durable, medians of {rounds} rounds of {seconds:g} s:")
            for name, loads in found.items():
                rate, cost, p99 = (
                    median(getattr(load, figure) for load in loads) for figure in ("rate", "cost", "p99")
                )
                print(f"  {name:<18} {rate:>8,.0f} requests/s  {cost:6.1f} us of a core each  p99 {p99 / 1e3:.2f} ms")
            own, what = found["the engine"], f"pick+report, {durability}-durable, of"
            aims = {"bare httptools": (0.7, 0.4), "nginx return 200": (0.6, 0.35), "FastAPI routes": (7.0, 4.0)}
            for name, (target, least) in aims.items():
                if durability == "process" or name == "bare httptools":
                    measured = ratio(own, found[name])
                    rows.append(Row(f"{what} {name}", target, least, measured, "x", more=True))
    return show(rows)


def main() -> None:
    """Build the host, measure, and take it down."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often all are measured (5)")
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each (3)")
    parser.add_argument("--pool", type=int, default=200, help="addresses in the pool (200)")
    given = parser.parse_args()
    enter()
    peer = idle.upstream()
    with site(), tempfile.TemporaryDirectory() as name:
        try:
            good = measure(Path(name), given.pool, given.rounds, given.seconds)
        finally:
            peer.kill()
            peer.wait()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()
