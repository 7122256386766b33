"""What an engine with nothing to do costs: share of a core and memory, for every NDP strategy, and tables it reads.

    sudo python benchmarks/idle.py [--seconds 20] [STRATEGY=ADDRESSES ...]

Runs in network namespaces of its own, which end with it. The engine is the real one with its defaults but for the check
URL, which is served here, so that filling the pool takes seconds. What counts is the engine and all its children, from
/proc, over SECONDS after the pool has filled and the engine has come to rest.
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
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from benchmarks.place import FILL_WITHIN, SITE, enter, settings, site
from benchmarks.row import Row, keep

RUNS = ("routed=1000", "ndppd=1000", "responder=1000", "proxy=1000", "address=1000", "address=2000")
SETTLE = 5.0
MOST_CPU, MOST_RSS = 0.01, 120.0
TICK = os.sysconf("SC_CLK_TCK")


def shell(command: str) -> None:
    subprocess.run(["sh", "-ec", command], check=True)


def upstream() -> subprocess.Popen[bytes]:
    """Build a router with fe80::1 in a namespace of its own; it ends when the process returned does."""
    here = Path("/proc/self/ns/net").readlink()
    peer = subprocess.Popen(["unshare", "-n", "cat"], stdin=subprocess.PIPE)
    while Path(f"/proc/{peer.pid}/ns/net").readlink() == here:
        time.sleep(0.01)
    shell(
        "ip link set lo up; sysctl -qw net.ipv6.conf.default.accept_dad=0;"
        f" ip link add up0 type veth peer name dn0 netns {peer.pid}; ip link set up0 up; ip addr add {SITE}/128 dev lo"
    )
    inside = f"nsenter --net=/proc/{peer.pid}/ns/net"
    shell(
        f"{inside} sysctl -qw net.ipv6.conf.default.accept_dad=0; {inside} ip link set dn0 up;"
        f" {inside} ip addr add fe80::1/64 dev dn0 nodad; {inside} ip addr add 2001:db8:4f8:10::1/64 dev dn0 nodad;"
        f" {inside} ip -6 route add 2001:db8:5::/56 via fe80::2 dev dn0;"
        " ip addr add fe80::2/64 dev up0 nodad; ip addr add 2001:db8:4f8:10::2/64 dev up0 nodad;"
        " ip -6 route add default via fe80::1 dev up0"
    )
    return peer


def state(folder: Path) -> dict[str, dict[str, int]] | None:
    connection = http.client.HTTPConnection("localhost", timeout=5)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.connect(str(folder / "engine.sock"))
        connection.request("GET", "/state")
        found: dict[str, dict[str, int]] = json.loads(connection.getresponse().read())
    except OSError:
        return None
    finally:
        connection.close()
    return found


def family(pid: int) -> list[int]:
    """Return `pid` and all below it."""
    below = Path(f"/proc/{pid}/task").glob("*/children")
    children = [int(child) for path in below for child in path.read_text().split()]
    return [pid, *(one for child in children for one in family(child))]


def seconds_run(pid: int) -> float:
    """Return what `pid` and the children it has waited for have run, in seconds.

    Its own share to the nanosecond, by thread (schedstat): ticks are too coarse for what hardly runs.
    """
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(threads(pid).values()) + sum(map(int, fields[13:15])) / TICK


def resident(pid: int) -> float:
    """Return the resident memory of `pid` in MB."""
    status = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
    return int(status["VmRSS"].split()[0]) / 1_000


def threads(pid: int) -> dict[str, float]:
    found: dict[str, float] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        ran = int((task / "schedstat").read_text().split()[0]) / 1e9
        found[f"{name} {task.name}"] = ran
    return found


def measure(strategy: str, count: int, seconds: float, *, verbose: bool) -> bool:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        log = (folder / "log").open("wb")
        command = [sys.executable, "-m", "ipv6console", "serve", "--config", str(settings(folder, strategy, count))]
        engine = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            began = time.monotonic()
            while (now := state(folder)) is None or now["pool"]["idle"] < count:
                if engine.poll() is not None or time.monotonic() - began > FILL_WITHIN:
                    sys.exit(
                        f"{strategy}: the pool did not fill: {now and now['pool']}\n{(folder / 'log').read_text()}"
                    )
                time.sleep(0.2)
            filled = time.monotonic() - began
            time.sleep(SETTLE)
            pids = family(engine.pid)
            before, parts = {pid: seconds_run(pid) for pid in pids}, threads(engine.pid)
            time.sleep(seconds)
            ran = sum(seconds_run(pid) - before.get(pid, 0.0) for pid in family(engine.pid))
            cpu, rss = ran / seconds, resident(engine.pid)
            well = cpu < MOST_CPU and rss < MOST_RSS
            what = f"idle engine, {strategy}, {count:,} addresses"
            keep(
                [
                    Row(f"{what}: share of a core", 100 * MOST_CPU, 100 * MOST_CPU, 100 * cpu, "%"),
                    Row(f"{what}: memory", MOST_RSS, MOST_RSS, rss, "MB"),
                ]
            )
            print(
                f"{strategy:<10} {count:>6} addresses  {cpu:7.2%} of a core  {rss:6.1f} MB"
                f"  (+ {sum(map(resident, pids[1:])):.1f} MB in {len(pids) - 1} children; filled in {filled:.0f} s)"
                f"  {'ok' if well else 'MISSED'}",
                flush=True,
            )
            if verbose:
                for thread, used in threads(engine.pid).items():
                    print(f"    {thread:<24} {(used - parts.get(thread, 0.0)) / seconds:7.3%}")
        finally:
            engine.send_signal(signal.SIGTERM)
            engine.wait()
            log.close()
    return well


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("runs", nargs="*", default=RUNS, metavar="STRATEGY=ADDRESSES")
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each is watched (20)")
    parser.add_argument("--threads", action="store_true", help="show each thread's share too")
    given = parser.parse_args()
    enter()
    peer = upstream()
    with site():
        try:
            print(f"target: < {MOST_CPU:.0%} of a core, < {MOST_RSS:.0f} MB; over {given.seconds:.0f} s")
            runs = [run.partition("=") for run in given.runs]
            good = [measure(name, int(count), given.seconds, verbose=given.threads) for name, _, count in runs]
        finally:
            peer.kill()
            peer.wait()
    sys.exit(0 if all(good) else 1)


if __name__ == "__main__":
    main()
