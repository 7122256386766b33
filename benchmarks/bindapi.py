"""Binding, finding and releasing addresses over HTTP by 16 clients at once, each act safe from a loss of power.

    sudo python benchmarks/bindapi.py [--clients 16] [--seconds 5] [--bindings 100000]

The engine is the real one, with its whole API and its store, in a network namespace of its own and on the first core; a space
with a /64 has BINDINGS bindings already, made 1,000 at a time. The clients are threads of one process on the last core, each
with a connection of its own to the Unix socket: bind, find by address, release, without a pause. The slowest percent of each
act is told, and what of the core was the engine's share.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.place import enter, settings
from benchmarks.row import Row, show

FIRST, LAST = min(os.sched_getaffinity(0)), max(os.sched_getaffinity(0))
PATIENCE = 60.0
AT_ONCE = 1_000


class Client(http.client.HTTPConnection):
    """One connection to the Unix socket at `path`."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE)
        self._path = str(path)

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(self._path)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Return the answer to a request, which has to be done."""
        headers = {} if body is None else {"content-type": "application/json"}
        self.request(method, path, None if body is None else json.dumps(body), headers)
        answer = self.getresponse()
        document = json.loads(answer.read())
        if answer.status != 200:
            raise SystemExit(f"{method} {path}: {document}")
        return document


def ready(path: Path, engine: subprocess.Popen[bytes]) -> Client:
    """Return a client of the engine once it answers."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and engine.poll() is None:
        client = Client(path)
        try:
            client.ask("GET", "/health")
        except OSError:
            time.sleep(0.05)
        else:
            return client
    raise SystemExit("the engine does not answer")


def filled(client: Client, bindings: int) -> None:
    """Make the space, and its bindings."""
    client.ask("POST", "/spaces", {"name": "edge", "quarantine": 0})
    client.ask("POST", "/ranges", {"space": "edge", "range": "2001:db8:5::/64"})
    for start in range(0, bindings, AT_ONCE):
        rows = [
            {"space": "edge", "instance": f"rack{n % 500}", "id": f"old{n}", "kind": "vm", "resource": f"vm{n}"}
            for n in range(start, min(start + AT_ONCE, bindings))
        ]
        client.ask("POST", "/bindings/bulk", {"bindings": rows})


def load(path: Path, number: int, until: float, told: dict[str, list[float]]) -> None:
    """Bind, find and release until it is time, and tell how long each took."""
    client, count = Client(path), 0
    mac = {"space": "edge", "instance": f"load{number}", "kind": "mac", "resource": f"02:00:5e:10:00:{number:02x}"}
    while time.monotonic() < until:
        count += 1
        began = time.perf_counter()
        address = client.ask("POST", "/bindings", {**mac, "id": f"nic{count}"})["binding"]["address"]
        bound = time.perf_counter()
        client.ask("GET", f"/bindings/edge/{address}")
        found = time.perf_counter()
        client.ask("DELETE", f"/bindings/edge/{address}")
        released = time.perf_counter()
        told["bind"].append(bound - began)
        told["find"].append(found - bound)
        told["release"].append(released - found)
    client.close()


def measured(path: Path, engine: int, clients: int, seconds: float) -> dict[str, list[float]]:
    """Return the seconds each act took."""
    told: dict[str, list[float]] = {"bind": [], "find": [], "release": []}
    worked, began = cpu(engine), time.monotonic()
    threads = [threading.Thread(target=load, args=(path, n, began + seconds, told)) for n in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took = time.monotonic() - began
    acts = sum(map(len, told.values()))
    share = (cpu(engine) - worked) / took
    print(f"{acts / took:,.0f} acts/s by {clients} clients, the engine on {share:.0%} of a core")
    for name, times in told.items():
        print(
            f"  {name:<8} median {median(times) * 1e3:.2f} ms, slowest {max(times) * 1e3:.2f} ms, {len(times):,} of them"
        )
    return told


def cpu(pid: int) -> float:
    """Return the seconds a process has worked."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Measure, and print the rows."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--bindings", type=int, default=100_000)
    given = parser.parse_args()
    enter()
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = settings(folder, "auto", 1)
        words = ["taskset", "-c", str(FIRST), sys.executable, "-m", "ipv6console", "serve", "--config", str(config)]
        with (folder / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as engine:
            try:
                client = ready(folder / "engine.sock", engine)
                began = time.monotonic()
                filled(client, given.bindings)
                print(f"{given.bindings:,} bindings made in bulk in {time.monotonic() - began:.1f} s")
                os.sched_setaffinity(0, {LAST})
                told = measured(folder / "engine.sock", engine.pid, given.clients, given.seconds)
            finally:
                engine.send_signal(signal.SIGTERM)
                engine.wait(PATIENCE)
    rows = [
        Row(
            f"{name} by {given.clients} clients, {given.bindings:,} bindings, power-durable, p99",
            20,
            20,
            quantiles(times, n=100)[98] * 1e3,
            "ms",
        )
        for name, times in told.items()
    ]
    sys.exit(0 if show(rows) else 1)


if __name__ == "__main__":
    main()
